"""`dispr convert`: weights from a checkpoint of the published program."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from dispr._version import __version__
from dispr.cli.published import EITHER_SPELLING, Word, flags_for_cells, published_options
from dispr.cli.say import note, result
from dispr.errors import ConfigError
from dispr.model.published import MODEL_FLAGS, UNTOLD_FLAGS, as_typed


@click.command(context_settings=EITHER_SPELLING)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Output file (.safetensors).",
)
@click.option(
    "--trained_with",
    type=Word(["published", "defaults"]),
    default=None,
    help="Values of the flags that are not given here: those of the published command lines, or "
    "the defaults of the published program.",
)
@published_options((*MODEL_FLAGS, "use_ddim", "clip_denoised"), defaults=False)
def command(file: Path, out: Path, trained_with: Any, **options: Any) -> None:
    """Convert FILE, a checkpoint (.pt) of the published program, to weights for `dispr predict`.

    Give the flags that it was trained with, in either spelling (--num_heads 4 or --num-heads 4).
    Flags that can be inferred from the names and shapes of the parameters are optional; if given,
    they are checked. The others are required: num_heads, num_heads_upsample, num_head_channels,
    use_new_attention_order, learn_sigma, diffusion_steps, noise_schedule, predict_xstart and
    rescale_timesteps; or --trained-with, which sets them to published or default values. Code in
    the file is never executed.
    """
    from dispr.model.published import model_config
    from dispr.model.published_checkpoint import complete_flags, load_published
    from dispr.model.weights import Weights, save_weights

    if out.resolve() == file.resolve():
        raise ConfigError(f"{out} is the checkpoint itself; choose another output file.")
    given = {name: value for name, value in options.items() if value is not None}
    flags = flags_for_cells(complete_flags(file, given, trained_with))
    config = model_config(flags)
    state = load_published(file, config)
    used = {name: value for name, value in dataclasses.asdict(flags).items() if name in options}
    about = {"dispr": __version__, "converted_from": file.name, "flags": used}
    save_weights(out, Weights(config, state, about))
    parameters = sum(value.numel() for value in state.values())
    note(f"Trained with {as_typed({name: used[name] for name in UNTOLD_FLAGS})}.")
    result(f"{parameters:,} parameters: {out}", parameters=parameters, flags=used, weights=out)
