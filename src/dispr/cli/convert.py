"""`dispr convert`: weights from a checkpoint of the published program."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from dispr._version import __version__
from dispr.cli.published import EITHER_SPELLING, flags_for_cells, published_options
from dispr.errors import ConfigError
from dispr.model.published import MODEL_FLAGS


@click.command(context_settings=EITHER_SPELLING)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Weights to write (.safetensors).",
)
@published_options((*MODEL_FLAGS, "use_ddim", "clip_denoised"))
def command(file: Path, out: Path, **options: Any) -> None:
    """Turn FILE, a checkpoint (.pt) of the published program, into weights for `dispr predict`.

    Repeat the flags that it was trained with where they differ from the published ones, in either
    spelling (--num_channels 64 or --num-channels 64). A checkpoint that does not fit them by names
    and shapes is refused. Beware of flags that leave no trace in the shapes: num_heads,
    num_head_channels, use_new_attention_order, rescale_timesteps and those of the diffusion. No
    code in the file is run.
    """
    from dispr.model.published import model_config
    from dispr.model.published_checkpoint import load_published
    from dispr.model.weights import Weights, save_weights

    if out.resolve() == file.resolve():
        raise ConfigError(f"{out} would replace the checkpoint; name another file to write.")
    flags = flags_for_cells(options)
    config = model_config(flags)
    state = load_published(file, config)
    about = {
        "dispr": __version__,
        "converted_from": file.name,
        "flags": {
            name: value for name, value in dataclasses.asdict(flags).items() if name in options
        },
    }
    save_weights(out, Weights(config, state, about))
    parameters = sum(value.numel() for value in state.values())
    click.echo(f"{parameters:,} parameters: {out}")
