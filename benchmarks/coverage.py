"""How often the 90 % intervals of all measures contain the true value.

dispr predict red_blood_cells --split test -o predictions
dispr measure predictions -o measurements.csv --all
dispr measure red_blood_cells --split test -o truth.csv
python benchmarks/coverage.py measurements.csv truth.csv
"""

from pathlib import Path

import click
import numpy as np
from tabulate import tabulate

from dispr.cli.main import run
from dispr.morphology.features import SHAPE_FEATURES


@click.command()
@click.argument("measured", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
def command(measured: Path, truth: Path) -> None:
    """Compare the intervals in MEASURED with the values in TRUTH, both without a voxel size."""
    lines = []
    known = {row["name"]: row for row in rows(truth)}
    cells = [row for row in rows(measured) if row["calibrated"] == "all"]
    for feature in SHAPE_FEATURES:
        low, high = (feature.column("voxel", end) for end in ("low", "high"))
        column = feature.column("voxel")
        ends = np.array(
            [
                [float(row[low]), float(row[high]), float(known[row["name"]][column])]
                for row in cells
                if row[low] and known[row["name"]][column]
            ]
        )
        held = (ends[:, 0] <= ends[:, 2]) & (ends[:, 2] <= ends[:, 1])
        spread = np.quantile(ends[:, 2], [0.05, 0.95])
        width = np.median(ends[:, 1] - ends[:, 0]) / max(spread[1] - spread[0], 1e-9)
        lines.append([feature.name, len(ends), held.mean(), width])
    shares = np.array([line[2] for line in lines])
    head = ["measure", "cells", "in the interval", "width over that of 90 % of the cells"]
    print(tabulate(lines, head, floatfmt=".2f"))
    print(f"mean {shares.mean():.1%}, {shares.min():.1%} to {shares.max():.1%}")


def rows(path: Path) -> list[dict[str, str]]:
    """Read a table that dispr measure wrote."""
    import csv

    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    run(command)
