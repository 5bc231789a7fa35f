"""What further sections are worth: scores by the number of known planes, beside interpolation.

    python benchmarks/sections.py red_blood_cells --split test -o runs/sections

For each cell so many planes of its known shape are given, evenly over its true extent with that of
the section among them (two planes: the section and that half way to the top;
`dispr.cells.planes.spread_planes`). Prints and writes a table with the mean overlap (IoU), the
errors of volume and of boundary, and the width and coverage of the 90 % interval of the volume, for
the consensus of the model's ensembles and for the interpolation of the same planes by signed
distances (`dispr baseline interpolate`); draws the curves. With `--moved`, also for shapes that are
drawn from the section alone and then moved to the planes (`dispr.prediction.planes.hold_planes`).
"""

from pathlib import Path

import click
import numpy as np

import dispr
from dispr.cells.folder import find_cells
from dispr.cells.read import read_cell
from dispr.cli.main import run
from dispr.cli.progress import Bars
from dispr.errors import FileError
from dispr.files import atomic_path, make_folder, write_csv
from dispr.morphology.voxels import surface
from dispr.prediction.calibrate import unseen
from dispr.prediction.planes import SECTION, hold_planes
from dispr.prediction.settings import PredictionSettings
from dispr.scores.baselines import interpolate, planes_of
from dispr.scores.shape import binarise, iou

COUNTS = (1, 2, 3, 5, 9)


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True)
@click.option("--split", default=None, help="Part of the data. Default: all cells.")
@click.option("--weights", type=click.Path(path_type=Path), default=None)
@click.option("--precision", default="fp32", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--steps", default=None, help="Steps to draw in. Default: those of the model.")
@click.option("--seed", default=1, show_default=True)
@click.option("--unseen", "new", is_flag=True, help="Leave out cells that the model has seen.")
@click.option("--moved", is_flag=True, help="Score shapes that are only moved to planes, too.")
@click.option("--every", default=1, show_default=True, help="Take every so many cells.")
def main(
    data: Path,
    out: Path,
    split: str | None,
    weights: Path | None,
    precision: str,
    device: str,
    steps: str | None,
    seed: int,
    new: bool,
    moved: bool,
    every: int,
) -> None:
    """Score the cells of DATA by the number of their sections."""
    make_folder(out)
    model = dispr.load(weights, device, precision)
    files = find_cells(data, split=split, need_obj=True)
    cells = [read_cell(file) for file in (unseen(model, files)[0] if new else files)[::every]]
    if not cells:
        raise FileError(f"{data} contains no cells.")
    images, masks = (np.stack([getattr(c, kind) for c in cells]) for kind in ("image", "mask"))
    truths = [binarise(cell.obj) for cell in cells]
    settings = PredictionSettings(seed=seed, steps=steps)
    rows = []
    with Bars() as bars:
        advance = bars.counter("Scoring", len(cells) * (2 * len(COUNTS) + moved))
        alone = []
        for drawn in model.predict_each(images, masks, settings, keep_grey=True) if moved else ():
            assert drawn.grey is not None
            alone.append(drawn.grey > 0.5)
            advance(1)
        for count in COUNTS:
            given = [
                planes_of(truth, cell.mask, count)
                for truth, cell in zip(truths, cells, strict=True)
            ]
            found = []
            for planes, truth in zip(given, truths, strict=True):
                found.append(scores(interpolate(planes), truth))
                advance(1)
            rows.append({"shape": "interpolation", "planes": count} | mean(found))
            known = [
                {z: mask.astype(np.uint8) * 255 for z, mask in planes.items() if z != SECTION}
                for planes in given
            ]
            if moved:
                found = []
                for shapes, planes, truth in zip(alone, given, truths, strict=True):
                    held = np.stack([hold_planes(shape, planes) for shape in shapes])
                    found.append(scores(held.mean(axis=0) > 0.5, truth))
                rows.append({"shape": "moved only", "planes": count} | mean(found))
            drawn = model.predict_each(images, masks, settings, known=known)
            found = []
            for prediction, truth in zip(drawn, truths, strict=True):
                found.append(scores(prediction.consensus, truth) | interval(prediction, truth))
                advance(1)
            rows.append({"shape": "model", "planes": count} | mean(found))
    rows.sort(key=lambda row: (row["shape"], row["planes"]))
    for row in rows:
        click.echo("  ".join(f"{key} {value}" for key, value in row.items()))
    write_csv(out / "sections.csv", rows)
    draw(rows, out / "sections.png")


def scores(body: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Score one shape."""
    boundary = surface(truth)
    return {
        "iou": float(iou(body, truth)),
        "volume_error": abs(float(body.sum()) / float(truth.sum()) - 1),
        "boundary_error": abs(surface(body) / boundary - 1),
    }


def interval(prediction: "dispr.prediction.model.Prediction", truth: np.ndarray) -> dict:
    """Give width and coverage of the volume's interval; nothing without calibration."""
    if prediction.intervals is None:
        return {}
    low, high = prediction.interval("volume")
    volume = float(truth.sum())
    return {"interval_width": (high - low) / volume, "interval_holds": float(low <= volume <= high)}


def mean(found: list[dict[str, float]]) -> dict[str, float]:
    """Average scores over cells."""
    return {
        "cells": len(found),
        **{key: round(float(np.mean([one[key] for one in found])), 4) for key in found[0]},
    }


def draw(rows: list[dict], path: Path) -> None:
    """Draw overlap and volume error by the number of planes."""
    from matplotlib.figure import Figure

    figure = Figure((8, 3.2), layout="constrained")
    for axes, key, label in zip(
        figure.subplots(1, 2), ("iou", "volume_error"), ("IoU", "volume error"), strict=True
    ):
        for shape, marker in (("model", "o"), ("interpolation", "s")):
            line = [(row["planes"], row[key]) for row in rows if row["shape"] == shape]
            axes.plot(*zip(*line, strict=True), marker=marker, label=shape)
        axes.set_xlabel("known planes")
        axes.set_ylabel(label)
        axes.set_xticks(COUNTS)
        axes.legend(frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


if __name__ == "__main__":
    run(main)
