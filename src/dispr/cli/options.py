"""Command-line options made from configuration classes, their help from the docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import re
import shlex
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import click.core

from dispr.errors import ConfigError


def typed_command() -> str:
    """Give the command line as it was typed, for a POSIX shell."""
    return shlex.join(["dispr", *sys.argv[1:]])


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def out_option(text: str = "Output folder.", *, required: bool = True) -> Decorator:
    """Add `-o/--out`, a folder or file to write."""
    return click.option("-o", "--out", "--output", "out", type=Name, required=required, help=text)


def split_option(text: str = "Part of the data set. Default: all cells.", **more: Any) -> Decorator:
    """Add `--split`, a part of a data set."""
    choice = click.Choice(["train", "test"])
    return click.option("--split", type=choice, help=text, **{"default": None, **more})


def groups_option(text: str) -> Decorator:
    """Add `--groups`, a table of groups of cells."""
    return click.option("--groups", type=Name, default=None, help=text)


def shard_option(what: str = "cell") -> Decorator:
    """Add `--shard`, a part of the cells, or of what these are from."""
    return click.option(
        "--shard",
        type=ShardType(),
        default=None,
        metavar="I/N",
        help=f"Do only part I of N, from 1/N to N/N: every N-th {what} by name. Give each part a "
        "folder of its own, and join them with dispr gather.",
    )


class ShardType(click.ParamType):
    """A part of a run, such as 2/8."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn "2/8" into a `Shard`."""
        from dispr.shards import Shard, as_shard

        return value if isinstance(value, Shard) else as_shard(value)


def strict_option(what: str = "cell") -> Decorator:
    """Add `--strict`, whether what fails stops the run."""
    return click.option(
        "--strict",
        is_flag=True,
        help=f"Stop at the first {what} that fails. Default: do the others, list those that failed "
        "in failures.csv, and end with exit code 3.",
    )


def level_option() -> Decorator:
    """Add `--level`, how many cells an interval holds for."""
    return click.option(
        "--level",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=None,
        help="Level of the intervals: the fraction of cells whose true value they contain, such as "
        "0.5, 0.68 or 0.95. Default: 0.9, or that of the prediction.",
    )


def jobs_option(
    text: str = "Number of parallel processes. Default: one per CPU core.",
) -> Decorator:
    """Add `--jobs`, how many processes work."""
    return click.option("--jobs", type=click.IntRange(1), default=None, help=text)


def device_options(precision: bool = True) -> Decorator:
    """Add `--device` and `--precision`, where and in which arithmetic a network computes."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        if precision:
            command = click.option(
                "--precision",
                type=click.Choice(["fp32", "bf16", "fp16", "auto"]),
                default="auto",
                show_default=True,
                help="Floating-point precision: bf16 for GPUs and for CPUs with AMX or "
                "AVX512-BF16, fp16 for GPUs; auto uses bf16 where the device computes it in "
                "hardware, else fp32, and resumes a run in its own.",
            )(command)
        return click.option(
            "--device",
            type=Device(),
            default="auto",
            show_default=True,
            help="Device to compute on; auto uses a CUDA GPU if there is one.",
        )(command)

    return decorate


def compile_option() -> Decorator:
    """Add `--compile`."""
    return click.option(
        "--compile",
        "compiled",
        is_flag=True,
        help="Compile the network, for long runs: it takes a minute or more first, and needs a C++ "
        "compiler.",
    )


def channel_option(of: str) -> Decorator:
    """Add `--channel`, by number or name."""
    return click.option(
        "--channel",
        type=Channel(),
        default=None,
        help=f"Channel of {of} to use: its number, counted from 0, or its name.",
    )


class Channel(click.ParamType):
    """A channel of an image: its number, or its name."""

    name = "N|NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Turn digits into a number."""
        text = str(value).strip()
        return int(text) if text.isdecimal() else text


class Device(click.ParamType):
    """A device to compute on: auto, cpu, cuda, or cuda with a number."""

    name = "auto|cpu|cuda[:N]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse other words."""
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", str(value)):
            self.fail(f"{value!r} is not one of auto, cpu, cuda, cuda:0, ...", param, ctx)
        return str(value)


Name = click.Path(path_type=Path)
"""The name of a file or folder."""


def list_option(name: str, choices: Sequence[str], **more: Any) -> Decorator:
    """Add an option that takes words, separated by commas or in several options."""
    return click.option(
        f"--{name}",
        type=NumberList(str, choices),
        multiple=True,
        callback=_joined,
        metavar=f"[{'|'.join(choices)}],...",
        **more,
    )


def _all_given(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Make one tuple of all that was given; None where nothing was."""
    return tuple(one for part in value for one in part) if value else None


def _joined(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Make one tuple of all that was given, each word once; None where nothing was."""
    return tuple(dict.fromkeys(word for part in value for word in part)) or None


def voxel_size_option(text: str) -> Decorator:
    """Add `--voxel-size`, one number or three."""
    return click.option(
        "--voxel-size", type=VoxelSize(), default=None, metavar="UM or Z,Y,X", help=text
    )


class NumberList(click.ParamType):
    """Numbers, or words, separated by commas, as a tuple.

    Parameters
    ----------
    kind : type
        int, float or str.
    choices : sequence of str
        The words that are known; any if empty.
    """

    def __init__(self, kind: type, choices: Sequence[str] = ()) -> None:
        self.kind, self.choices = kind, choices
        self.name = "words" if kind is str else "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """Turn "1,2,3" into (1, 2, 3)."""
        if isinstance(value, tuple):
            return value
        try:
            found = tuple(self.kind(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers separated by commas.", param, ctx)
        for word in found if self.choices else ():
            if word not in self.choices:
                self.fail(f"{word!r} is not one of {', '.join(self.choices)}.", param, ctx)
        return found


class VoxelSize(NumberList):
    """Edges of a voxel along Z, Y and X in um, of which one stands for all."""

    def __init__(self) -> None:
        super().__init__(float)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """Turn "0.2" into (0.2, 0.2, 0.2)."""
        found = super().convert(value, param, ctx)
        if len(found) not in (1, 3):
            self.fail(f"{value!r} is not one number or three (Z,Y,X).", param, ctx)
        return found * 3 if len(found) == 1 else found


def config_options(
    cls: type,
    prefix: str = "",
    skip: tuple[str, ...] = (),
    show_defaults: bool = False,
    called: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a command with one option for each field of a configuration class.

    Parameters
    ----------
    cls : type
        A dataclass with a numpydoc section "Attributes". Nested configurations are left out.
    prefix : str
        Put before the names: `prefix="network"` gives `--network-channels`.
    skip : tuple of str
        Fields to leave out.
    show_defaults : bool
        Say the fields' defaults in the help. They are not those of presets.
    called : mapping of str to str, optional
        Options by fields that they are not called after.
    """
    hints = typing.get_type_hints(cls)
    described = attribute_help(cls)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for item in reversed(dataclasses.fields(cls)):
            hint = hints[item.name]
            if item.name in skip or dataclasses.is_dataclass(hint):
                continue
            variable = f"{prefix}_{item.name}" if prefix else item.name
            name = "--" + (called or {}).get(item.name, variable.replace("_", "-"))
            arguments: dict[str, Any] = {"default": None, "help": described.get(item.name, "")}
            if show_defaults:
                arguments["show_default"] = _as_text(item.default)
            if hint is bool:
                name = f"{name}/--no-{name[2:]}"
            elif typing.get_origin(hint) is tuple:
                arguments |= {
                    "type": NumberList(typing.get_args(hint)[0]),
                    "multiple": True,
                    "callback": _all_given,
                }
            elif typing.get_origin(hint) is typing.Literal:
                arguments["type"] = click.Choice(typing.get_args(hint))
            else:
                arguments["type"] = hint
            command = click.option(name, variable, **arguments)(command)
        return command

    return decorate


def refuse_given(names: Sequence[str], reason: str) -> None:
    """Refuse options of the running command that mean nothing here, if the user gave them.

    Raises
    ------
    ConfigError
        Naming the first that was given, and the reason.
    """
    context = click.get_current_context()
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if option.name in names and source is click.core.ParameterSource.COMMANDLINE:
            raise ConfigError(f"{option.opts[0]} does not apply: {reason}.")


def _as_text(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def given(values: Mapping[str, Any], prefix: str, cls: type) -> dict[str, Any]:
    """Pick the options of a configuration class that the user gave, by field name."""
    names = {
        item.name: f"{prefix}_{item.name}" if prefix else item.name
        for item in dataclasses.fields(cls)
    }
    return {
        name: values[option] for name, option in names.items() if values.get(option) is not None
    }


def attribute_help(cls: type) -> dict[str, str]:
    """Read the descriptions of attributes from the numpydoc docstrings of a class and its bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__[:-1]):
        # Python 3.13 takes the indentation off when it compiles; this takes it off everywhere.
        section = re.split(r"Attributes\n-+\n", inspect.cleandoc(base.__doc__ or ""))[-1]
        names: list[str] = []
        for line in section.splitlines():
            text = line.strip()
            if not text:
                continue
            if not line.startswith(" ") and " : " in text:
                names = [name.strip() for name in text.split(" : ")[0].split(",")]
                found |= dict.fromkeys(names, "")
            else:
                found |= {name: f"{found[name]} {text}".strip() for name in names}
    return found
