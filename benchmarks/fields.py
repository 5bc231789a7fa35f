"""How well a simulated field of touching cells comes back, and what large fields take.

    python benchmarks/fields.py OUT [--cells 60] [--picture docs/fields.png]
    python benchmarks/fields.py OUT --large 250 500 1000

The first simulates a field with known 3D truth, predicts it with the shipped model through the
command line and compares table and label volume with the truth. The second predicts fields of
4096 x 4096 pixels with so many cells (one sample, two steps; no measures), each in a process of its
own, and prints seconds and peak memory.
"""

import argparse
import csv
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage

from dispr.files import write_tiff
from dispr.simulation.field import VOXEL, simulate_field

TYPES = ["0.00_discocyte", "-1.00_spherocyte", "-0.67_stomatocyte_II", "0.33_echinocyte_I"]


def predict(image: Path, labels: Path, out: Path, *options: str) -> None:
    call = [sys.executable, "-m", "dispr", "predict", image, "--labels", labels, "-o", out]
    subprocess.run([*map(str, call), *options], check=True)


def accuracy(folder: Path, cells: int, seed: int, options: list[str]) -> None:
    """Predict one field and print how it compares with its truth."""
    edge = int(np.sqrt(cells) * 72)
    field = simulate_field(cells, seed, (edge, edge), TYPES)
    for name in ("image", "labels", "truth"):
        write_tiff(folder / f"{name}.tif", getattr(field, name), (VOXEL,) * 3)
    predict(folder / "image.tif", folder / "labels.tif", folder / "out", *options)
    with open(folder / "out" / "cells.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    volume = tifffile.imread(folder / "out" / "labels.ome.tif")
    found = [compare(row, field, volume) for row in rows]
    for name in found[0]:
        values = np.array([one[name] for one in found])
        print(f"{name:<36} mean {np.nanmean(values):7.3f}  largest {np.nanmax(values):7.3f}")


def compare(row: dict[str, str], field, volume: np.ndarray) -> dict[str, float]:
    """Compare one cell of the table and of the label volume with the truth."""
    label = int(row["label"])
    true, got = field.truth == label, volume == label
    true_um3 = true.sum() * VOXEL**3
    section = ndimage.center_of_mass(field.labels == label)
    centres = [np.array(ndimage.center_of_mass(body)) for body in (true, got)]
    stated = float(row["volume_um3"])
    low, high = (float(row[f"volume_{end}_um3"] or "nan") for end in ("low", "high"))
    return {
        "centroid of mask, pixels": float(
            np.hypot(float(row["y_px"]) - section[0], float(row["x_px"]) - section[1])
        ),
        "centre in the imaged plane, pixels": float(
            np.hypot(*np.subtract(section, ndimage.center_of_mass(got[32])))
        ),
        "centre in Y and X, pixels": float(np.hypot(*(centres[0] - centres[1])[1:])),
        "centre in depth, voxels": float(abs(centres[0] - centres[1])[0]),
        "IoU": float((true & got).sum() / (true | got).sum()),
        "IoU in the imaged plane": float((true & got)[32].sum() / (true | got)[32].sum()),
        "volume, relative error": abs(stated / true_um3 - 1),
        "volume of labels over stated": float(got.sum() * VOXEL**3 / stated),
        "volume in 90 % interval": np.nan if np.isnan(low) else float(low <= true_um3 <= high),
        "overlap": float(row["overlap"]),
        "warned of": float(bool(row["warning"])),
    }


def picture(folder: Path, path: Path) -> None:
    """Draw the field and the predicted labels; below, a vertical section of truth and labels."""
    from PIL import Image

    image = tifffile.imread(folder / "image.tif")
    truth = tifffile.imread(folder / "truth.tif")
    volume = tifffile.imread(folder / "out" / "labels.ome.tif")
    colours = np.random.default_rng(1).integers(70, 255, (int(truth.max()) + 1, 3), np.uint8)
    colours[0] = 0
    row = int(np.argmax([len(np.unique(truth[:, y])) for y in range(truth.shape[1])]))
    grey = np.repeat(image[..., None], 3, axis=2)
    grey[row] = (255, 160, 0)
    gap = np.full((6, image.shape[1], 3), 255, np.uint8)
    left = np.concatenate([grey, gap, colours[truth[:, row]]])
    right = np.concatenate([colours[volume[32]], gap, colours[volume[:, row]]])
    between = np.full((len(left), 6, 3), 255, np.uint8)
    Image.fromarray(np.concatenate([left, between, right], axis=1)).save(path)


def large(folder: Path, cells: int) -> None:
    """Predict a field of 4096 x 4096 pixels; print seconds and peak memory."""
    tile = simulate_field(63, 0, (1024, 1024), TYPES)
    image, labels = np.tile(tile.image, (4, 4)), np.zeros((4096, 4096), np.uint16)
    for k in range(16):
        y, x = k // 4 * 1024, k % 4 * 1024
        part = labels[y : y + 1024, x : x + 1024]
        part[tile.labels > 0] = tile.labels[tile.labels > 0] + 63 * k
    labels[labels > cells] = 0
    write_tiff(folder / f"{cells}" / "image.tif", image, (VOXEL,) * 3)
    write_tiff(folder / f"{cells}" / "labels.tif", labels)
    begin = time.perf_counter()
    predict(
        folder / f"{cells}" / "image.tif",
        folder / f"{cells}" / "labels.tif",
        folder / f"{cells}" / "out",
        *("--ensemble", "1", "--sampling-steps", "2", "--no-measures", "--no-report"),
    )
    spent = time.perf_counter() - begin
    # Of the largest process that has ended: the number of cells must grow.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    print(f"{cells:5d} cells: {spent:7.1f} s, {spent / cells:6.3f} s a cell, {peak:5.2f} GiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--cells", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--large", type=int, nargs="+")
    parser.add_argument("--options", nargs="*", default=[], help="Of dispr predict, without --.")
    chosen = parser.parse_args()
    for cells in sorted(chosen.large or []):
        large(chosen.out, cells)
    if not chosen.large:
        accuracy(chosen.out, chosen.cells, chosen.seed, [f"--{o}" for o in chosen.options])
        if chosen.picture:
            picture(chosen.out, chosen.picture)


if __name__ == "__main__":
    main()
