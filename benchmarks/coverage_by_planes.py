"""Whether intervals hold for cells of which several planes are known.

    python benchmarks/coverage_by_planes.py red_blood_cells

Gives the model several sets of planes of the known shape of each calibration cell, and prints how
often the intervals contain the true volume and boundary, each cell judged by intervals that were
fitted to the other blocks of neighbouring cells, as `dispr calibrate` fits them. Then the same of
new simulated cells without a warning, by the intervals of the model. Planes are spread over the
true extent of the cell (`dispr.cells.planes.spread_planes`), or random as in the calibration, by
other random numbers.

Before that it compares what intervals could depend on: the likelihood of the errors of the volume
under random known planes, with one standard deviation for each eighth of the choices, in the order
of the number of planes, of the mean distance of voxels from known planes, or of the largest
(`--choices` for each cell; 0 leaves this out).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from drawn_cells import DrawnCell, draw_cells
from tabulate import tabulate

import dispr
from dispr.cells.arrays import SECTION, SIZE
from dispr.cells.blocks import block_numbers
from dispr.cells.planes import DRAWS, choose_planes, spread_planes
from dispr.cli.main import run
from dispr.diffusion.streams import generator
from dispr.intervals.distance import plane_distance
from dispr.intervals.fit import fit_errors
from dispr.intervals.known import Known
from dispr.intervals.rules import Intervals, intervals_from
from dispr.morphology.features import SHAPE_FEATURES
from dispr.prediction.choices import planes_by_distance
from dispr.prediction.prediction import COUNTS

FEATURES = {feature.name: feature for feature in SHAPE_FEATURES if feature.name in COUNTS}
FARTHEST = "largest distance from known planes"


@dataclass(frozen=True)
class Counted:
    """Voxels and boundary voxels of a cell's shapes and of its true one, and what is known."""

    name: str
    samples: Mapping[str, Sequence[int]]
    true: Mapping[str, int]
    known: Mapping[str, float]

    @property
    def error(self) -> float:
        """Error of the mean logarithm of the volume."""
        return float(np.log(self.samples["volume"]).mean() - np.log(self.true["volume"]))


def counted(cell: DrawnCell, held: np.ndarray, numbers: Sequence[int]) -> Counted:
    """Count the voxels of the shapes of these planes and of the section."""
    planes = sorted({SECTION, *numbers})
    probability = held.mean(axis=0, dtype=np.float32)
    areas = probability.sum(axis=(1, 2))
    away = np.abs(np.arange(SIZE)[:, None] - planes).min(axis=1)
    return Counted(
        cell.name,
        {name: [count(shape) for shape in held] for name, count in COUNTS.items()},
        {name: count(cell.truth) for name, count in COUNTS.items()},
        {
            "number of planes": len(planes),
            "mean distance from known planes": float((areas * away).sum() / areas.sum()),
            FARTHEST: plane_distance(probability > 0.5, planes),
        },
    )


def evenly(count: int) -> Callable[[DrawnCell], list[int]]:
    return lambda cell: spread_planes(*cell.extent, count, SECTION)


def upper(cell: DrawnCell) -> list[int]:
    """Give the section, and planes at a third and at two thirds of the height above it."""
    height = cell.extent[1] - SECTION
    return [SECTION, SECTION + round(height / 3), SECTION + round(height * 2 / 3)]


def at_random(cell: DrawnCell, key: object = "check") -> list[int]:
    """Choose planes as in the calibration; never the section alone."""
    random = generator(key, cell.name)
    while True:
        draws = [1.0, *torch.rand(DRAWS - 1, generator=random).tolist()]
        chosen = choose_planes(*cell.extent, SIZE, draws)
        if len(chosen) > 1:
            return chosen


DESIGNS: dict[str, Callable[[DrawnCell], list[int]]] = {
    "1": evenly(1),
    "2": evenly(2),
    "3": evenly(3),
    "5": evenly(5),
    "9": evenly(9),
    "3, in the upper half": upper,
    "3, two voxels apart": lambda cell: [SECTION - 2, SECTION, SECTION + 2],
    "2 to 9, random": at_random,
}


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--simulated", default=64, show_default=True, help="Number of simulated cells.")
@click.option("--seed", default=818181, show_default=True, help="Seed of the simulated cells.")
@click.option("--level", default=0.9, show_default=True, help="Level of the intervals.")
@click.option("--weights", type=click.Path(path_type=Path), help="Default: the shipped ones.")
@click.option("--choices", default=40, show_default=True, help="Random choices of planes compared.")
@click.option("--device", default="auto", show_default=True)
def main(
    data: Path,
    simulated: int,
    seed: int,
    level: float,
    weights: Path | None,
    choices: int,
    device: str,
) -> None:
    """Print the coverage of cells of DATA that the model has not seen, by what is known of them."""
    model = dispr.load(weights, device, level=level)
    real, new = draw_cells(model, data, simulated, seed, anew=True)
    if choices:
        head = ["in the order of", "log likelihood of an error"]
        click.echo(tabulate(likelihoods(real, choices), head))
    further = [planes_by_distance(c.shapes, c.truth, c.mask, (0, c.name)) for c in real]
    blocks = np.array(block_numbers([cell.name for cell in real]))
    judges = {}
    for block in np.unique(blocks):
        kept = np.flatnonzero(blocks != block)
        judges[block] = fitted([real[i] for i in kept], [further[i] for i in kept], level)
    assert model.intervals is not None
    rows = []
    for design, choose in DESIGNS.items():
        others = [judges[block] for block in blocks], [model.intervals] * len(new)
        for kind, cells, by in zip(("real", "simulated"), (real, new), others, strict=True):
            planes = [choose(cell) for cell in cells]
            found = [
                counted(cell, cell.held(numbers), numbers)
                for cell, numbers in zip(cells, planes, strict=True)
            ]
            if found:
                rows.append([design, kind, *scores(found, by)])
    head = ["planes", "cells", "number", "distance", "volume error", "width", "volume inside"]
    click.echo("\n" + tabulate(rows, [*head, "boundary inside"]))


def likelihoods(cells: Sequence[DrawnCell], choices: int) -> list[list[object]]:
    """Compare what the errors under random known planes could be ordered by."""
    found = []
    for cell in cells:
        for k in range(choices):
            planes = at_random(cell, k)
            found.append(counted(cell, cell.held(planes), planes))
    errors = np.array([one.error for one in found])
    rows = []
    for name in found[0].known:
        ordered = np.argsort([one.known[name] for one in found], kind="stable")
        parts = np.array_split(errors[ordered], 8)
        total = sum(len(p) * -0.5 * (np.log(2 * np.pi * (p**2).mean()) + 1) for p in parts)
        rows.append([name, round(total / len(errors), 2)])
    return rows


def fitted(cells: Sequence[DrawnCell], further: Sequence[Mapping], level: float) -> Intervals:
    """Fit intervals as `dispr calibrate` does, of volume and boundary of five samples."""
    alone = known_of([counted(cell, cell.held([]), []) for cell in cells])
    others = {}
    for limit in sorted({limit for chosen in further for limit in chosen}):
        others[limit] = known_of(
            [
                counted(cell, cell.held(chosen[limit][0]), list(chosen[limit][0]))
                for cell, chosen in zip(cells, further, strict=True)
                if limit in chosen
            ]
        )
    return intervals_from(alone, level, further=others)


def known_of(cells: Sequence[Counted]) -> Known:
    names = tuple(cell.name for cell in cells)
    blocks = block_numbers(names)
    errors = {}
    for name in COUNTS:
        samples, true = [cell.samples[name] for cell in cells], [cell.true[name] for cell in cells]
        errors[name] = fit_errors(samples, true, True, blocks)
    return Known(names, blocks, {}, {}, {5: errors})


def scores(cells: Sequence[Counted], judges: Sequence[Intervals]) -> list[object]:
    """Give the number, median distance, mean error and width, and coverage of both measures."""
    held: dict[str, list[bool]] = {name: [] for name in COUNTS}
    widths = []
    for cell, intervals in zip(cells, judges, strict=True):
        alone = cell.known["number of planes"] == 1
        its = intervals.given(None if alone else cell.known[FARTHEST])
        for name in COUNTS:
            low, high = its.interval(FEATURES[name], cell.samples[name])
            held[name].append(low <= cell.true[name] <= high)
            if name == "volume":
                widths.append((high - low) / cell.true[name])
    return [
        len(cells),
        f"{np.median([cell.known[FARTHEST] for cell in cells]):.2f}",
        f"{np.mean([abs(cell.error) for cell in cells]):.3f}",
        f"{np.mean(widths):.2f}",
        *(f"{np.mean(inside):.0%}" for inside in held.values()),
    ]


if __name__ == "__main__":
    run(main)
