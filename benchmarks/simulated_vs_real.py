"""Compare simulated cells with real ones, type by type.

    python benchmarks/simulated_vs_real.py SIMULATED [REAL] [--montage PNG] [--cells 40]

Prints the medians of volume, extents, mask area, share of cells with a hole, and of grey levels,
for each type in both folders; quartiles of volume, surface, convexity and mask area with the
Kolmogorov-Smirnov distance of the two distributions (0: alike, 1: apart); and, where matplotlib is
installed, draws sections side by side. Without REAL, draws the simulated cells alone.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.stats import ks_2samp
from tabulate import tabulate

from dispr.cells.classes import parse_name
from dispr.cells.folder import CellFiles, find_cells
from dispr.files import read_tiff
from dispr.morphology.voxels import convexity, surface

MEASURES = (
    "volume", "Z", "Y", "X", "mask", "surface", "convexity", "hole", "border", "inside", "grey"
)  # fmt: skip
SHAPE = ("volume", "surface", "convexity", "mask")


def by_type(root: Path, limit: int) -> dict[str, list[CellFiles]]:
    """Give up to `limit` cells of each type, spread evenly over the folder."""
    cells = defaultdict(list)
    for files in find_cells(root, need_obj=True):
        cells[parse_name(files.name).type].append(files)
    return {
        kind: [all_[i] for i in np.unique(np.linspace(0, len(all_) - 1, limit).astype(int))]
        for kind, all_ in sorted(cells.items())
    }


def measure(files: CellFiles) -> list[float]:
    """Give the `MEASURES` of one cell: voxels, shares, and grey levels of the image."""
    obj = read_tiff(files.obj)  # type: ignore[arg-type]
    image, mask = read_tiff(files.image).astype(float), read_tiff(files.mask) > 127
    cell = obj > 127
    extents = [np.ptp(np.flatnonzero(cell.any(axis=axes))) + 1 for axes in ((1, 2), (0, 2), (0, 1))]
    filled = ndimage.binary_fill_holes(cell).sum()
    distance = ndimage.distance_transform_edt(mask)
    border, inside = (image[band].mean() for band in ((distance > 0) & (distance < 2), mask))
    return [
        cell.sum(),
        *extents,
        mask.sum(),
        surface(cell),
        convexity(cell),
        float(filled > 1.02 * cell.sum()),
        border,
        inside,
        image.max(),
    ]


def measure_all(cells: dict[str, list[CellFiles]]) -> dict[str, np.ndarray]:
    """Give the `MEASURES` of each type, (cells, measures)."""
    return {kind: np.array([measure(f) for f in files]) for kind, files in cells.items()}


def medians(values: np.ndarray) -> np.ndarray:
    """Give the medians of `MEASURES`; for `hole`, the mean."""
    middle = np.median(values, axis=0)
    middle[MEASURES.index("hole")] = values[:, MEASURES.index("hole")].mean()
    return middle


def distances(simulated: dict[str, np.ndarray], real: dict[str, np.ndarray]) -> list[list]:
    """Give rows of quartiles, simulated and real, and Kolmogorov-Smirnov distances."""
    rows = []
    for kind in (kind for kind in simulated if kind in real):
        row: list = [kind]
        for name in SHAPE:
            column = MEASURES.index(name)
            pair = simulated[kind][:, column], real[kind][:, column]
            for values in pair:
                low, high = np.quantile(values, (0.25, 0.75))
                row.append(f"{low:.2f}-{high:.2f}" if high < 2 else f"{low:.0f}-{high:.0f}")
            row.append(f"{ks_2samp(*pair).statistic:.2f}")
        rows.append(row)
    return rows


def sections(files: CellFiles) -> np.ndarray:
    """Stack image, XY, XZ and YZ section of a cell, with a line between them."""
    obj = read_tiff(files.obj)  # type: ignore[arg-type]
    panels = (read_tiff(files.image), obj[32], obj[:, 32], obj[:, :, 32])
    return np.vstack([np.pad(panel, 1, constant_values=90) for panel in panels])


def montage(simulated: dict, real: dict, path: Path, columns: int = 7) -> None:
    """Draw cells of each type: simulated on the left, real on the right."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        print("No montage: matplotlib is not installed.")
        return
    kinds = [kind for kind in simulated if kind in real or not real]
    sides = [("simulated", simulated)] + ([("real", real)] if real else [])
    size = (7 * len(sides), 4.2 * len(kinds))
    figure, axes = plt.subplots(len(kinds), len(sides), figsize=size, squeeze=False)
    for row, kind in zip(axes, kinds, strict=True):
        for axis, (label, cells) in zip(row, sides, strict=True):
            chosen = np.unique(np.linspace(0, len(cells[kind]) - 1, columns).astype(int))
            axis.imshow(np.hstack([sections(cells[kind][i]) for i in chosen]), cmap="gray")
            axis.set_title(f"{kind}, {label}")
            axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=60)
    print(f"Sections: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("simulated", type=Path)
    parser.add_argument("real", type=Path, nargs="?")
    parser.add_argument("--montage", type=Path, default=Path("simulated_vs_real.png"))
    parser.add_argument("--cells", type=int, default=40, help="at most so many cells of a type")
    options = parser.parse_args()
    simulated = by_type(options.simulated, options.cells)
    real = by_type(options.real, options.cells) if options.real else {}
    of_simulated, of_real = measure_all(simulated), measure_all(real)
    rows = [
        [kind, label, len(values[kind]), *medians(values[kind])]
        for kind in simulated
        for label, values in (("simulated", of_simulated), ("real", of_real))
        if kind in values
    ]
    formats = ("", "", "d", *6 * (".0f",), ".2f", ".2f", *3 * (".0f",))
    headers = ["type", "cells", "n", *MEASURES]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=formats))
    if real:
        headers = ["type"]
        for name in SHAPE:
            headers += [f"{name}, simulated", "real", "distance"]
        print()
        print(tabulate(distances(of_simulated, of_real), headers, tablefmt="github"))
    montage(simulated, real, options.montage)


if __name__ == "__main__":
    main()
