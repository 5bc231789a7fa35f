"""How often the intervals of all measures contain the true value.

dispr predict red_blood_cells --split test -o predictions
dispr measure predictions -o measurements.csv --all
dispr measure red_blood_cells --split test -o truth.csv
python benchmarks/coverage.py measurements.csv truth.csv
python benchmarks/coverage.py measurements.csv truth.csv --by-class
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
from tabulate import tabulate

from dispr.cells.classes import parse_name
from dispr.cli.main import run
from dispr.intervals.quantiles import exact_bounds
from dispr.morphology.features import SHAPE_FEATURES, Feature, Unit

MEASURES = ("volume", "surface", "sphericity", "thickness_mean")

Row = Mapping[str, str]


@click.command()
@click.argument("measured", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@click.option("--by-class", is_flag=True, help="Main measures, by SDE and rare classes.")
def command(measured: Path, truth: Path, by_class: bool) -> None:
    """Compare the intervals in MEASURED with the values in TRUTH, in the same unit."""
    known = {row["name"]: row for row in rows(truth)}
    cells = [row for row in rows(measured) if row["calibrated"] == "all"]
    print("level", *{row["interval_level"] for row in cells})
    if by_class:
        print_classes(cells, known)
        return
    lines = []
    for feature in SHAPE_FEATURES:
        ends = ends_of(feature, cells, known)
        held = (ends[:, 0] <= ends[:, 2]) & (ends[:, 2] <= ends[:, 1])
        spread = np.quantile(ends[:, 2], [0.05, 0.95])
        width = np.median(ends[:, 1] - ends[:, 0]) / max(spread[1] - spread[0], 1e-9)
        lines.append([feature.name, len(ends), held.mean(), width])
    shares = np.array([line[2] for line in lines])
    head = ["measure", "cells", "in the interval", "width over that of 90 % of the cells"]
    print(tabulate(lines, head, floatfmt=".2f"))
    print(f"mean {shares.mean():.1%}, {shares.min():.1%} to {shares.max():.1%}")


def print_classes(cells: Sequence[Row], known: Mapping[str, Row]) -> None:
    """Print the coverage of the main measures, of all cells, SDE and the rare classes together."""
    classes = {row["name"]: parse_name(row["name"]).cell_class for row in cells}
    groups = {
        "all": cells,
        "SDE": [row for row in cells if classes[row["name"]] == "SDE"],
        "rare classes": [row for row in cells if classes[row["name"]] != "SDE"],
    }
    lines = []
    for feature in SHAPE_FEATURES:
        if feature.name not in MEASURES:
            continue
        line = [feature.name]
        for group in groups.values():
            ends = ends_of(feature, group, known)
            held = (ends[:, 0] <= ends[:, 2]) & (ends[:, 2] <= ends[:, 1])
            low, high = exact_bounds(int(held.sum()), len(held))
            line.append(f"{held.mean():.0%} ({low:.0%} to {high:.0%})")
        lines.append(line)
    heads = [f"{name} ({len(group)} cells)" for name, group in groups.items()]
    print(tabulate(lines, ["measure", *heads]))


def ends_of(feature: Feature, cells: Sequence[Row], known: Mapping[str, Row]) -> np.ndarray:
    """Give low, high and true value of a measure of each cell that has them, (N, 3)."""
    unit: Unit = "um" if "voxel_x_um" in cells[0] else "voxel"
    low, high = (feature.column(unit, end) for end in ("low", "high"))
    column = feature.column(unit)
    return np.array(
        [
            [float(row[low]), float(row[high]), float(known[row["name"]][column])]
            for row in cells
            if row[low] and known[row["name"]][column]
        ]
    )


def rows(path: Path) -> list[dict[str, str]]:
    """Read a table that dispr measure wrote."""
    import csv

    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    run(command)
