"""Moving averages of the weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class MovingAverage:
    """Exponential moving average of a network's parameters and buffers.

    Parameters
    ----------
    network : nn.Module
        Its present state is where the average begins.
    rate : float
        Share of the average that each update keeps.
    warmup : bool
        Keep less than the rate at first: (1 + step) / (10 + step).
    """

    def __init__(self, network: nn.Module, rate: float, *, warmup: bool = False) -> None:
        self.rate = rate
        self.warmup = warmup
        self.state = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the network after a step, counted from 0."""
        rate = min(self.rate, (1 + step) / (10 + step)) if self.warmup else self.rate
        current = network.state_dict()
        floats = [name for name, value in self.state.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [self.state[name] for name in floats],
            [current[name].detach() for name in floats],
            1 - rate,
        )
        for name in self.state.keys() - set(floats):
            self.state[name].copy_(current[name])

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take up a saved average."""
        for name, value in self.state.items():
            value.copy_(state[name])
