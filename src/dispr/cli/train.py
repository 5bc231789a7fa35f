"""`dispr train`: train a model on a folder of cells."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dispr.cells.augment import AugmentConfig
from dispr.cells.classes import CLASSES
from dispr.cli.options import (
    compile_option,
    config_options,
    device_options,
    given,
    out_option,
    split_option,
)
from dispr.diffusion.config import DiffusionConfig
from dispr.errors import ConfigError
from dispr.network.registry import NETWORKS
from dispr.training.config import TrainingConfig
from dispr.training.presets import PRESETS, Preset, get_preset

FOLLOWS = ("size", "in_channels", "out_channels", "num_classes")
"""Settings of networks that follow from the data and the diffusion."""


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command with an option for each setting of any network."""
    seen: tuple[str, ...] = FOLLOWS
    decorators = []
    for config in NETWORKS:
        decorators.append(config_options(config, "network", skip=seen))
        seen += tuple(item.name for item in dataclasses.fields(config))
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


@click.command(context_settings={"max_content_width": 100})
@click.argument("data", type=click.Path(path_type=Path))
@out_option("Output folder of the run.")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="fast",
    show_default=True,
    help="Training recipe: "
    + "; ".join(f"{name}, {preset.about}" for name, preset in PRESETS.items())
    + ". Change it by the options below.",
)
@split_option("Part of the data set to train on.", default="train", show_default=True)
@click.option(
    "--extra",
    type=click.Path(path_type=Path),
    default=None,
    help="Additional data set to train on, such as simulated cells.",
)
@device_options(precision=False)
@compile_option()
@click.option(
    "--init", type=click.Path(path_type=Path), default=None, help="Weights to start from."
)
@click.option(
    "--frame",
    type=float,
    default=None,
    help="Edge of the images of the cells in um. Default: from the file metadata.",
)
@click.option("--cell-type", default=None, help='Name of the cells for messages, such as "nuclei".')
@click.option("--tensorboard", is_flag=True, help="Also write TensorBoard event files.")
@click.option(
    "--target",
    type=click.Choice(["half", "any", "grey"]),
    default=None,
    help="Training target: voxels of obj above 127 (half), above 0 (any), or their grey values "
    "(grey).",
)
@click.option(
    "--sampler",
    type=click.Choice(["ddpm", "ddim", "dpm-solver"]),
    default=None,
    help="Default sampler, stored in the weights.",
)
@click.option(
    "--sampling-steps", default=None, help="Default sampling steps, stored in the weights."
)
@click.option(
    "--class-cond/--no-class-cond",
    default=None,
    help="Give the network the class of each cell as an input.",
)
@config_options(TrainingConfig)
@config_options(AugmentConfig, "augment")
@network_options
@config_options(DiffusionConfig, "diffusion")
def command(data: Path, out: Path, preset: str, split: str, **options: Any) -> None:
    """Train a model on the cells of DATA.

    DATA contains train/ with the folders obj, image and mask (or these folders themselves). OUT
    receives weights.safetensors, checkpoint.pt and logs. Press Ctrl-C to interrupt; re-run the same
    command to resume. To use several GPUs or machines, start the same command with torchrun or
    accelerate launch.
    """
    from dispr.cells.folder import find_cells
    from dispr.model.weights import load_weights
    from dispr.training.checkpoint import NAME as CHECKPOINT
    from dispr.training.trainer import Trainer

    init = options["init"]
    initial = None
    if init:
        gone = (out / CHECKPOINT).exists() and not init.exists()  # its name is enough then
        initial = init.name if gone else load_weights(init)
    recipe = change_preset(begun_with(get_preset(preset), initial, out), options)
    files = find_cells(data, split=training_split(data, split), need_obj=True)
    extra = options["extra"]
    more = find_cells(extra, split=training_split(extra, split), need_obj=True) if extra else ()
    of_extra = {"extra_data": extra.resolve().name} if extra else {}
    trainer = Trainer(
        files,
        out,
        recipe.model,
        recipe.training,
        extra=more,
        device=options["device"],
        initial=initial,
        tensorboard=options["tensorboard"],
        frame_um=options["frame"],
        cells=options["cell_type"],
        compiled=options["compiled"],
        about={
            "name": out.resolve().name,
            "preset": preset,
            "data": data.resolve().name,
            **of_extra,
        },
    )
    run_with_progress(trainer, out)


def training_split(data: Path, split: str) -> str | None:
    """Give the part of the data to train on; None for a folder that has no parts."""
    return split if any((data / name).is_dir() for name in ("train", "test")) else None


SHOWN = {
    "loss": "loss",
    "validation_loss": "validation loss",
    "validation_consensus_iou": "consensus IoU",
    "validation_best_iou": "best IoU",
    "validation_volume_error": "volume error",
}
"""What the progress bar shows of what is logged."""


def run_with_progress(trainer: Any, out: Path) -> None:
    """Train with a progress bar; end with a sentence on what is there, 130 if interrupted."""
    from tqdm import tqdm

    from dispr.training.trainer import BEST

    main = trainer.accelerator.is_main_process
    if main:
        from dispr.prediction.calibrate import too_few

        parameters = sum(p.numel() for p in trainer.network.parameters())
        click.echo(
            f"{len(trainer.cells)} training cells, {len(trainer.validation_cells)} validation "
            f"cells; {parameters:,} parameters; {trainer.accelerator.num_processes} x "
            f"{trainer.device.type}, {trainer.training.precision}."
        )
        for line in too_few(len(trainer.cells), len(trainer.validation_cells)):
            click.echo(line)
        if trainer.frame is None:
            click.echo(
                "No file states its pixel size, so the weights will not record the physical size "
                "of the training images, and predicted cells cannot be scaled to match it; see "
                "--frame."
            )
        if trainer.step:
            click.echo(f"Resuming the run at step {trainer.step}.")
    bar = tqdm(
        total=trainer.training.steps,
        initial=trainer.step,
        unit="step",
        disable=not main,
        leave=True,
    )
    shown: dict[str, str] = {}

    def show(step: int, values: dict[str, float]) -> None:
        shown.update({SHOWN[key]: f"{value:.4g}" for key, value in values.items() if key in SHOWN})
        if values:
            bar.set_postfix(shown, refresh=False)
        bar.update(step - bar.n)

    def stopping() -> None:
        bar.write("Stopping after this step; press Ctrl-C again to stop at once without saving it.")

    with contextlib.closing(bar):  # before an error is told, too
        finished = trainer.fit(show, on_stop=stopping if main else None)
    score, step = trainer.best
    if main and finished and step:
        click.echo(
            f"Best on the validation cells (consensus IoU - volume error {score:.3f}) at step "
            f"{step}: {out / BEST}"
        )
        for line in compared(trainer, step):
            click.echo(line)
    if main and finished:
        click.echo(f"Done: {out / 'weights.safetensors'}")
    elif main:
        click.echo(f"Stopped at step {trainer.step}; re-run the same command to resume.", err=True)
    if not finished:
        sys.exit(130)


def compared(trainer: Any, step: int) -> list[str]:
    """Say whether the weights of a step beat the baselines on the validation cells."""
    from dispr.training.compare import baseline_scores, verdict
    from dispr.training.log import read_log

    rows = read_log(trainer.run / "validation_log.csv")
    row = next(row for row in rows if int(row["step"]) == step)
    scores = {key: float(row[key]) for key in ("consensus_iou", "volume_error")}
    most = trainer.training.validation_cells
    baselines = baseline_scores(trainer.cells, trainer.validation_cells, most)
    return verdict(scores, baselines, min(most, len(trainer.validation_cells)))


def begun_with(preset: Preset, initial: Any, run: Path) -> Preset:
    """Give a recipe the network of the weights that a run begins with, if it is of the same kind.

    Where only the name of the weights is left, it is that of the run.
    """
    from dispr.model.config import KINDS, ModelConfig, from_dict
    from dispr.training.checkpoint import load_checkpoint

    if initial is None:
        return preset
    if isinstance(initial, str):
        state = load_checkpoint(run)
        assert state is not None
        network = from_dict(ModelConfig, state["settings"]["model"], KINDS).network
    else:
        network = initial.config.network
    if type(network) is not type(preset.model.network):
        return preset
    return dataclasses.replace(preset, model=dataclasses.replace(preset.model, network=network))


def change_preset(preset: Preset, options: dict[str, Any]) -> Preset:
    """Change a recipe by the options that were given.

    Raises
    ------
    ConfigError
        If an option does not apply to the recipe, or its value is invalid.
    """
    training_options = given(options, "", TrainingConfig)
    # A decay over the whole run follows the length of the run.
    if preset.training.lr_anneal_steps == preset.training.steps and "steps" in training_options:
        training_options.setdefault("lr_anneal_steps", training_options["steps"])
    training = dataclasses.replace(
        preset.training,
        **training_options,
        augment=dataclasses.replace(
            preset.training.augment, **given(options, "augment", AugmentConfig)
        ),
    )

    diffusion = preset.model.diffusion
    diffusion_options = given(options, "diffusion", DiffusionConfig)
    if diffusion is not None:
        diffusion = dataclasses.replace(diffusion, **diffusion_options)
    elif diffusion_options:
        raise ConfigError("--diffusion-... options do not apply to a deterministic preset.")

    network = preset.model.network
    chosen = {
        name: value for kind in NETWORKS for name, value in given(options, "network", kind).items()
    }
    known = {item.name for item in dataclasses.fields(network)}
    strange = [f"--network-{name.replace('_', '-')}" for name in chosen.keys() - known]
    if strange:
        raise ConfigError(f"{', '.join(sorted(strange))} do not apply to this preset.")
    network = dataclasses.replace(network, **chosen)
    network = network.for_model(
        diffusion.prediction if diffusion else None,
        diffusion.out_channels if diffusion else 1,
        len(CLASSES) if options.get("class_cond") else 0,
    )
    model = dataclasses.replace(
        preset.model,
        network=network,
        diffusion=diffusion,
        target=options.get("target") or preset.model.target,
        sampler=options.get("sampler") or preset.model.sampler,
        sampling_steps=options.get("sampling_steps") or preset.model.sampling_steps,
    )
    return Preset(preset.about, model, training)
