"""A network with its loss."""

from __future__ import annotations

from torch import Tensor, nn

from dispr.diffusion.objective import overlap_loss, training_loss
from dispr.diffusion.process import Process
from dispr.model.config import ModelConfig
from dispr.model.device import autocast
from dispr.network.cascade import Cascade
from dispr.training.cascade import cascade_loss


class Objective(nn.Module):
    """A network with its loss, one module, so that processes can share its gradients."""

    def __init__(self, network: nn.Module, config: ModelConfig, precision: str) -> None:
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
                return overlap_loss(self.network.regress(condition), target)  # type: ignore[operator]
            if isinstance(self.network, Cascade) and refined is not None:
                if grain is not None:
                    grain = grain[refined]
                return cascade_loss(
                    self.network, self.process, condition, target, t, noise, refined, known, grain
                )
            given = self.network.given(condition, labels)  # type: ignore[operator]
            return training_loss(self.process, given, self.process.encode(target), t, noise)
