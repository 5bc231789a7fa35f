"""The published program's command lines on top of this package."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from dispr.cli.options import attribute_help
from dispr.errors import ConfigError
from dispr.model.published import PublishedFlags

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
        """Turn "True", "true", "yes" or "1" into True, and their opposites into False."""
        if isinstance(value, bool):
            return value
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if value.lower() not in words:
            self.fail(f"{value!r} is neither True nor False.", param, ctx)
        return words[value.lower()]


def published_options(names: Sequence[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a command with published flags; their help is the docstring of `PublishedFlags`."""
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
                kind = click.Choice(typing.get_args(kind))
            command = click.option(
                f"--{item.name}",
                item.name,
                type=kind,
                default=item.default,
                show_default=item.default != "",
                help=described[item.name],
            )(command)
        return command

    return decorate


def flags_for_cells(options: dict[str, Any]) -> PublishedFlags:
    """Collect the flags of a command whose data are cells of 64 voxels.

    Raises
    ------
    ConfigError
        If `image_size` is another.
    """
    flags = PublishedFlags(**options)
    if flags.image_size != PublishedFlags.image_size:
        raise ConfigError(f"image_size must be 64, the size of cells, not {flags.image_size}.")
    return flags


def train(
    data_dir: Path, out: Path, flags: PublishedFlags, *, steps: int, seed: int, device: str
) -> None:
    """Train as the published program does, and save `savedmodel.pt` beside the run's own files."""
    from dispr.cells.folder import find_cells
    from dispr.cli.train import run_with_progress, training_split
    from dispr.training.published import PublishedTrainer

    _refuse_half_precision_on_cpu(flags, device)
    files = find_cells(data_dir, split=training_split(data_dir, "train"), need_obj=True)
    about = {"data": data_dir.resolve().name}
    trainer = PublishedTrainer(
        files, out, flags, steps=steps, seed=seed, device=device, about=about
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

    _refuse_half_precision_on_cpu(flags, device)
    place = find_device(device)
    files = find_cells(data_dir, split=training_split(data_dir, "test"))
    files = files[: num_samples or None]
    config = model_config(flags)
    network = build_network(config)
    network.load_state_dict(load_published(model_path, config))
    precision = "fp16" if flags.use_fp16 else "fp32"
    model = Model(config, network, {"checkpoint": model_path.name}, place, precision)

    with Bars("cells") as bars:
        rows = predict_folder(
            model,
            files,
            out,
            ensemble=num_ensemble,
            seed=seed,
            batch_size=flags.batch_size,
            on_progress=bars.counter(len(files)),
        )
    click.echo(f"{len(rows)} cells, {sum(row['samples'] for row in rows)} shapes: {out}")


def _refuse_half_precision_on_cpu(flags: PublishedFlags, device: str) -> None:
    from dispr.model.device import find_device

    if flags.use_fp16 and find_device(device).type != "cuda":
        raise ConfigError("use_fp16 needs a GPU, and this would run on a CPU; leave it False.")
