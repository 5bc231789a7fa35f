"""A network with its loss."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from dispr.diffusion.objective import overlap_loss, training_loss
from dispr.diffusion.process import Process
from dispr.model.config import ModelConfig
from dispr.model.device import autocast
from dispr.network.cascade import Cascade
from dispr.network.network import Network
from dispr.training.cascade import cascade_loss

LOSSES: dict[type[Network], Callable[..., dict[str, Tensor]]] = {Cascade: cascade_loss}
"""Losses of networks that have one of their own, instead of that of the diffusion alone."""


class Objective(nn.Module):
    """A network with its loss, one module, so that processes can share its gradients."""

    def __init__(self, network: Network, config: ModelConfig, precision: str) -> None:
        super().__init__()
        self.network = network
        self.process = Process(config.diffusion) if config.diffusion else None
        self.precision = precision

    def forward(
        self,
        condition: Tensor,
        target: Tensor,
        t: Tensor,
        noise: Tensor | None,
        labels: Tensor | None,
        refined: Tensor | None,
        known: Tensor | None = None,
        grain: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Give the terms of the loss of each sample, (N,) each; see `Samples` for the rest."""
        with autocast(condition.device, self.precision):
            if self.process is None or noise is None:
                return overlap_loss(self.network.regress(condition), target)
            if type(self.network) in LOSSES and refined is not None:
                if grain is not None:
                    grain = grain[refined]
                return LOSSES[type(self.network)](
                    self.network, self.process, condition, target, t, noise, refined, known, grain
                )
            given = self.network.given(condition, labels)
            return training_loss(self.process, given, self.process.encode(target), t, noise)
