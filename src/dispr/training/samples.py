"""Training samples by number.

The number of a sample (step x batch size + place in the batch) and the seed decide everything that
is random about it: which cell, how it is varied, its diffusion step and its noise. So a run is
taken up at any step without a saved random state, and it does not matter among how many processes
a batch is shared. (Dropout alone is drawn for each process and microbatch.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from dispr.cells.arrays import SECTION
from dispr.cells.augment import augment
from dispr.cells.dataset import CellDataset
from dispr.cells.planes import DRAWS, choose_planes
from dispr.cells.prepare import condition_tensor, occupancy
from dispr.diffusion.streams import generator
from dispr.diffusion.timesteps import UniformTimesteps
from dispr.model.config import ModelConfig
from dispr.network.planes import known_planes
from dispr.training.config import TrainingConfig
from dispr.training.planes import extent


@dataclass(frozen=True)
class Samples:
    """What the objective needs of a batch.

    Attributes
    ----------
    condition : Tensor
        (N, 2, 64, 64), 0 to 1.
    target : Tensor
        Occupancy, (N, 1, 64, 64, 64), 0 to 1.
    t : Tensor
        Diffusion steps, (N,) long.
    weight : Tensor
        Weights of the losses, (N,).
    noise : Tensor or None
        Standard normal, (N, *model.noise_shape); None for a deterministic model.
    labels : Tensor or None
        Classes, (N,) long; None for a model without.
    refined : Tensor or None
        Whether to train the refiner of a cascade on a sample, (N,) bool; None for other networks.
    known : Tensor or None
        Known planes, (N, 64, 64, 64) (`dispr.network.planes`), for a network that sees them.
    grain : Tensor or None
        Noise of such a network's refiner, standard normal, (N, 1, 32, 32, 32).
    """

    condition: Tensor
    target: Tensor
    t: Tensor
    weight: Tensor
    noise: Tensor | None
    labels: Tensor | None
    refined: Tensor | None
    known: Tensor | None = None
    grain: Tensor | None = None


def make_samples(
    cells: CellDataset,
    numbers: Sequence[int],
    model: ModelConfig,
    training: TrainingConfig,
    timesteps: UniformTimesteps,
    device: torch.device,
    extra: int = 0,
) -> Samples:
    """Prepare the samples of these numbers on the device; the last `extra` cells are extra ones."""
    seed = training.seed
    own = len(cells) - extra
    guests = training.extra_share if extra else 0.0
    batch = cells.batch([cell_of(number, own, extra, guests, seed) for number in numbers])
    image, mask, obj = (
        values.to(device).float() for values in (batch["image"], batch["mask"], batch["obj"])
    )
    streams = [generator("sample", seed, number) for number in numbers]
    u = torch.stack([torch.rand((), generator=stream) for stream in streams])
    refined = None
    if model.network.refine_share:
        every = round(1 / model.network.refine_share)
        # One in each `every`, at another place each time: processes take places in turn.
        refined = [(number - number // every) % every == 0 for number in numbers]
    share = training.augment.exact
    exact = [math.floor(number * share) > math.floor((number - 1) * share) for number in numbers]
    if refined is not None and share > 0:
        exact = [one or other for one, other in zip(exact, refined, strict=True)]
    image, mask, obj = augment(image, mask, obj, training.augment, streams, exact)
    t, weight = timesteps.draw(u)
    target = occupancy(obj, model.target)

    def normal(name: str, shape: tuple[int, ...]) -> Tensor:
        # Drawn on the device, which is much faster than moving it there.
        sources = [generator(name, seed, number, device=device) for number in numbers]
        return torch.stack([torch.randn(shape, generator=s, device=device) for s in sources])

    noise = None if model.deterministic else normal("noise", model.noise_shape)
    labels = batch["label"].to(device) if model.num_classes else None
    known = grain = None
    if model.network.planes:
        chosen = torch.stack(
            [
                _chosen(shape, generator("planes", seed, number), model.network.sees_planes)
                for shape, number in zip(batch["obj"], numbers, strict=True)
            ]
        )
        known = known_of(mask, target, chosen.to(device))
        half = model.network.size // 2
        grain = normal("grain", (1, half, half, half))
    return Samples(
        condition=condition_tensor(image, mask),
        target=target,
        t=t.to(device),
        weight=weight.to(device),
        noise=noise,
        labels=labels,
        refined=None if refined is None else torch.tensor(refined, device=device),
        known=known,
        grain=grain,
    )


def known_of(mask: Tensor, target: Tensor, chosen: Tensor) -> Tensor:
    """Give what is known of a training cell: its mask in the section, and chosen planes.

    Parameters
    ----------
    mask : Tensor
        (N, Y, X), 0 to 255.
    target : Tensor
        Occupancy, (N, 1, Z, Y, X), 0 to 1.
    chosen : Tensor
        Which planes, (N, Z) bool.

    Returns
    -------
    Tensor
        (N, Z, Y, X), of 0, 1 and `dispr.network.planes.UNKNOWN`.
    """
    shape = (target[:, 0] > 0.5).float()
    shape[:, SECTION] = (mask > 127).float()
    return known_planes(shape, chosen)


def _chosen(obj: Tensor, stream: torch.Generator, further: bool) -> Tensor:
    numbers = [SECTION]
    if further:
        draws = torch.rand(DRAWS, generator=stream).tolist()
        numbers = choose_planes(*extent(obj > 127), len(obj), draws)
    chosen = torch.zeros(len(obj), dtype=torch.bool)
    chosen[numbers] = True
    return chosen


def cell_of(number: int, own: int, extra: int, share: float, seed: int) -> int:
    """Give the cell of a sample: from 0 one's own, from `own` the extra ones."""
    guests = round(own * share / (1 - share))
    epoch, place = divmod(number, own + guests)
    return int(_order(epoch, own, extra, guests, seed)[place])


@lru_cache(maxsize=4)
def _order(epoch: int, own: int, extra: int, guests: int, seed: int) -> Tensor:
    """Order of the cells in an epoch: each of one's own, and so many guests of the extra ones."""
    order = torch.randperm(own + guests, generator=generator("order", seed, epoch))
    # Extra cells are taken in turn, so that all are seen equally often.
    turns = torch.arange(epoch * guests, (epoch + 1) * guests) % max(extra, 1)
    return torch.cat([torch.arange(own), own + turns])[order]
