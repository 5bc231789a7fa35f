"""Whether intervals hold for cells that differ from the training cells, and whether warnings tell.

    python benchmarks/shift.py --cells 48

The shipped model, which was calibrated on real cells, predicts new simulated cells: as they are,
with more blur, with more noise, and with other shapes above and below the same section.
"""

from collections.abc import Callable, Iterator

import click
import numpy as np
from scipy import ndimage
from tabulate import tabulate
from tqdm import tqdm

import dispr
import dispr.familiarity.reference
from dispr.cli.main import run
from dispr.morphology.voxels import surface
from dispr.simulation.cell import SimulatedCell

Pair = tuple[np.ndarray, np.ndarray, np.ndarray]


def plain(cell: SimulatedCell, rng: np.random.Generator) -> Pair:
    return cell.image, cell.mask, cell.obj


def blurred(cell: SimulatedCell, rng: np.random.Generator) -> Pair:
    return ndimage.gaussian_filter(cell.image, 1.0), cell.mask, cell.obj


def noisy(cell: SimulatedCell, rng: np.random.Generator) -> Pair:
    grey = cell.image + rng.normal(0, 8, cell.image.shape)
    return np.clip(grey, 0, 255).astype(np.uint8), cell.mask, cell.obj


def taller(cell: SimulatedCell, rng: np.random.Generator) -> Pair:
    """Stretch the shape by 1.3 along Z, about the imaged plane, which stays as it is."""
    z, y, x = np.indices(cell.obj.shape, np.float32)
    stretched = ndimage.map_coordinates(cell.obj, [32 + (z - 32) / 1.3, y, x], order=1)
    return cell.image, cell.mask, stretched


VARIANTS: dict[str, Callable[[SimulatedCell, np.random.Generator], Pair]] = {
    "simulated cells": plain,
    "blurred by 1 pixel": blurred,
    "noise of 8 grey values": noisy,
    "1.3 times as high": taller,
}


@click.command()
@click.option("--cells", default=48, show_default=True, help="Number of cells of each kind.")
@click.option("--seed", default=515151, show_default=True, help="Seed of the cells.")
@click.option("--level", default=0.9, show_default=True, help="Level of the intervals.")
def command(cells: int, seed: int, level: float) -> None:
    """Print how many true volumes and boundaries lie in their intervals."""
    model = dispr.load(level=level)
    lines = []
    for name, vary in VARIANTS.items():
        held, score = [], []
        for image, mask, obj in tqdm(varied(cells, seed, vary), total=cells, desc=name):
            found = model.predict(image, mask, pixel_size=0.172)
            if found.warning:
                continue
            score.append(float(dispr.familiarity.reference.score_inputs(image, mask)[0]))
            true = {"volume": int((obj > 127).sum()), "boundary": surface(obj > 127)}
            ends = {quantity: found.interval(quantity) for quantity in true}
            held.append([ends[q][0] <= true[q] <= ends[q][1] for q in true])
        inside = np.array(held, bool).reshape(-1, 2)
        familiar = np.argsort(np.argsort(score)) >= len(score) / 2
        shares = [inside[:, 0], inside[:, 1], inside[~familiar, 0], inside[familiar, 0]]
        lines.append([name, cells - len(held), *map(percent, shares)])
    head = ["cells", "with a warning", "volumes inside", "boundaries inside"]
    head += ["volumes, less familiar half", "volumes, more familiar half"]
    print(tabulate(lines, head))


def percent(held: np.ndarray) -> str:
    """Write the share of cells that are held; nothing of no cells."""
    return f"{held.mean():.0%}" if len(held) else ""


def varied(
    count: int, seed: int, vary: Callable[[SimulatedCell, np.random.Generator], Pair]
) -> Iterator[Pair]:
    """Simulate cells and vary them."""
    rng = np.random.default_rng(seed)
    for cell in dispr.simulate(count, seed=seed):
        yield vary(cell, rng)


if __name__ == "__main__":
    run(command)
