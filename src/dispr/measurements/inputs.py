"""Find what there is to measure in a folder: predictions, 3D objects, or sections with masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from dispr.cells.folder import CellFiles, find_cells, kind_folder, one_each, parts, tiff_files
from dispr.cells.spacing import Spacing
from dispr.checksums import files_digest
from dispr.errors import ConfigError, FileError
from dispr.intervals.rules import Intervals
from dispr.morphology.features import Unit
from dispr.prediction.files import PredictionFolder, is_prediction, opened

NO_ROW = "The table of the prediction has no row of it; predict it again."

Kind = Literal["predictions", "shapes", "sections"]


@dataclass(frozen=True)
class Item:
    """One cell to measure.

    Attributes
    ----------
    kind : "predictions", "shapes" or "sections"
        What its files are.
    name : str
        Name of the cell.
    split : str
        "train" or "test" where it is of a part of a data set, else "".
    paths : tuple of Path
        The object; or image and mask; none of a prediction.
    folder : Path, optional
        The prediction.
    spacing : tuple of float, optional
        Edges of a voxel along Z, Y and X, if not those that the files state.
    unit : "um" or "px"
        Unit of the spacing: um, or pixels of a field of view.
    published : bool
        Measure the published features.
    intervals : Intervals, optional
        What the intervals of a prediction's measures are made by; none with a warning.
    ellipsoid : float, optional
        Volume of the ellipsoid on the cell's outline, in voxels of the prediction.
    warning : str
        What to beware of in a prediction.
    group : str
        The group of cells that it is of; empty for none.
    """

    kind: Kind
    name: str
    split: str
    paths: tuple[Path, ...] = ()
    folder: Path | None = None
    spacing: Spacing | None = None
    unit: Unit = "um"
    published: bool = False
    intervals: Intervals | None = None
    ellipsoid: float | None = None
    warning: str = ""
    group: str = ""


def find_items(
    folder: Path,
    *,
    split: str | None = None,
    sections: bool = False,
    spacing: Spacing | None = None,
    published: bool = False,
) -> list[Item]:
    """List the cells of a folder.

    Parameters
    ----------
    folder : Path
        A prediction (`probability/`, `samples/`); a data set with `obj/`, or with `image/` and
        `mask/` alone, in parts or not; or a folder of TIFF files that are 3D objects.
    split : "train" or "test", optional
        Part of a data set.
    sections : bool
        Measure images and masks of a data set also where it has objects.
    spacing, published
        Kept in the items.

    Raises
    ------
    FileError
        If the folder or a file is missing, or there is nothing to measure.
    ConfigError
        If an option does not go with what the folder holds.
    """
    if not folder.exists():
        raise FileError(f"{folder} does not exist; check the name of the folder.")
    if not folder.is_dir():
        raise FileError(f"{folder} is a file; give the folder that contains it.")
    make = partial(Item, spacing=spacing, published=published)
    if is_prediction(folder):
        if split is not None or sections:
            raise ConfigError(
                f"{folder} is a folder of predictions, without parts or sections; measure the "
                "data set instead, or omit --split and --sections."
            )
        names = PredictionFolder(folder).names()
        return [make("predictions", name, "", folder=folder) for name in names]
    loose = tiff_files(folder)
    found = parts(folder)
    if loose and not found and not sections:
        if split is not None:
            raise ConfigError(f"{folder} is a folder of objects without parts; omit --split.")
        return [make("shapes", name, "", (path,)) for name, path in one_each(loose).items()]
    objects = [part for part in found.values() if tiff_files(kind_folder(part, "obj"))]
    if objects and not sections:
        return _objects(folder, split, make)
    cells = find_cells(folder, split=split)
    return [
        make("sections", cell.name, cell.split or "", (cell.image, cell.mask)) for cell in cells
    ]


def _objects(folder: Path, split: str | None, make: Callable[..., Item]) -> list[Item]:
    """List the objects of a data set, whose images and masks need not be there."""
    has_sections = any(kind_folder(part, "image").is_dir() for part in parts(folder).values())
    if has_sections:
        cells: list[CellFiles] = find_cells(folder, split=split, need_obj=True)
        return [make("shapes", c.name, c.split or "", (c.obj,)) for c in cells if c.obj]
    chosen = {k: part for k, part in parts(folder).items() if split in (None, k)}
    items = [
        make("shapes", name, key or "", (path,))
        for key, part in chosen.items()
        for name, path in one_each(tiff_files(kind_folder(part, "obj"))).items()
    ]
    if not items:
        raise FileError(f"{folder} has no objects in the part {split}; choose another part.")
    return items


def contents(item: Item, about: str = "") -> str:
    """Give a checksum of what an item is measured from, and of what else the result depends on.

    Raises
    ------
    FileError
        If a file is missing or cannot be read.
    """
    if item.folder is None:
        return files_digest(item.paths, about)
    return opened(item.folder).shapes.digest(item.name, about)


def with_intervals(items: list[Item], folder: Path, intervals: Intervals | None) -> list[Item]:
    """Add what the table of a prediction says of its cells, and the intervals of its model.

    Cells with a warning get none: intervals hold for cells like those they were fitted to. Of cells
    with further known planes they are those for the distance from these (`Intervals.given`).

    Raises
    ------
    FileError
        If the table cannot be read.
    """
    drawn = PredictionFolder(folder)
    rows = {row["name"]: row for row in drawn.rows()}
    # What dispr predicted has rows; one that lost its own may have lost a warning.
    lost = NO_ROW if drawn.settings and rows else ""
    found = []
    for item in items:
        row = rows.get(item.name, {})
        warning = (row.get("warning") or "") if row else lost
        ellipsoid, distance = row.get("ellipsoid_volume_voxels"), row.get("plane_distance")
        its = None if warning else intervals
        if its is not None and distance:
            its = its.given(float(distance))
        found.append(
            dataclasses.replace(
                item,
                ellipsoid=float(ellipsoid) if ellipsoid else None,
                warning=warning,
                intervals=its,
                group=row.get("group") or "",
            )
        )
    return found
