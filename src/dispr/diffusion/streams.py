"""One random stream for each purpose, so that no result depends on what else is computed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def generator(*key: object, device: torch.device | str = "cpu") -> torch.Generator:
    """Make a generator whose numbers depend on the key (integers and text) and the device alone."""
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
    seed = int.from_bytes(digest[:8], "little", signed=True)
    return torch.Generator(device).manual_seed(seed)


class NoiseStreams:
    """Standard normal noise for a batch, each sample's from a generator of its own.

    Noise is drawn on the CPU, where it is the same for every device.
    """

    def __init__(
        self,
        generators: Sequence[torch.Generator],
        shape: tuple[int, ...],
        device: torch.device | str = "cpu",
    ) -> None:
        self.generators = list(generators)
        self.shape = shape
        self.device = torch.device(device)

    def __call__(self) -> Tensor:
        """Draw the next noise, (N, *shape) float32."""
        drawn = [torch.randn(self.shape, generator=g) for g in self.generators]
        return torch.stack(drawn).to(self.device)
