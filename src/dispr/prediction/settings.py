"""What a user chooses about a prediction: made and checked once, passed on as one object."""

from __future__ import annotations

from dataclasses import dataclass

from dispr.arguments import as_steps, as_whole
from dispr.cells.frame import as_rule
from dispr.cells.spacing import as_pixel_size
from dispr.diffusion.samplers import get_sampler
from dispr.errors import ConfigError
from dispr.model.config import ModelConfig
from dispr.prediction.draw import sampling_process

MOST_SHAPES = 10_000
"""Largest ensemble: its shapes take 2.6 GB."""


@dataclass(frozen=True)
class PredictionSettings:
    """Settings of a prediction.

    Attributes
    ----------
    ensemble : int
        Number of shapes to draw for each cell, 1 to 10,000; an odd number avoids ties.
    seed : int
        Random seed.
    sampler : "ddpm", "ddim" or "dpm-solver", optional
        Sampler. Default: that of the model.
    steps : str, optional
        Sampling steps: a number, or a respacing such as "10,20,30" or "ddim25". Default: that of
        the model.
    batch_size : int, optional
        Number of shapes to compute at once. It affects the memory, not the result. Default: 5, or
        100 on a GPU.
    pixel_size : float, optional
        Pixel size of the images in um. Default: from the file metadata.
    frame : str
        Size of the square around each cell that the model sees: auto (that of the training cells),
        field, cell, or the edge in um.

    Raises
    ------
    ConfigError
        If a setting is invalid, for example out of range.
    """

    ensemble: int = 5
    seed: int = 0
    sampler: str | None = None
    steps: str | int | None = None
    batch_size: int | None = None
    pixel_size: float | None = None
    frame: str | float = "auto"

    def __post_init__(self) -> None:
        plain = {
            "ensemble": as_whole(self.ensemble, "ensemble", least=1, most=MOST_SHAPES),
            "seed": as_whole(self.seed, "seed"),
            "steps": as_steps(self.steps),
            "batch_size": None
            if self.batch_size is None
            else as_whole(self.batch_size, "batch_size", least=1),
            "pixel_size": as_pixel_size(self.pixel_size),
            "frame": as_rule(self.frame),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        if self.sampler is not None:
            get_sampler(self.sampler)

    def check(self, config: ModelConfig) -> None:
        """Refuse what does not suit a model.

        Raises
        ------
        ConfigError
            If a deterministic model is given a sampler or steps, or the steps are more than the
            model's diffusion has.
        """
        if not config.deterministic:
            sampling_process(config, self.steps)
        elif self.sampler is not None or self.steps is not None:
            raise ConfigError("a deterministic model has no sampler and no steps.")
