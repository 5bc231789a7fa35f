"""Means of a loss between two lines of a log."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


class Means:
    """Means of the terms of a loss since the last line, and of the loss by quarters of the steps.

    Parameters
    ----------
    steps : int
        Steps of the diffusion; 0 for a model without, which has no quarters.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, Tensor] = {}

    def __bool__(self) -> bool:
        return bool(self.sums)

    def add(self, terms: Mapping[str, Tensor], t: Tensor) -> None:
        """Take in samples: the terms of their losses, (N,) each, and their diffusion steps, (N,).

        "loss" is among the terms; its mean over the samples of each quarter is "loss_q0" (little
        noise) to "loss_q3".
        """
        for name, values in terms.items():
            self._add(name, values.sum(), torch.ones_like(values).sum())
        if self.steps:
            for i in range(4):
                inside = 4 * t // self.steps == i
                losses = torch.where(inside, terms["loss"], 0)
                self._add(f"loss_q{i}", losses.sum(), inside.sum())

    def add_value(self, name: str, value: Tensor) -> None:
        """Take in a value of one step."""
        self._add(name, value, torch.ones_like(value))

    def _add(self, name: str, total: Tensor, count: Tensor) -> None:
        self.sums[name] = self.sums.get(name, 0) + total.detach().double()
        self.counts[name] = self.counts.get(name, 0) + count.double()

    def take(self, reduce: Callable[[Tensor], Tensor]) -> dict[str, float | None]:
        """Give the means and forget the samples; None where there were none.

        Parameters
        ----------
        reduce : callable
            Sums a tensor over all processes.
        """
        if not self.sums:
            return {}
        both = reduce(torch.stack([*self.sums.values(), *self.counts.values()])).tolist()
        names = list(self.sums)
        self.sums, self.counts = {}, {}
        return {
            name: total / count if count else None
            for name, total, count in zip(names, both, both[len(names) :], strict=False)
        }
