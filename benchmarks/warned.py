"""What a warning and a wide interval say of the error of a cell's volume.

    python benchmarks/warned.py red_blood_cells

Predicts the validation cells of the shipped model (ensembles of five, consensus), of which it has
seen none.
"""

from pathlib import Path

import click
import numpy as np
from scipy.stats import spearmanr
from tabulate import tabulate
from tqdm import tqdm

import dispr
from dispr.cells.folder import find_cells
from dispr.cells.read import read_cell
from dispr.cli.main import run
from dispr.morphology.features import SHAPE_FEATURES
from dispr.prediction.calibrate import unseen

WORSE = 2.0
"""A cell is predicted badly if its error is above this many times the median."""


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
def command(data: Path) -> None:
    """Print how errors of volumes go with warnings, and with the width of the intervals."""
    model = dispr.load()
    cells = [read_cell(file) for file in unseen(model, find_cells(data, "train"))[0]]
    rows = []
    for cell in tqdm(cells, unit="cell"):
        found = model.predict(cell.image, cell.mask)
        volume, true = np.count_nonzero(found.consensus), np.count_nonzero(cell.obj > 127)
        volumes = np.count_nonzero(found.samples, axis=(1, 2, 3))
        low, high = model.intervals.interval(SHAPE_FEATURES[0], volumes)
        width = np.log(high / low)
        rows.append((abs(volume / true - 1), bool(found.warning), width, low <= true <= high))
    errors, warned, widths, held = (np.array(column) for column in zip(*rows, strict=True))
    bad = errors > WORSE * np.median(errors)
    quarter = np.argsort(np.argsort(-widths)) < len(widths) / 4
    parts = {
        "all": np.full(len(bad), True),
        "with a warning": warned,
        "the others": ~warned,
        "of these, widest quarter of intervals": ~warned & quarter,
        "of these, narrower intervals": ~warned & ~quarter,
    }
    lines = [
        [
            name,
            part.sum(),
            np.median(errors[part]),
            f"{bad[part].mean():.0%}",
            f"{held[part].mean():.0%}",
        ]
        for name, part in parts.items()
    ]
    head = ["cells", "number", "median error", "error above twice the median", "in the interval"]
    print(tabulate(lines, head, floatfmt=".3f"))
    print(f"Good cells that are warned of: {(warned & ~bad).sum()} of {(~bad).sum()}.")
    rank = spearmanr(widths, errors)
    print(f"Rank correlation of width and error: {rank.statistic:.2f} (p = {rank.pvalue:.1g}).")


if __name__ == "__main__":
    run(command)
