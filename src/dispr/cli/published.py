"""The published program's command lines on top of this package."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import click.core

from dispr.cli.options import attribute_help
from dispr.errors import ConfigError
from dispr.model.published import PROGRAM_DEFAULTS, PublishedFlags, as_typed
from dispr.names import count_of

# Flags may be written as published, --num_channels, or as elsewhere here, --num-channels.
EITHER_SPELLING = {
    "token_normalize_func": lambda name: name.replace("-", "_"),
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
}


class Truth(click.ParamType):
    """A truth value in words, as the published flags have them: True or False."""

    name = "True|False"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """Turn true, t, yes, y and 1 into True, and their opposites into False."""
        if isinstance(value, bool):
            return value
        word = value.lower()
        if word in ("true", "t", "yes", "y", "1"):
            return True
        if word not in ("false", "f", "no", "n", "0"):
            self.fail(f"{value!r} is not True or False.", param, ctx)
        return False

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Show the published spelling."""
        return self.name


class Word(click.Choice):  # type: ignore[type-arg]  # no generic before click 8.2
    """A choice that keeps the spelling of its words, whatever that of the options."""

    def normalize_choice(self, choice: Any, ctx: click.Context | None) -> str:
        """Compare as written."""
        return str(choice)


def published_options(
    names: Sequence[str], *, defaults: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a command with published flags; their help is the docstring of `PublishedFlags`.

    Parameters
    ----------
    names : sequence of str
        The flags.
    defaults : bool
        Whether flags that are not given have the values of the published command lines; otherwise
        they are None.
    """
    hints = typing.get_type_hints(PublishedFlags)
    described = attribute_help(PublishedFlags)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for item in reversed(dataclasses.fields(PublishedFlags)):
            if item.name not in names:
                continue
            kind = hints[item.name]
            if kind is bool:
                kind = Truth()
            elif typing.get_origin(kind) is typing.Literal:
                kind = Word(typing.get_args(kind))
            command = click.option(
                f"--{item.name}",
                item.name,
                type=kind,
                default=item.default if defaults else None,
                show_default=defaults and item.default != "",
                help=described[item.name],
            )(command)
        return command

    return decorate


def flags_for_cells(flags: PublishedFlags) -> PublishedFlags:
    """Give the flags of a command whose data are cells of 64 voxels.

    Raises
    ------
    ConfigError
        If `image_size` is another.
    """
    if flags.image_size != PublishedFlags.image_size:
        raise ConfigError(f"image_size must be 64, the size of cells, not {flags.image_size}.")
    return flags


def flags_of_script(options: dict[str, Any]) -> PublishedFlags:
    """Collect the flags of the running script, and say which of them the program had otherwise.

    Raises
    ------
    ConfigError
        If `image_size` is not that of cells.
    """
    context = click.get_current_context()
    left_out = [
        name
        for name in PROGRAM_DEFAULTS
        if context.get_parameter_source(name) is not click.core.ParameterSource.COMMANDLINE
    ]
    if left_out:
        ours = as_typed({name: options[name] for name in left_out})
        theirs = as_typed({name: PROGRAM_DEFAULTS[name] for name in left_out})
        click.echo(
            f"Using the values of the published command lines: {ours}. Without these flags, the "
            f"published program itself would use {theirs}.",
            err=True,
        )
    return flags_for_cells(PublishedFlags(**options))


def train(
    data_dir: Path,
    out: Path,
    flags: PublishedFlags,
    *,
    steps: int,
    seed: int,
    device: str,
    keep_every: int = 0,
) -> None:
    """Train as the published program does, and save `savedmodel.pt` beside the run's own files."""
    from dispr.cells.folder import find_cells
    from dispr.cli.train import run_with_progress, training_split
    from dispr.training.published import PublishedTrainer

    _refuse_half_precision_on_cpu(flags, device)
    files = find_cells(data_dir, split=training_split(data_dir, "train"), need_obj=True)
    about = {"data": data_dir.resolve().name}
    trainer = PublishedTrainer(
        files,
        out,
        flags,
        steps=steps,
        seed=seed,
        keep_every=keep_every,
        device=device,
        about=about,
    )
    run_with_progress(trainer, out)


def sample(
    data_dir: Path,
    model_path: Path,
    out: Path,
    flags: PublishedFlags,
    *,
    num_ensemble: int,
    num_samples: int,
    seed: int,
    device: str,
    save_grey: bool = False,
) -> None:
    """Predict cells with a checkpoint of the published program."""
    from dispr.cells.folder import find_cells
    from dispr.cli.progress import Bars
    from dispr.cli.train import training_split
    from dispr.model.device import find_device
    from dispr.model.published import model_config
    from dispr.model.published_checkpoint import load_published
    from dispr.model.weights import build_network
    from dispr.prediction.folder import predict_folder
    from dispr.prediction.model import Model
    from dispr.prediction.settings import PredictionSettings

    _refuse_half_precision_on_cpu(flags, device)
    place = find_device(device)
    files = find_cells(data_dir, split=training_split(data_dir, "test"))
    files = files[: num_samples or None]
    config = model_config(flags)
    network = build_network(config)
    network.load_state_dict(load_published(model_path, config))
    precision = "fp16" if flags.use_fp16 else "fp32"
    model = Model(config, network, {"checkpoint": model_path.name}, place, precision)

    with Bars() as bars:
        rows = predict_folder(
            model,
            files,
            out,
            PredictionSettings(num_ensemble, seed, batch_size=flags.batch_size),
            save_grey=save_grey,
            progress=bars,
        )
    shapes = sum(row["samples"] for row in rows)
    click.echo(f"{count_of(len(rows), 'cell')}, {count_of(shapes, 'shape')}: {out}")


def _refuse_half_precision_on_cpu(flags: PublishedFlags, device: str) -> None:
    from dispr.model.device import find_device

    if flags.use_fp16 and find_device(device).type != "cuda":
        raise ConfigError("use_fp16 needs a GPU, but the device is a CPU; set it to False.")
