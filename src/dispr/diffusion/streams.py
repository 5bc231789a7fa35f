"""One random stream for each purpose, so that no result depends on what else is computed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

BLOCK = 5  # samples whose starts add up to zero


def generator(*key: object, device: torch.device | str = "cpu") -> torch.Generator:
    """Make a generator whose numbers depend on the key (integers and text) and the device alone."""
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
    seed = int.from_bytes(digest[:8], "little", signed=True)
    return torch.Generator(device).manual_seed(seed)


class Stream:
    """Standard normal noise that depends on the key (integers and text) alone.

    Drawn on the CPU, where it is the same for every device.
    """

    def __init__(self, *key: object) -> None:
        self._generator = generator(*key)

    def __call__(self, shape: tuple[int, ...]) -> Tensor:
        """Draw the next noise, float32."""
        return torch.randn(shape, generator=self._generator, dtype=torch.float32, device="cpu")


class BalancedStream(Stream):
    """The stream of sample k of an ensemble whose starts balance each other.

    The first noise of the samples 0 to 4 adds up to zero, and so does that of 5 to 9 and so on.
    Each is standard normal by itself, but with a correlation of -1/4 to the others: what a sample
    errs to one side, the others err to the other, so that the mean of five is nearer to the mean
    of many than that of five independent samples is (antithetic variates). It depends on the key
    and k alone, not on the size of the ensemble.
    """

    def __init__(self, *key: object, k: int) -> None:
        super().__init__(*key, k)
        self._key = key
        self._k = k
        self._begun = False

    def __call__(self, shape: tuple[int, ...]) -> Tensor:
        """Draw the next noise, float32."""
        own = super().__call__(shape)
        if self._begun:
            return own
        self._begun = True
        mean = _block_mean(tuple(map(str, self._key)), self._k - self._k % BLOCK, tuple(shape))
        return (own - mean) * math.sqrt(BLOCK / (BLOCK - 1))


@lru_cache(maxsize=2)
def _block_mean(key: tuple[str, ...], first: int, shape: tuple[int, ...]) -> Tensor:
    """Give the mean of the starts of a block, kept for the others of the block."""
    block = [Stream(*key, k)(shape) for k in range(first, first + BLOCK)]
    return torch.stack(block).mean(0)


class NoiseStreams:
    """Standard normal noise for a batch, each sample's from a stream of its own."""

    def __init__(
        self,
        streams: Sequence[Stream],
        shape: tuple[int, ...],
        device: torch.device | str = "cpu",
    ) -> None:
        self.streams = list(streams)
        self.shape = shape
        self.device = torch.device(device)

    def __call__(self, shape: tuple[int, ...] | None = None) -> Tensor:
        """Draw the next noise, (N, *shape) float32; of another shape if one is given."""
        shape = self.shape if shape is None else shape
        return to_device(torch.stack([stream(shape) for stream in self.streams]), self.device)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor of the CPU to a device; a GPU is not waited for."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
