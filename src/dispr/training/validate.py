"""Scores on the validation cells, while training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from dispr.cells.arrays import SECTION
from dispr.cells.dataset import CellDataset
from dispr.cells.prepare import condition_tensor, occupancy
from dispr.diffusion.streams import BalancedStream, Stream
from dispr.memory import Room
from dispr.model.config import ModelConfig
from dispr.model.device import autocast
from dispr.model.weights import build_network
from dispr.prediction.draw import draw_occupancy
from dispr.training.objective import Objective
from dispr.training.samples import known_of

SHAPES = 8
"""Most shapes at once; of a cascade, whose shapes are smaller on their way, 40."""


def validate(
    state: Mapping[str, Tensor],
    config: ModelConfig,
    cells: CellDataset,
    device: torch.device,
    *,
    most: int,
    samples: int = 5,
    sampler: str = "",
    steps: str = "",
    precision: str = "fp32",
    room: Room | None = None,
) -> dict[str, float]:
    """Draw an ensemble for each validation cell and compare it with the truth.

    Parameters
    ----------
    state : mapping of str to Tensor
        The averaged weights.
    config : ModelConfig
        The model.
    cells : CellDataset
        Validation cells; evenly chosen ones are taken where there are more than `most`.
    device : torch.device
        Where to compute.
    most : int
        Most cells to take.
    samples : int
        Shapes a cell; one of a deterministic model.
    sampler, steps : str
        Empty for the model's defaults.
    precision : str
        Arithmetic inside the network.
    room : Room, optional
        Keeps from one call to the next how many shapes fit the memory.

    Returns
    -------
    dict of str to float
        Means over the cells: "consensus_iou"; "single_iou" and "best_iou", of the samples;
        "volume_error" of the consensus, relative; "score", consensus_iou - volume_error, by which
        the best weights are chosen; "loss", at one diffusion step for each cell, these spread
        evenly. Steps and noise are the same at each call, so that values compare along a run.
    """
    network = build_network(config).to(device).eval()
    network.load_state_dict(dict(state))
    samples = 1 if config.deterministic else samples
    chosen = evenly(len(cells), most)
    count = len(chosen)
    coarse = config.network.noise_edge < config.network.size
    at_once = 5 * SHAPES if coarse else SHAPES
    each = max(1, at_once // samples)
    room = room or Room("shapes", "use another device")

    def draw(batch: Mapping[str, Any]) -> Tensor:
        condition = condition_tensor(batch["image"], batch["mask"]).to(device)
        labels = batch["label"].to(device) if config.num_classes else None
        shapes = [(i, k) for i in range(len(condition)) for k in range(samples)]

        def part(first: int, last: int) -> Tensor:
            cells = [i for i, _ in shapes[first:last]]
            with autocast(device, precision):
                return draw_occupancy(
                    network,
                    config,
                    condition[cells],
                    [_stream(config, batch["names"][i], k) for i, k in shapes[first:last]],
                    sampler=sampler or None,
                    steps=steps or None,
                    labels=None if labels is None else labels[cells],
                )

        return torch.cat(list(room.parts(len(shapes), len(shapes), part)))

    rows: dict[str, list[Tensor]] = {}
    for start in range(0, count, each):
        batch = cells.batch(chosen[start : start + each])
        names = batch["names"]
        drawn = draw(batch)
        ours = (drawn > 0.5).view(len(names), samples, *drawn.shape[1:])
        truth = (occupancy(batch["obj"]) > 0.5).to(device)
        consensus = ours.float().mean(1, keepdim=True) > 0.5
        volume = truth.flatten(1).sum(1)
        for key, values in (
            ("consensus_iou", _iou(consensus, truth)[:, 0]),
            ("single_iou", _iou(ours, truth).mean(1)),
            ("best_iou", _iou(ours, truth).max(1).values),
            ("volume_error", (consensus.flatten(1).sum(1) - volume).abs() / volume),
        ):
            rows.setdefault(key, []).append(values)
    scores = {key: float(torch.cat(values).mean()) for key, values in rows.items()}
    scores["score"] = scores["consensus_iou"] - scores["volume_error"]
    objective = Objective(network, config, precision)
    losses = torch.cat(list(_losses(objective, config, cells, chosen, device)))
    return {**scores, "loss": float(losses.mean())}


def evenly(count: int, most: int) -> list[int]:
    """Choose at most so many of a number of cells, evenly."""
    taken = min(most, count)
    return [i * count // taken for i in range(taken)]


def _stream(config: ModelConfig, name: str, k: int) -> Stream:
    key = ("validation", name)
    return BalancedStream(*key, k=k) if config.balanced else Stream(*key, k)


def _iou(ours: Tensor, truth: Tensor) -> Tensor:
    """IoU of shapes (N, K, Z, Y, X) with true ones (N, 1, Z, Y, X); (N, K)."""
    both, either = ((ours & truth).flatten(2), (ours | truth).flatten(2))
    return both.sum(2) / either.sum(2).clamp(min=1)


@torch.no_grad()
def _losses(
    objective: Objective,
    config: ModelConfig,
    cells: CellDataset,
    chosen: list[int],
    device: torch.device,
) -> Iterator[Tensor]:
    """Give the loss of each cell, (1,), at a step and with a noise of its own."""
    network = config.network
    for i, number in enumerate(chosen):
        batch = cells.batch([number])
        mask = batch["mask"].to(device).float()
        target = occupancy(batch["obj"].to(device).float(), config.target)
        stream = Stream("validation loss", batch["names"][0])
        noise = grain = known = None
        t = torch.zeros(1, dtype=torch.long, device=device)
        if config.diffusion is not None:
            t += int((i + 0.5) / len(chosen) * config.diffusion.steps)
            noise = stream(config.noise_shape)[None].to(device)
        if network.planes:
            section = torch.arange(target.shape[2], device=device)[None] == SECTION
            known = known_of(mask, target, section)
            half = network.size // 2
            grain = stream((1, half, half, half))[None].to(device)
        terms = objective(
            condition_tensor(batch["image"], batch["mask"]).to(device),
            target,
            t,
            noise,
            batch["label"].to(device) if config.num_classes else None,
            torch.ones(1, dtype=torch.bool, device=device) if network.refine_share else None,
            known,
            grain,
        )
        # In training the refiner's loss counts more, for it sees a share of the samples alone.
        if network.refine_share:
            yield terms["coarse"] + network.refine_share * terms["refined"]
        else:
            yield terms["loss"]
