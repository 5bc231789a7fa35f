"""Training as the flags of the published program say."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dispr.cells.folder import CellFiles
from dispr.errors import ConfigError
from dispr.model.published import PublishedFlags, model_config, numbers
from dispr.model.published_checkpoint import load_published, save_published
from dispr.model.weights import Weights
from dispr.training.checkpoint import NAME as CHECKPOINT
from dispr.training.config import TrainingConfig
from dispr.training.trainer import Trainer

STEPS = 60000
"""Where training ends unless told: the published program goes on until it is stopped."""

FIRST_SCALE = 2.0**20
"""Loss scale that the published program begins with in half precision."""


def training_config(
    flags: PublishedFlags, *, steps: int = 0, seed: int = 0, keep_every: int = 0
) -> TrainingConfig:
    """Give the training that the flags mean: all cells, as they are, without validation.

    Parameters
    ----------
    flags : PublishedFlags
        The flags.
    steps : int
        Last step; 0 for `lr_anneal_steps`, or 60,000 where that is 0 too.
    seed : int
        Of everything that is random in training.
    keep_every : int
        Steps between numbered checkpoints that are kept; 0 for none.

    Raises
    ------
    ConfigError
        If a flag has an invalid value.
    """
    if flags.fp16_scale_growth < 0:
        raise ConfigError(
            f"fp16_scale_growth must not be negative, but is {flags.fp16_scale_growth}."
        )
    if steps < 0:
        raise ConfigError(f"steps must not be negative, but is {steps}.")
    if flags.lr_anneal_steps > 0:
        # Beyond, the learning rate would be 0.
        steps = min(steps or flags.lr_anneal_steps, flags.lr_anneal_steps)
    return TrainingConfig(
        steps=steps or STEPS,
        batch_size=flags.batch_size,
        microbatch=max(flags.microbatch, 0),
        lr=flags.lr,
        weight_decay=flags.weight_decay,
        lr_anneal_steps=flags.lr_anneal_steps,
        ema_rates=numbers("ema_rate", flags.ema_rate, float),
        precision="fp16" if flags.use_fp16 else "fp32",
        schedule_sampler=flags.schedule_sampler,
        seed=seed,
        validation_fraction=0.0,
        validation_interval=0,
        save_interval=flags.save_interval,
        log_interval=flags.log_interval,
        keep_every=keep_every,
    )


class PublishedTrainer(Trainer):
    """A run of the published method, which also keeps `savedmodel.pt` up to date.

    Parameters
    ----------
    files : sequence of CellFiles
        Cells with objects, all to train on.
    run : Path
        Folder of the run.
    flags : PublishedFlags
        What to train, and how.
    steps, seed, keep_every
        As for `training_config`.
    device : str
        "auto", "cpu", "cuda" or "cuda:1".
    about : dict, optional
        Remarks to keep in the weights.

    Raises
    ------
    ConfigError, FileError
        As for `Trainer`, and if the checkpoint to begin with is not one of this configuration.
    """

    def __init__(
        self,
        files: Sequence[CellFiles],
        run: Path,
        flags: PublishedFlags,
        *,
        steps: int = 0,
        seed: int = 0,
        keep_every: int = 0,
        device: str = "auto",
        about: dict[str, Any] | None = None,
    ) -> None:
        model = model_config(flags)
        training = training_config(flags, steps=steps, seed=seed, keep_every=keep_every)
        initial: Weights | str | None = None
        if flags.resume_checkpoint:
            path = Path(flags.resume_checkpoint)
            if (Path(run) / CHECKPOINT).exists() and not path.exists():
                initial = path.name
            else:
                state = load_published(path, model)
                initial = Weights(model, state, {"checkpoint": path.name}, str(path))
        super().__init__(
            files,
            run,
            model,
            training,
            device=device,
            initial=initial,
            about={"flags": dataclasses.asdict(flags), **(about or {})},
        )
        if self.scaler.is_enabled():
            set_loss_scale(self.scaler, flags.fp16_scale_growth, begin=self.step == 0)

    def write_weights(self, mark: str = "") -> None:
        """Write the averaged weights, also under the published names."""
        super().write_weights(mark)
        for i, average in enumerate(self.averages):
            name = f"savedmodel{mark[1:]}" if i == 0 else f"savedmodel_ema_{average.rate}{mark}"
            save_published(self.run / f"{name}.pt", average.state)


def set_loss_scale(scaler: Any, growth: float, *, begin: bool) -> None:
    """Let a loss scale change as the published program's does.

    Parameters
    ----------
    scaler : torch.amp.GradScaler
        Changed in place; an overflow halves its scale.
    growth : float
        What each step without overflow adds to the scale's base-2 logarithm.
    begin : bool
        Set the scale to where the published program begins; otherwise it is kept.
    """
    state = scaler.state_dict()
    scale = FIRST_SCALE if begin else state["scale"]
    changed = {"scale": scale, "growth_factor": 2.0**growth, "growth_interval": 1}
    scaler.load_state_dict({**state, **changed})
