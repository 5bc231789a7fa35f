"""Compare two types of real cells by their predicted shapes, and see what their true shapes say.

dispr predict red_blood_cells --split test -o predictions
python benchmarks/compare_real.py predictions red_blood_cells

The true difference is that of the means of all cells of the two types. It is estimated from the
predictions with the calibration cells of the model, and with a few known cells of each type, drawn
at random.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
from pathlib import Path

import numpy as np
from tabulate import tabulate

import dispr
from dispr.cells.classes import parse_name
from dispr.cells.folder import find_cells
from dispr.comparison.values import Task, column, measure_shapes
from dispr.prediction.files import PredictionFolder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("predictions", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--types", nargs=2, default=["0.00_discocyte", "-1.00_spherocyte"])
    parser.add_argument("--known", type=int, default=6, help="known cells of each type")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measures", nargs="*", default=["volume", "surface", "sphericity"])
    parser.add_argument("--jobs", type=int, default=None)
    options = parser.parse_args()
    predicted = set(PredictionFolder(options.predictions).names())
    files = {f.name: f for f in find_cells(options.data, need_obj=True) if f.name in predicted}
    cells = [[n for n in files if parse_name(n).type == kind] for kind in options.types]
    random = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "groups.csv").open("w", encoding="utf-8", newline="") as file:
            rows = [(n, kind) for k, kind in zip(cells, options.types, strict=True) for n in k]
            rows += [(n, "") for n in predicted - {n for n, _ in rows}]
            csv.writer(file).writerows([("cell", "group"), *rows])
        for part in cells:
            for n in random.choice(part, options.known, replace=False):
                for kind in ("image", "mask", "obj"):
                    (folder / "known" / kind).mkdir(parents=True, exist_ok=True)
                    shutil.copy(getattr(files[n], kind), folder / "known" / kind)
        asked = {
            "groups": folder / "groups.csv",
            "conditions": options.types,
            "measures": options.measures,
            "jobs": options.jobs,
        }
        by_model = dispr.compare(options.predictions, out=folder / "1", **asked)
        by_known = dispr.compare(
            options.predictions, out=folder / "2", known=folder / "known", **asked
        )
        tasks = [Task(options.predictions, n, files[n].obj) for part in cells for n in part]
        true = measure_shapes(tasks, folder / "true.jsonl", jobs=options.jobs)
    lines = []
    for i, measure in enumerate(options.measures):
        values = column(true, measure)
        difference = values[len(cells[0]) :].mean() - values[: len(cells[0])].mean()
        line = [measure, f"{difference:.4g}"]
        for found in (by_model, by_known):
            row = found.rows[i]
            line += [
                f"{row['difference']:.4g}",
                f"{row['difference_low']:.4g} to {row['difference_high']:.4g}",
                f"{row['p_holm']:.2g}",
            ]
        lines.append(line)
    heads = ["measure (voxels)", "true", "by calibration", "interval", "p (Holm)"]
    heads += [f"by {options.known} known", "interval", "p (Holm)"]
    print(f"{len(cells[0])} {options.types[0]}, {len(cells[1])} {options.types[1]}")
    print(tabulate(lines, heads, disable_numparse=True))


if __name__ == "__main__":
    main()
