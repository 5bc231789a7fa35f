"""Compare simulated cells with real ones, type by type.

    python benchmarks/simulated_vs_real.py SIMULATED REAL [--montage PNG] [--cells 40]

Prints the medians of volume, extents, mask area, share of cells with a hole, and of grey levels,
for each type in both folders, and, where matplotlib is installed, draws sections side by side.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from tabulate import tabulate

from dispr.cells.classes import parse_name
from dispr.cells.folder import CellFiles, find_cells
from dispr.files import read_tiff

MEASURES = ("volume", "Z", "Y", "X", "mask", "convexity", "hole", "border", "inside", "grey")


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
    surface = np.argwhere(cell & ~ndimage.binary_erosion(cell))
    hull = ConvexHull(np.vstack([surface - 0.5, surface + 0.5])).volume
    filled = ndimage.binary_fill_holes(cell).sum()
    distance = ndimage.distance_transform_edt(mask)
    border, inside = (image[band].mean() for band in ((distance > 0) & (distance < 2), mask))
    return [
        cell.sum(),
        *extents,
        mask.sum(),
        cell.sum() / hull,
        float(filled > 1.02 * cell.sum()),
        border,
        inside,
        image.max(),
    ]


def medians(cells: dict[str, list[CellFiles]]) -> dict[str, np.ndarray]:
    """Give the medians of `MEASURES` of each type; for `hole`, the mean."""
    result = {}
    for kind, files in cells.items():
        values = np.array([measure(f) for f in files])
        middle = np.median(values, axis=0)
        middle[MEASURES.index("hole")] = values[:, MEASURES.index("hole")].mean()
        result[kind] = middle
    return result


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
    kinds = [kind for kind in simulated if kind in real]
    figure, axes = plt.subplots(len(kinds), 2, figsize=(14, 4.2 * len(kinds)), squeeze=False)
    for row, kind in zip(axes, kinds, strict=True):
        for axis, cells, label in zip(row, (simulated, real), ("simulated", "real"), strict=True):
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
    parser.add_argument("real", type=Path)
    parser.add_argument("--montage", type=Path, default=Path("simulated_vs_real.png"))
    parser.add_argument("--cells", type=int, default=40, help="at most so many cells of a type")
    options = parser.parse_args()
    simulated, real = (by_type(path, options.cells) for path in (options.simulated, options.real))
    rows = []
    of_simulated, of_real = medians(simulated), medians(real)
    for kind in simulated:
        for label, values, cells in (
            ("simulated", of_simulated, simulated),
            ("real", of_real, real),
        ):
            if kind in values:
                rows.append([kind, label, len(cells[kind]), *values[kind]])
    formats = ("", "", "d", ".0f", ".0f", ".0f", ".0f", ".0f", ".2f", ".2f", ".0f", ".0f", ".0f")
    print(tabulate(rows, headers=["type", "cells", "n", *MEASURES], floatfmt=formats))
    montage(simulated, real, options.montage)


if __name__ == "__main__":
    main()
