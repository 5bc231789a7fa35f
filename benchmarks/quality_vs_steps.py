"""What more steps bring: scores and time of the fast model by the number of steps.

    python benchmarks/quality_vs_steps.py DATA [-o docs/quality_vs_steps] [--weights W]

Scores ensembles of 5 on the cells of DATA/train that the model was not trained on: its validation
cells. Prints a table, and writes it to OUT.csv and, where matplotlib is installed, OUT.png.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from tabulate import tabulate

import dispr
from dispr.cells.folder import find_cells
from dispr.cells.read import read_cell
from dispr.files import write_csv
from dispr.prediction.calibrate import unseen
from dispr.prediction.settings import PredictionSettings
from dispr.scores.shape import METRICS, measure, score

STEPS = (2, 3, 4, 6, 8, 10, 15, 20, 50)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path("quality_vs_steps"))
    parser.add_argument("--weights", default=None)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--steps", default=",".join(map(str, STEPS)))
    parser.add_argument("--cells", type=int, default=0, help="most cells; 0 for all")
    arguments = parser.parse_args()
    model = dispr.load(arguments.weights, precision=arguments.precision)
    files, _ = unseen(model, find_cells(arguments.data, split="train", need_obj=True))
    if arguments.cells:
        count = min(arguments.cells, len(files))
        files = [files[i * len(files) // count] for i in range(count)]
    cells = [read_cell(file) for file in files]
    truths = [cell.obj > 127 for cell in cells]
    known = [measure(truth) for truth in truths]
    images, masks = np.stack([c.image for c in cells]), np.stack([c.mask for c in cells])
    model.predict(images[0], masks[0])  # warm up
    rows = []
    for steps in map(int, arguments.steps.split(",")):
        begin = time.perf_counter()
        predictions = list(model.predict_each(images, masks, PredictionSettings(steps=steps)))
        took = (time.perf_counter() - begin) / len(cells)
        single, consensus, best = [], [], []
        for prediction, truth, measures in zip(predictions, truths, known, strict=True):
            scores = [score(sample, truth, measures) for sample in prediction.samples]
            single += scores
            consensus.append(score(prediction.consensus, truth, measures))
            best.append(max(scores, key=lambda s: s.iou))
        row = {"steps": steps, "seconds_per_cell": round(took, 2)}
        for kind, group in (("single", single), ("consensus", consensus), ("best", best)):
            for metric in METRICS:
                mean = np.mean([getattr(s, metric) for s in group])
                row[f"{kind}_{metric}"] = round(float(mean), 4)
        rows.append(row)
        print(tabulate([row.values()], [k.replace("_", "\n") for k in row]), flush=True)
    write_csv(arguments.out.with_suffix(".csv"), rows)
    plot(rows, arguments.out.with_suffix(".png"), len(cells))


def plot(rows: list[dict], path: Path, cells: int) -> None:
    """Draw scores over the number of steps."""
    try:
        from matplotlib import pyplot
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    figure, axes = pyplot.subplots(1, 3, figsize=(12, 4), constrained_layout=True)
    steps = [row["steps"] for row in rows]
    for kind in ("single", "consensus", "best"):
        label = {"single": "single samples", "best": "best of 5"}.get(kind, kind)
        axes[0].plot(steps, [row[f"{kind}_iou"] for row in rows], "o-", label=label)
    axes[0].set_ylabel("IoU")
    for metric in METRICS[1:]:
        values = [row[f"single_{metric}"] for row in rows]
        axes[1].plot(steps, values, "o-", label=metric.replace("_error", ""))
    axes[1].set_ylabel("relative error of single samples")
    axes[2].plot(steps, [row["seconds_per_cell"] for row in rows], "o-", color="black")
    axes[2].set_ylabel("seconds a cell (5 samples)")
    for axis in axes:
        axis.set_xscale("log")
        axis.set_xticks(steps, [str(s) for s in steps])
        axis.minorticks_off()
        axis.set_xlabel("steps")
        axis.grid(alpha=0.3)
    for axis in axes[:2]:
        axis.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False, fontsize=8)
    figure.suptitle(f"{cells} validation cells")
    figure.savefig(path, dpi=110)
    print(path)


if __name__ == "__main__":
    main()
