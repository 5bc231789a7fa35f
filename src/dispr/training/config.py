"""Every hyper-parameter of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from dispr.cells.augment import AugmentConfig
from dispr.diffusion.timesteps import TIMESTEP_SAMPLERS
from dispr.errors import ConfigError

Precision = Literal["fp32", "bf16", "fp16", "auto"]


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained. The defaults are the published settings where it states them.

    Attributes
    ----------
    steps : int
        Optimiser steps.
    batch_size : int
        Cells a step, over all processes.
    microbatch : int
        Most cells that a process takes through the network at once; 0 for no limit. The result
        is the same (but for dropout), in less memory.
    lr, weight_decay : float
        Of AdamW.
    lr_anneal_steps : int
        Lower the learning rate linearly to 0 over so many steps; 0 to keep it.
    warmup_steps : int
        Raise the learning rate linearly from 0 over so many steps.
    grad_clip : float
        Largest norm of the gradient; 0 for no limit.
    ema_rates : tuple of float
        Rates of the moving averages of the weights. The first is what is predicted with.
    ema_warmup : bool
        Keep the rates below (1 + step) / (10 + step), so that a short run is not dominated by
        its beginning.
    precision : "fp32", "bf16", "fp16" or "auto"
        Arithmetic inside the network; the weights stay float32. auto: bf16 where the device has
        instructions for it (GPUs, AMX, AVX512-BF16), fp32 elsewhere.
    schedule_sampler : str
        How diffusion steps are drawn: "uniform", "low-noise" (T u^2 of a uniform u) or
        "loss-second-moment" (by their share of the loss).
    augment : AugmentConfig
        Random variation of the cells.
    seed : int
        Of everything that is random in training.
    extra_share : float
        Share of the samples that are of extra cells, where there are any.
    validation_fraction : float
        Share of the cells set aside to validate on.
    validation_interval : int
        Steps between validations; 0 for none.
    validation_cells : int
        Most cells to validate on.
    validation_samples : int
        Shapes to draw for each of them.
    validation_steps : str
        Sampling steps in validation; empty for the model's default.
    validation_sampler : str
        Sampler in validation; empty for the model's default.
    save_interval, log_interval : int
        Steps between checkpoints, and between lines of the log.
    keep_every : int
        Steps between numbered weights (`weights_005000.safetensors`) that are kept beside the
        last; 0 for none.
    """

    steps: int = 60000
    batch_size: int = 1
    microbatch: int = 0
    lr: float = 1e-4
    weight_decay: float = 0.0
    lr_anneal_steps: int = 0
    warmup_steps: int = 0
    grad_clip: float = 0.0
    ema_rates: tuple[float, ...] = (0.9999,)
    ema_warmup: bool = False
    precision: Precision = "fp32"
    schedule_sampler: str = "uniform"
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    seed: int = 0
    extra_share: float = 0.2
    validation_fraction: float = 0.1
    validation_interval: int = 5000
    validation_cells: int = 16
    validation_samples: int = 5
    validation_steps: str = ""
    validation_sampler: str = ""
    save_interval: int = 1000
    log_interval: int = 10
    keep_every: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "save_interval", "log_interval", "validation_samples"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}.")
        for name in (
            "microbatch",
            "lr_anneal_steps",
            "warmup_steps",
            "validation_interval",
            "validation_cells",
            "keep_every",
            "weight_decay",
            "grad_clip",
        ):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must not be negative, but is {getattr(self, name)}.")
        if self.seed < 0:
            raise ConfigError(f"seed must not be negative, but is {self.seed}.")
        if not self.lr > 0:
            raise ConfigError(f"lr must be positive, not {self.lr}.")
        if not self.ema_rates or not all(0 <= rate < 1 for rate in self.ema_rates):
            raise ConfigError(f"ema_rates must be rates in [0, 1), not {self.ema_rates}.")
        for name in ("extra_share", "validation_fraction"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must be in [0, 1), not {getattr(self, name)}.")
        if self.precision not in get_args(Precision):
            choices = ", ".join(get_args(Precision))
            raise ConfigError(f'precision must be one of {choices}, not "{self.precision}".')
        if self.schedule_sampler not in TIMESTEP_SAMPLERS:
            choices = ", ".join(TIMESTEP_SAMPLERS)
            raise ConfigError(
                f'schedule_sampler must be one of {choices}, not "{self.schedule_sampler}".'
            )

    def learning_rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        rate = self.lr
        if self.warmup_steps:
            rate *= min(1.0, (step + 1) / self.warmup_steps)
        if self.lr_anneal_steps:
            rate *= max(0.0, 1 - step / self.lr_anneal_steps)
        return rate
