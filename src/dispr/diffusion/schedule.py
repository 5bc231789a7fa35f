"""Betas, what follows from them, and respacing to fewer steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dispr.arguments import as_whole
from dispr.diffusion.config import ScheduleName
from dispr.errors import ConfigError


@dataclass(frozen=True)
class Schedule:
    """Noise levels of a sequence of steps, float64 arrays of length T.

    Attributes
    ----------
    betas : ndarray
        Variance of the noise added by each step, in (0, 1].
    timesteps : ndarray
        The step of the original schedule that each step stands for, ascending.
    """

    betas: np.ndarray
    timesteps: np.ndarray

    def __len__(self) -> int:
        """Count the steps."""
        return len(self.betas)

    @cached_property
    def alphas_cumprod(self) -> np.ndarray:
        """Share of the clean volume's variance that is left at each step."""
        return np.cumprod(1.0 - self.betas)

    @cached_property
    def alphas_cumprod_prev(self) -> np.ndarray:
        """`alphas_cumprod` one step before; 1 before the first."""
        return np.append(1.0, self.alphas_cumprod[:-1])

    @cached_property
    def posterior_variance(self) -> np.ndarray:
        """Variance of q(x_{t-1} | x_t, x_0) (arXiv 2006.11239, eq. 7)."""
        return self.betas * (1.0 - self.alphas_cumprod_prev) / (1.0 - self.alphas_cumprod)

    @cached_property
    def posterior_log_variance(self) -> np.ndarray:
        """Logarithm of the posterior variance; the first, which would be of 0, is the second."""
        return np.log(np.append(self.posterior_variance[1], self.posterior_variance[1:]))

    @cached_property
    def posterior_mean_x0(self) -> np.ndarray:
        """Weight of x_0 in the posterior mean."""
        return self.betas * np.sqrt(self.alphas_cumprod_prev) / (1.0 - self.alphas_cumprod)

    @cached_property
    def posterior_mean_xt(self) -> np.ndarray:
        """Weight of x_t in the posterior mean."""
        return (
            (1.0 - self.alphas_cumprod_prev)
            * np.sqrt(1.0 - self.betas)
            / (1.0 - self.alphas_cumprod)
        )

    @cached_property
    def fixed_large_log_variance(self) -> np.ndarray:
        """Logarithm of beta; the first is the posterior's, as in the published program."""
        return np.log(np.append(self.posterior_variance[1], self.betas[1:]))

    def respaced(self, kept: Iterable[int]) -> Schedule:
        """Keep some steps; the noise level at each stays what it was (arXiv 2102.09672, eq. 19)."""
        steps = np.array(sorted(set(kept)), dtype=np.int64)
        if len(steps) < 2 or steps[0] < 0 or steps[-1] >= len(self):
            raise ConfigError(
                f"sampling needs at least 2 steps, from 0 to {len(self) - 1}; choose others "
                "(--steps)."
            )
        left = self.alphas_cumprod[steps]
        betas = 1.0 - left / np.append(1.0, left[:-1])
        return Schedule(betas, self.timesteps[steps])


def make_schedule(name: ScheduleName, steps: int) -> Schedule:
    """Make a schedule of so many steps.

    "linear" goes from 1e-4 to 0.02 at 1000 steps, scaled for other numbers (arXiv 2006.11239);
    "cosine" follows arXiv 2102.09672, eq. 17, with betas of at most 0.999.
    """
    if name == "linear":
        scale = 1000 / steps
        betas = np.linspace(scale * 1e-4, scale * 0.02, steps, dtype=np.float64)
        if betas[-1] >= 1:  # nothing of the volume would be left
            raise ConfigError(f"a linear schedule needs at least 21 steps, not {steps}.")
    elif name == "cosine":

        def left(time: float) -> float:
            return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2

        edges = [left(i / steps) for i in range(steps + 1)]
        betas = np.array([min(1 - b / a, 0.999) for a, b in itertools.pairwise(edges)])
    else:
        raise ConfigError(f'schedule must be linear or cosine, not "{name}".')
    return Schedule(betas, np.arange(steps, dtype=np.int64))


TRAILING, CENTRED = "trailing", "centred"


def respacing(steps: int, spec: str | int | Sequence[int]) -> list[int]:
    """Choose the steps to keep, as the published program does.

    Parameters
    ----------
    steps : int
        Number of steps of the original schedule.
    spec : str, int or sequence of int
        `"250"` or 250: so many, evenly from the first to the last. `"10,20,30"`: so many in each
        of as many equal sections. `"ddim25"`: so many at an integer stride from the first.
        `"trailing4"`: so many, evenly, of which the last is the last one and the first is not
        the first one (arXiv 2305.08891, table 2): the answer is the estimate from a volume that
        still has some noise. `"centred4"`: the middles of as many equal sections; the answer is the
        estimate from a volume with half as much of the schedule left. The published program knows
        neither.

    Returns
    -------
    list of int
        The kept steps, ascending.

    Raises
    ------
    ConfigError
        If the specification cannot be read or asks for more steps than there are.
    """
    if isinstance(spec, str) and spec.startswith("ddim"):
        count = _positive(spec[4:], spec)
        for stride in range(1, steps + 1):
            if len(range(0, steps, stride)) == count:
                return list(range(0, steps, stride))
        raise ConfigError(f'no integer stride over {steps} steps gives the {count} of "{spec}".')
    for word, place in ((TRAILING, 1.0), (CENTRED, 0.5)):
        if isinstance(spec, str) and spec.startswith(word):
            count = _positive(spec[len(word) :], spec)
            if count > steps:
                raise ConfigError(f"{count} steps cannot be selected from {steps}.")
            return [math.floor(steps * (k + place) / count + 0.5) - 1 for k in range(count)]
    if isinstance(spec, str):
        counts = [_positive(part, spec) for part in spec.split(",")]
    else:
        listed: Any = spec if isinstance(spec, Iterable) and np.ndim(spec) else [spec]
        counts = [as_whole(count, "a number of steps") for count in listed]
    size, extra = divmod(steps, len(counts))
    kept: list[int] = []
    start = 0
    for i, count in enumerate(counts):
        length = size + (i < extra)
        if not 1 <= count <= length:
            raise ConfigError(f"{count} steps cannot be selected from a section of {length}.")
        gap = (length - 1) / (count - 1) if count > 1 else 1.0
        place = 0.0
        for _ in range(count):
            kept.append(start + round(place))
            place += gap  # added up, not multiplied: ties round as in the published program
        start += length
    return kept


def _positive(text: str, spec: str) -> int:
    if not text.strip().isdecimal() or int(text) == 0:
        raise ConfigError(
            f'"{spec}" is not a valid choice of steps; give a number ("250"), one for each section '
            '("10,20,30"), an integer stride ("ddim25"), "trailing4" or "centred4".'
        )
    return int(text)
