"""Every hyper-parameter of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from dispr.arguments import one_of
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
        Batch size: cells per step, over all processes.
    microbatch : int
        Largest number of cells that a process computes at once; 0 for no limit. Saves memory; the
        result is the same (except with dropout).
    lr : float
        Learning rate of AdamW.
    weight_decay : float
        Weight decay of AdamW.
    lr_anneal_steps : int
        Number of steps over which the learning rate falls linearly to 0; 0 keeps it constant.
    warmup_steps : int
        Number of steps over which the learning rate rises linearly from 0.
    grad_clip : float
        Maximum norm of the gradient (clipping); 0 for no limit.
    ema_rates : tuple of float
        Rates of the exponential moving averages of the weights. Predictions use the first.
    ema_warmup : bool
        Limit the rates to (1 + step) / (10 + step), so that the initial weights do not dominate
        short runs.
    precision : "fp32", "bf16", "fp16" or "auto"
        Floating-point precision of the network's computations; the weights stay float32. auto uses
        bf16 where the device supports it (GPUs, AMX, AVX512-BF16), else fp32.
    schedule_sampler : str
        How diffusion steps are drawn in training: "uniform", "low-noise" (T u^2 for a uniform u) or
        "loss-second-moment" (by their share of the loss).
    augment : AugmentConfig
        Random variation of the cells.
    seed : int
        Random seed of the training.
    extra_share : float
        Fraction of the training samples that are extra cells, if there are any.
    validation_fraction : float
        Fraction of the cells set aside for validation.
    validation_interval : int
        Steps between validations; 0 for none.
    validation_cells : int
        Maximum number of validation cells to use.
    validation_samples : int
        Number of shapes to draw for each validation cell.
    validation_steps : str
        Sampling steps in validation; empty for the default of the model.
    validation_sampler : str
        Sampler in validation; empty for the default of the model.
    save_interval : int
        Steps between checkpoints.
    log_interval : int
        Steps between lines of the log.
    keep_every : int
        Steps between numbered weights (`weights_005000.safetensors`) that are kept in addition to
        the last; 0 for none.
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
        one_of(self.precision, get_args(Precision), "precision")
        one_of(self.schedule_sampler, TIMESTEP_SAMPLERS, "schedule_sampler")

    def learning_rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        rate = self.lr
        if self.warmup_steps:
            rate *= min(1.0, (step + 1) / self.warmup_steps)
        if self.lr_anneal_steps:
            rate *= max(0.0, 1 - step / self.lr_anneal_steps)
        return rate
