"""Regions of interest of ImageJ and Fiji: `.roi`, and `.zip` of its ROI Manager."""

from __future__ import annotations

import contextlib
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import FileError, as_damaged
from dispr.labelled.outlines import Inside, Outline, ellipse, polygons, rectangle
from dispr.limits import largest_text, raise_it
from dispr.packages import roifile_package

AREAS = ("POLYGON", "FREEHAND", "TRACED", "RECT", "OVAL")
"""Types of regions that enclose something; others are lines and points."""

SECOND_HEADER = 52
"""Bytes of the second header of a region; where they lack, the package takes it for none."""

SPLINE = 1
"""The option of a polygon that is shown as a smooth curve through its corners."""


def read_rois(path: Path) -> tuple[list[Outline], list[str]]:
    """Read the regions of a file of ImageJ.

    Parameters
    ----------
    path : Path
        `.roi`, one region, or `.zip` of several.

    Returns
    -------
    outlines : list of Outline
        In the order of the file.
    skipped : list of str
        Names of what encloses nothing: lines, points, texts.

    Raises
    ------
    FileError
        If the file is damaged, too large or of another kind.
    ConfigError
        If `roifile` is not installed.
    """
    outlines, skipped = [], []
    for name, content in _contents(path):
        region = _decoded(path, name, content)
        called = str(region.name or Path(name).stem)
        try:
            shape = _shape(path, called, region)
        except ValueError as error:
            raise FileError(f"{path}: the region {called} has {error}; save it again.") from error
        if shape is None:
            skipped.append(called)
            continue
        places = [region.z_position, region.t_position, 0]
        if not (any(places) or region.c_position):  # a stack that is no hyperstack
            places[2] = region.position
        plane, time, number = (place - 1 if place > 0 else None for place in places)
        bounds, inside = shape
        outlines.append(Outline(called, bounds, inside, plane, time, number))
    return outlines, skipped


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Give the bytes of each region, with the name of its file."""
    with open(path, "rb") as file:
        start = file.read(4)
    if start == b"Iout" or (path.suffix.lower() == ".roi" and not start.startswith(b"PK")):
        if path.stat().st_size > largest_text():
            raise _too_large(path)
        yield path.name, path.read_bytes()
        return
    with (
        as_damaged(
            f"{path} cannot be read as a ZIP archive of ImageJ regions: it is damaged or in "
            "another format; save it again."
        ),
        zipfile.ZipFile(path) as archive,
    ):
        inside = [
            one
            for one in archive.infolist()
            if one.filename.lower().endswith(".roi")
            and not Path(one.filename).name.startswith("._")  # macOS's own, of each file
        ]
        if not inside:
            raise FileError(
                f"{path} contains no regions of ImageJ (.roi); save them from the ROI Manager "
                "(More > Save)."
            )
        if sum(one.file_size for one in inside) > largest_text():
            raise _too_large(path)
        for one in inside:
            with archive.open(one) as file:
                content = file.read(one.file_size + 1)
            yield one.filename, content


def _too_large(path: Path) -> FileError:
    return FileError(
        f"{path} has more than {largest_text() / 2**20:.3g} MiB of regions; {raise_it()}."
    )


def _decoded(path: Path, name: str, content: bytes) -> Any:
    roifile = roifile_package(f"{path} cannot be read")
    which = "" if name == path.name else f", {name},"
    with as_damaged(
        f"{path}{which} is not a region that ImageJ wrote, or is damaged; save it again."
    ):
        second = int.from_bytes(content[60:64], "big")  # the header of planes, names and colours
        if second and second + SECOND_HEADER >= len(content):
            raise ValueError("cut off")
        with _faults("roifile"):
            return roifile.ImagejRoi.frombytes(content)


@contextlib.contextmanager
def _faults(name: str) -> Iterator[None]:
    """Raise what a package only tells its log, such as a region that is cut off.

    Raises
    ------
    ValueError
        If it tells something.
    """
    told: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    passed_on, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = passed_on
    if told:
        raise ValueError(told[0])


def _curved(path: Path, name: str) -> FileError:
    return FileError(
        f"{path}: the region {name} has curves, which are not read; convert it in ImageJ (Edit > "
        "Selection > Interpolate) and save it again."
    )


def _shape(path: Path, name: str, region: Any) -> tuple[tuple[float, ...], Inside] | None:
    """Give bounds and inside of a region; None if it encloses nothing.

    Raises
    ------
    FileError
        If it has curves.
    ValueError
        If it is beyond any image.
    """
    kind = region.roitype.name
    if kind in AREAS and region.options & SPLINE and region.multi_coordinates is None:
        raise _curved(path, name)
    if kind not in AREAS or region.subtype.name in ("TEXT", "ARROW", "IMAGE"):
        return None
    if region.multi_coordinates is not None:
        try:
            rings = region.path2coords(region.multi_coordinates)
        except Exception as error:  # curves, or damaged
            raise _curved(path, name) from error
        rings = [np.asarray(ring, float) for ring in rings if len(ring)]
        return polygons([rings]) if rings else None
    if kind in ("RECT", "OVAL"):
        if kind == "RECT" and region.rounded_rect_arc_size:
            raise FileError(
                f"{path}: the region {name} is a rectangle with rounded corners, which is not "
                "read; convert it in ImageJ (Edit > Selection > Interpolate) and save it again."
            )
        box = _rectangle(region)
        return (ellipse if kind == "OVAL" else rectangle)(*box) if min(box[2:]) > 0 else None
    corners = np.asarray(region.coordinates(), float)
    return polygons([[corners]]) if len(corners) > 2 else None


def _rectangle(region: Any) -> tuple[float, float, float, float]:
    """Give top, left, height and width, in parts of a pixel where these are stated."""
    if region.widthd and region.heightd:
        return tuple(float(v) for v in (region.yd, region.xd, region.heightd, region.widthd))  # type: ignore[return-value]
    top, left = float(region.top), float(region.left)
    return top, left, float(region.bottom) - top, float(region.right) - left
