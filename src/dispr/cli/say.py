"""What commands say: results on standard output, notes and warnings on standard error."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dispr.failures import Failures

from dispr.errors import DisprWarning
from dispr.names import count_of

PARTLY = 3
"""Exit code of a command that is done, but for some cells. Others are 0, done; 2, bad input or
settings; 130, stopped."""

FILES = (
    ".csv",
    ".parquet",
    ".html",
    ".png",
    ".svg",
    ".pdf",
    ".safetensors",
    ".pt",
    ".json",
    ".zip",
    ".h5ad",
    ".onnx",
)
"""What names of files that commands write end in; others are folders."""

_QUIET, _JSON = "dispr.quiet", "dispr.json"


def with_output_options(command: click.Command) -> click.Command:
    """Add `--quiet` and `--json` to a command, or to the commands of a group."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            with_output_options(inner)
    elif not any(option.name == "quiet" for option in command.params):
        if any(option.name == "out" for option in command.params):
            command.callback = _held(command.callback)
        for name, callback, text in (
            ("--quiet", _be_quiet, "Hide notes and progress; still show warnings and errors."),
            ("--json", _collect, "Print the results as one JSON object instead of text."),
        ):
            option = click.Option(
                [name], is_flag=True, expose_value=False, callback=callback, help=text
            )
            command.params.append(option)
    return command


def _held(callback: Any) -> Any:
    """Hold what a command writes to while it runs, so that no other process writes to it."""

    @functools.wraps(callback)
    def run(*given: Any, out: Path | None, **options: Any) -> Any:
        from dispr.locks import hold

        further = os.environ.get("RANK", "0") != "0"  # of torchrun, whose first process holds it
        if out is None or further or out.suffix.lower() in FILES:
            return callback(*given, out=out, **options)
        with hold(out):
            return callback(*given, out=out, **options)

    return run


def result(text: str, **facts: Any) -> None:
    """Say what came of a command.

    Parameters
    ----------
    text : str
        For people, on standard output; left out with `--json`.
    **facts
        For programs: numbers, texts, paths, lists and dictionaries of these.
    """
    collected = _meta().get(_JSON)
    if collected is None:
        click.echo(text)
    else:
        collected.update({name: _plain(value) for name, value in facts.items()})


def note(text: str) -> None:
    """Say what a user may want to know; left out with `--quiet`."""
    if not is_quiet():
        click.echo(text, err=True)


def warn(text: str) -> None:
    """Say what a user must know."""
    click.echo(text, err=True)


@contextlib.contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Print a `DisprWarning` as a line of text, above a progress bar if there is one."""
    with warnings.catch_warnings():
        before = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *more: Any) -> None:
            if not issubclass(category, DisprWarning):
                before(message, category, *more)
            elif "tqdm" in sys.modules:
                sys.modules["tqdm"].tqdm.write(f"Warning: {message}", file=sys.stderr)
            else:
                warn(f"Warning: {message}")

        warnings.showwarning = show  # type: ignore[assignment]
        warnings.simplefilter("always", DisprWarning)
        yield


def partly(failures: Failures, what: str, table: Path) -> int:
    """Say how many failed; give the exit code.

    Parameters
    ----------
    failures : Failures
        What failed.
    what : str
        What these are, such as "cells".
    table : Path
        The file that lists them.
    """
    if not failures.found:
        return 0
    first = failures.found[0]
    count = count_of(len(failures), what.removesuffix("s"))
    warn(f"{count} failed; {table} says why. The first, {first.name}: {first.reason}")
    return PARTLY


def is_quiet() -> bool:
    """Tell whether the running command was given `--quiet`."""
    return bool(_meta().get(_QUIET))


def _meta() -> dict[str, Any]:
    context = click.get_current_context(silent=True)
    return {} if context is None else context.meta


def _be_quiet(context: click.Context, option: click.Parameter, value: bool) -> None:
    context.meta[_QUIET] = value


def _collect(context: click.Context, option: click.Parameter, value: bool) -> None:
    if value:
        facts: dict[str, Any] = {}
        context.meta[_JSON] = facts
        context.call_on_close(lambda: _print(facts))


def _plain(value: Any) -> Any:
    """Give a value as JSON has it: numbers that are not finite as null."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if hasattr(value, "item"):  # of numpy
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print(facts: dict[str, Any]) -> None:
    if facts:  # none where an error ended the command
        click.echo(json.dumps(facts, default=str, allow_nan=False, indent=1))
