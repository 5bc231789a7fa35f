"""Which steps to train on: uniform, mostly of little noise, or by their share of the loss."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class UniformTimesteps:
    """Every step is equally likely.

    The weights make the mean loss that of equally likely steps, here and in what derives from
    this, unless it says otherwise.
    """

    learns = False
    """Whether the losses change the probabilities."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def probabilities(self) -> np.ndarray:
        """Probability of each step, (T,) float64."""
        return np.full(self.steps, 1 / self.steps)

    def draw(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Turn uniform numbers u (N,) in [0, 1) into steps.

        The numbers are the caller's, so that a sample's step depends on its own random stream.

        Returns
        -------
        steps : Tensor
            (N,) long.
        weights : Tensor
            Of the losses, (N,) float32.
        """
        p = self.probabilities()
        steps = np.searchsorted(np.cumsum(p), u.double().numpy(), side="right")
        steps = np.minimum(steps, self.steps - 1)
        return torch.from_numpy(steps), torch.from_numpy(self.weights(p)[steps]).float()

    def weights(self, p: np.ndarray) -> np.ndarray:
        """Weight of the loss at each step, from their probabilities; (T,) float64 both."""
        return 1 / (self.steps * p)

    def update(self, steps: Tensor, losses: Tensor) -> None:
        """Learn from the losses of a batch; nothing here."""

    def state_dict(self) -> dict[str, Tensor]:
        """State to save in a checkpoint."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up the state of a checkpoint."""


class LossSecondMomentTimesteps(UniformTimesteps):
    """Steps in proportion to the root mean square of their latest losses (arXiv 2102.09672, 3.3).

    Uniform until every step has been seen `history` times.
    """

    learns = True

    def __init__(self, steps: int, history: int = 10, uniform_share: float = 0.001) -> None:
        super().__init__(steps)
        self.uniform_share = uniform_share
        self.losses = torch.zeros(steps, history, dtype=torch.float64)
        self.counts = torch.zeros(steps, dtype=torch.int64)

    def probabilities(self) -> np.ndarray:
        """Probability of each step, (T,) float64."""
        if bool((self.counts < self.losses.shape[1]).any()):
            return super().probabilities()
        weights = self.losses.square().mean(1).sqrt().numpy()
        weights = weights / weights.sum()
        return weights * (1 - self.uniform_share) + self.uniform_share / self.steps

    def update(self, steps: Tensor, losses: Tensor) -> None:
        """Remember the losses (N,) of the steps (N,), the oldest of each forgotten."""
        for step, loss in zip(steps.tolist(), losses.tolist(), strict=True):
            place = int(self.counts[step])
            if place < self.losses.shape[1]:
                self.losses[step, place] = loss
                self.counts[step] += 1
            else:
                self.losses[step] = torch.roll(self.losses[step], -1)
                self.losses[step, -1] = loss

    def state_dict(self) -> dict[str, Tensor]:
        """State to save in a checkpoint."""
        return {"losses": self.losses.clone(), "counts": self.counts.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up the state of a checkpoint."""
        self.losses.copy_(state["losses"])
        self.counts.copy_(state["counts"])


class LowNoiseTimesteps(UniformTimesteps):
    """Steps T u^2 of a uniform u: half of them in the first quarter, where details are decided.

    Unweighted, so that details count for more in the loss too: what noise hides of them is little
    beside what it hides of the whole shape.
    """

    def probabilities(self) -> np.ndarray:
        """Probability of each step, (T,) float64."""
        return np.diff(np.sqrt(np.arange(self.steps + 1) / self.steps))

    def weights(self, p: np.ndarray) -> np.ndarray:
        """Weight of the loss at each step: 1."""
        return np.ones_like(p)


TIMESTEP_SAMPLERS: dict[str, type[UniformTimesteps]] = {
    "uniform": UniformTimesteps,
    "low-noise": LowNoiseTimesteps,
    "loss-second-moment": LossSecondMomentTimesteps,
}
