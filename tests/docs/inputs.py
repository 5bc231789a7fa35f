"""What the examples of the pages work on, under the names that they use: small simulated data."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

import dispr
from dispr.cli.main import cli
from dispr.files import write_tiff
from dispr.model.shipped import shipped_weights
from dispr.simulation.cell import simulate_cell
from dispr.simulation.field import simulate_field
from dispr.simulation.folder import simulate_folder

VOXEL = 0.172


def cells(folder: Path) -> None:
    """Two cells without true shapes: cells/image/a.tif, ..."""
    for name, kind in (("a", "0.00_discocyte"), ("b", "-1.00_spherocyte")):
        cell = simulate_cell(kind, 5)
        write_tiff(folder / "cells" / "image" / f"{name}.tif", cell.image)
        write_tiff(folder / "cells" / "mask" / f"{name}.tif", cell.mask)


def predictions(folder: Path) -> None:
    """The same, predicted: as few samples as the examples of `dispr predict` are shortened to."""
    cells(folder)
    command = ["predict", str(folder / "cells"), "-o", str(folder / "predictions"), "--no-report"]
    cli.main([*command, "--sampling-steps", "2", "--ensemble", "2"], standalone_mode=False)


def data(folder: Path) -> None:
    """Cells to train on and two to test."""
    simulate_folder(folder / "data", 10, types=["0.00_discocyte"])


def red_blood_cells(folder: Path) -> None:
    """A data set as the published one: several classes, and two cells to test."""
    types = ["0.00_discocyte", "B_keratocytes"]
    simulate_folder(folder / "red_blood_cells", 8, types=types, test_fraction=0.2)


def known(folder: Path) -> None:
    """Cells with known shapes that a model, mine.safetensors, has not seen."""
    simulate_folder(folder / "known", 10, seed=9, types=["0.00_discocyte"])
    shutil.copy(shipped_weights()[0], folder / "mine.safetensors")


def objects(folder: Path) -> None:
    """3D TIFF files by themselves."""
    write_tiff(folder / "objects" / "a.tif", simulate_cell("0.00_discocyte", 5).obj)


def field(folder: Path) -> None:
    """A field of two cells, its labels, and an image of one of them with its mask."""
    made = simulate_field(2, 1, (160, 160), ["0.00_discocyte"])
    write_tiff(folder / "field.tif", made.image)
    write_tiff(folder / "labels.tif", made.labels)
    (row, column), edge = made.corners[0], 64
    place = slice(row, row + edge), slice(column, column + edge)
    write_tiff(folder / "cell.tif", made.image[place])
    write_tiff(folder / "mask.tif", (made.labels[place] == 1).astype(np.uint8) * 255)
    write_tiff(folder / "fields" / "a_membrane.tif", made.image)
    (folder / "fields" / "masks").mkdir()
    Image.fromarray(made.labels.astype(np.uint8)).save(folder / "fields" / "masks" / "a.png")


def stacks(folder: Path) -> None:
    """A stack, and a folder of two, with their labels and a table of classes."""
    size = (3 * VOXEL, VOXEL, VOXEL)
    for name, seed in (("a", 1), ("b", 2)):
        labels = simulate_field(2, seed, (160, 160), ["0.00_discocyte"]).truth[::3]
        image = np.where(labels > 0, np.uint8(140), np.uint8(20))
        write_tiff(folder / "stacks" / f"{name}_membrane.tif", image, size)
        for kind in (f"labels/{name}_membrane.tif", f"masks/{name}.tif"):
            write_tiff(folder / "stacks" / kind, labels, size)
    write_tiff(folder / "stack.tif", image, size)
    write_tiff(folder / "labels.tif", labels, size)
    rows = "stack,label,type\na,1,discocyte\na,2,keratocytes\nb,1,hepatocyte\n"
    (folder / "classes.csv").write_text(rows)


INPUTS: dict[str, tuple[Callable[[Path], None], ...]] = {
    "README.md": (cells, data, red_blood_cells, field),
    "anndata.md": (predictions,),
    "classification.md": (red_blood_cells,),
    "clusters.md": (cells,),
    "fields.md": (field,),
    "intervals.md": (predictions,),
    "measurements.md": (predictions, objects, known),
    "meshes.md": (predictions,),
    "report.md": (predictions,),
    "screens.md": (cells,),
    "simulator.md": (),
    "stacks.md": (stacks,),
    "training.md": (cells,),
}
"""The files that the examples of a page need."""


def names(page: str, folder: Path) -> dict[str, Any]:
    """Give the names that the Python examples of a page take for granted."""
    cell = simulate_cell("0.00_discocyte", 5)
    one = {"image": cell.image, "mask": cell.mask}
    if page == "familiarity.md":
        return one | {"images": cell.image[None], "masks": cell.mask[None]}
    if page == "measurements.md":
        return one | {"volume": cell.obj}
    if page == "fields.md":
        read = (tifffile.imread(folder / f"{name}.tif") for name in ("field", "labels"))
        return dict(zip(("image", "labels"), read, strict=True))
    if page == "meshes.md":
        return {"p": dispr.load().predict(cell.image, cell.mask, pixel_size=VOXEL)}
    return one if page == "README.md" else {}
