"""The voxel size that a TIFF file states, in OME-XML or in ImageJ's own way."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from dispr.cells.spacing import VoxelSize
from dispr.errors import FileError

MICROMETRES = {
    "pm": 1e-6,
    "picometer": 1e-6,
    "å": 1e-4,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "um": 1.0,
    "micron": 1.0,
    "micrometer": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "m": 1e6,
    "meter": 1e6,
}
"""Units of length by the names that programs write. Inches are not among them: ImageJ writes them
of pictures with a printer's resolution, and no microscope does."""


def read_voxel_size(path: str | os.PathLike[str]) -> VoxelSize:
    """Read the voxel size from the metadata of a TIFF file.

    OME-TIFF says PhysicalSizeX, Y and Z with their units. ImageJ says the unit and the distance of
    planes in the image description, and the number of pixels to the unit in the resolution. Of
    other files the resolution is not believed: it is the printer's, 72 dots to the inch, more often
    than the microscope's. ImageJ leaves out the distance of planes where it is 1; so do programs
    that do not know it, therefore it counts as unknown.

    Parameters
    ----------
    path : path
        A file that can be read as TIFF.

    Returns
    -------
    VoxelSize
        In um; None for what is not stated, or stated in pixels or in an unknown unit.

    Raises
    ------
    FileError
        If the file is missing or no TIFF file.
    """
    import tifffile

    path = Path(path)
    try:
        with tifffile.TiffFile(path) as tiff:
            if tiff.is_ome and tiff.ome_metadata:
                return _ome(tiff.ome_metadata)
            if tiff.is_imagej:
                tags = tiff.pages[0].tags
                return _imagej(
                    tiff.imagej_metadata or {},
                    *(tags[name].value if name in tags else None for name in _RESOLUTION),
                )
    except FileNotFoundError as error:
        raise FileError(f"{path} does not exist; check the name.") from error
    except Exception as error:  # tifffile raises many types for a damaged file
        raise FileError(
            f"{path} cannot be read as TIFF: it is damaged, truncated or of another format; "
            "export it again."
        ) from error
    return VoxelSize()


_RESOLUTION = ("YResolution", "XResolution")


def _ome(text: str) -> VoxelSize:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return VoxelSize()
    pixels = next((e for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return VoxelSize()
    edges = []
    for axis in "ZYX":
        unit = pixels.get(f"PhysicalSize{axis}Unit", "um")
        edges.append(in_um(pixels.get(f"PhysicalSize{axis}"), unit))
    return VoxelSize(*edges)


def _imagej(about: Mapping[str, Any], *resolutions: tuple[int, int] | None) -> VoxelSize:
    unit = about.get("unit", "")
    y, x = (
        in_um(value[1] / value[0], about.get(key, unit)) if value and value[0] else None
        for key, value in zip(("yunit", "unit"), resolutions, strict=True)
    )
    return VoxelSize(in_um(about.get("spacing"), about.get("zunit", unit)), y, x)


def in_um(value: Any, unit: Any) -> float | None:
    """Bring a length to um; None if it is none, or in no unit.

    Parameters
    ----------
    value : object
        A positive number, or its text.
    unit : object
        Name of its unit (`MICROMETRES`), however it is written.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    factor = MICROMETRES.get(_plain(str(unit)))
    if factor is None or not (math.isfinite(number) and number > 0):
        return None
    return number * factor


def _plain(unit: str) -> str:
    """Bring the ways of writing a unit to one; ImageJ escapes its letter mu."""
    unit = unit.strip().lower().replace("\\u00b5", "u").replace("\\u03bc", "u")
    unit = unit.replace("\u00b5", "u").replace("\u03bc", "u").replace("metre", "meter")
    return unit[:-1] if unit.endswith(("meters", "microns", "angstroms")) else unit
