"""Train the network that describes sections: `python -m dispr.recognition.train OUT`.

It is trained on simulated cells. Nothing of a real cell is used, apart from the medians that the
parameters of the simulator were fitted to.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dispr.cells.classes import TYPES, parse_name
from dispr.files import atomic_path
from dispr.morphology.voxels import roughness, surface
from dispr.progress import SILENT, Progress
from dispr.recognition.network import BODY, SectionNetwork, as_sections
from dispr.simulation.cell import SimulatedCell, simulate

CELLS, SEED, STEPS, BATCH, RATE = 1800, 7, 1200, 32, 4e-3
"""Simulated cells and their seed; optimiser steps, cells in each, and the highest learning rate."""

LEAST = 2000
"""Voxels of the smallest body that is learned from."""


def body_values(body: np.ndarray) -> np.ndarray:
    """Give `BODY` of a shape, bool (64, 64, 64): sizes in voxels, areas of four planes in 1000."""
    volume, boundary = int(body.sum()), surface(body)
    height, *box = (np.count_nonzero(body.any(axis)) for axis in ((1, 2), (0, 2), (0, 1)))
    projected = np.count_nonzero(body.any(0))
    profile = body.sum((1, 2)).reshape(16, 4).sum(1) / 1000
    sizes = [volume, boundary, roughness(body), height, box[0] * box[1], projected]
    shares = [body[32:].sum() / volume, volume / (projected * height), boundary / volume ** (2 / 3)]
    return np.array([*np.log(sizes), *shares, *np.sqrt(profile)], np.float32)


def train(
    cells: Iterable[SimulatedCell], steps: int = STEPS, progress: Progress = SILENT
) -> SectionNetwork:
    """Train on cells for a number of steps; the same cells give the same network.

    AdamW, one cycle of the learning rate (Smith and Topin, 2019), random rotations, mirror images,
    shifts, scales and exposures. The loss is the cross-entropy of the types (labels smoothed by
    0.05), plus half the smooth L1 error of `BODY` in standard deviations, plus a quarter of the
    squared error of the score.
    """
    images, masks, body, kinds = [], [], [], []
    for cell in cells:
        inside = cell.obj > 127
        if inside.sum() < LEAST:
            continue
        images.append(cell.image)
        masks.append(cell.mask)
        body.append(body_values(inside))
        kinds.append(TYPES.index(cell.type))
    sections = as_sections(np.array(images), np.array(masks))
    return train_on(sections, np.array(body), np.array(kinds), steps, progress)


def train_on(
    sections: Tensor, body: np.ndarray, kinds: np.ndarray, steps: int, progress: Progress = SILENT
) -> SectionNetwork:
    """Train on sections (N, 2, 64, 64), their `BODY` (N, 25) and the places of their types (N,)."""
    assert body.shape[1] == len(BODY)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: SectionNetwork = SectionNetwork()
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        generator = torch.Generator().manual_seed(0)
        wanted = torch.from_numpy((body - body.mean(0)) / (body.std(0) + 1e-6))
        types = torch.from_numpy(kinds)
        scored = np.array([parse_name(f"{name}000000").cell_class == "SDE" for name in TYPES])
        scores = np.array(
            [float(name.split("_")[0]) if s else 0.0 for name, s in zip(TYPES, scored, strict=True)]
        )
        score = torch.tensor(scores[kinds], dtype=torch.float32)
        has_score = torch.from_numpy(scored[kinds]).float()
        optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=5e-3)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps, pct_start=0.2)
        even = torch.ones(len(sections), dtype=torch.float64)
        count = progress.counter("Training", steps)
        network.train()
        for _ in range(steps):
            chosen = torch.multinomial(even, BATCH, True, generator=generator)
            found = network(_varied(sections[chosen], generator))
            loss = F.cross_entropy(found[0], types[chosen], label_smoothing=0.05)
            loss = loss + 0.5 * F.smooth_l1_loss(found[1], wanted[chosen])
            off = (found[2] - score[chosen]) ** 2
            loss = loss + 0.25 * (has_score[chosen] * off).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
            count()
    return network.eval()


def _varied(sections: Tensor, generator: torch.Generator) -> Tensor:
    """Turn, mirror, scale and shift sections, and expose them otherwise, each by itself."""
    n = len(sections)
    angle = torch.rand(n, generator=generator) * 2 * math.pi
    scale = 1 + (torch.rand(n, generator=generator) * 2 - 1) * 0.06
    side = (torch.rand(n, generator=generator) < 0.5).float() * 2 - 1
    matrix = torch.zeros(n, 2, 3)
    matrix[:, :, 2] = (torch.rand(n, 2, generator=generator) * 2 - 1) * 3 / 32
    matrix[:, 0, 0] = torch.cos(angle) * scale * side
    matrix[:, 0, 1] = -torch.sin(angle) * scale
    matrix[:, 1, 0] = torch.sin(angle) * scale * side
    matrix[:, 1, 1] = torch.cos(angle) * scale
    grid = F.affine_grid(matrix, list(sections.shape), align_corners=False)
    moved = F.grid_sample(sections, grid, align_corners=False)
    power = torch.exp((torch.rand(n, 1, 1, generator=generator) * 2 - 1) * 0.3)
    image = moved[:, 1].clamp(1e-4, 1) ** power
    noise = torch.randn(image.shape, generator=generator) * 0.02
    image = image + noise * torch.rand(n, 1, 1, generator=generator)
    return torch.stack([moved[:, 0], image], 1)


def main(out: Path) -> None:
    """Simulate the cells, train, and write the weights (safetensors)."""
    save_network(out, train(simulate(CELLS, SEED)))


def save_network(path: Path, network: SectionNetwork) -> None:
    """Write the weights of a network as safetensors, atomically."""
    from safetensors.torch import save

    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(state))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
