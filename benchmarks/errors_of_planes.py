"""How far does the error of a plane tell those of others? Correlations between heights.

    python benchmarks/errors_of_planes.py red_blood_cells

Predicts the cells that the model has not seen from their sections. The error of a pixel in a plane
is the difference between its signed distances from the true and from the drawn outline
(`dispr.prediction.planes.outline_depths`). Prints, by the height of a plane above or below the
section, by how much the error in other planes changes with it (the slope of the regression through
zero) and the correlation, for planes farther from the section and for the plane as far on its other
side. `hold_planes` moves planes by what follows from these slopes.
"""

from pathlib import Path

import click
import numpy as np
from drawn_cells import draw_cells
from tabulate import tabulate

import dispr
from dispr.cells.arrays import SECTION, SIZE
from dispr.cli.main import run
from dispr.prediction.planes import DEPTH, outline_depths

HEIGHTS = (4, 8, 12)
FARTHER = (4, 8, 12, 16)


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--weights", type=click.Path(path_type=Path), default=None)
def main(data: Path, weights: Path | None) -> None:
    """Relate the errors of the planes of the cells of DATA."""
    model = dispr.load(weights, "cpu", "fp32")
    cells, _ = draw_cells(model, data, simulated=0, seed=0, anew=False)
    products = np.zeros((SIZE, SIZE))
    for cell in cells:
        truth = cell.truth.copy()
        truth[SECTION] = cell.mask > 127
        products += mean_products(truth, cell.held([]))
    products /= len(cells)
    print(tabulate(rows(products), heads(), disable_numparse=True))


def mean_products(truth: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Give the mean product of the errors of two planes, (64, 64), over pixels near outlines."""
    true = outline_depths(truth)
    found = np.zeros((SIZE, SIZE))
    for sample in samples:
        depth = outline_depths(sample)
        near = ((np.abs(true) < DEPTH) | (np.abs(depth) < DEPTH)).any(axis=0)
        error = (true - depth)[:, near]
        found += error @ error.T / near.sum()
    return found / len(samples)


def heads() -> list[str]:
    """Name the columns."""
    return ["height", "error (voxels)", *(f"{more} farther" for more in FARTHER), "other side"]


def rows(products: np.ndarray) -> list[list[str]]:
    """Lay out slopes and correlations of planes above and below the section, on average."""
    table = []
    for height in HEIGHTS:
        both = [(SECTION + side * height, side) for side in (1, -1)]
        error = np.sqrt(np.mean([products[z, z] for z, _ in both]))
        pairs = [[(z, z + side * more) for z, side in both] for more in FARTHER]
        pairs.append([(z, 2 * SECTION - z) for z, _ in both])
        cells = [f"{slope:+.2f} ({r:+.2f})" for slope, r in (related(products, p) for p in pairs)]
        table.append([f"{height}", f"{error:.1f}", *cells])
    return table


def related(products: np.ndarray, pairs: list[tuple[int, int]]) -> tuple[float, float]:
    """Give slope and correlation of the second plane's error by that of the first."""
    together = sum(products[z, other] for z, other in pairs)
    of, to = (sum(products[pair[i], pair[i]] for pair in pairs) for i in (0, 1))
    return together / of, together / np.sqrt(of * to)


if __name__ == "__main__":
    run(main)
