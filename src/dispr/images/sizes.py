"""Lengths that files state, in micrometres."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
"""Units of length by the names that programs write."""

NO_UNIT = ("", "pixel", "px", "voxel", "reference frame", "inch", "inches", "in", "point", "pt")
"""What programs write where they know of no size: of pictures for printers, inches and points."""

_MU = ("\\u00b5", "\\u03bc", "\u00e2\u00b5", "\u00ee\u00bc", "\u00b5", "\u03bc")
"""The letter mu in lower case: escaped by ImageJ, UTF-8 taken for Latin-1, and as it is."""


@dataclass(frozen=True)
class StatedSize:
    """The voxel size that a file states.

    Attributes
    ----------
    z, y, x : float or None
        Edges in um; None for what is not stated, or stated wrongly.
    wrong : mapping
        For "z", "y" and "x": what is stated but cannot be a size, as "-1 um" or "2 furlong".
    """

    z: float | None = None
    y: float | None = None
    x: float | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)


def stated_size(values: Mapping[str, tuple[Any, Any]]) -> StatedSize:
    """Bring what a file states to um.

    Parameters
    ----------
    values : mapping
        For some of "z", "y" and "x", a number and its unit, or their texts. The sign of z is the
        direction in which the planes were taken, and dropped.
    """
    found: dict[str, float | None] = {}
    wrong = {}
    for axis, (value, unit) in values.items():
        if value is None or not str(value).strip() or plain_unit(unit) in NO_UNIT:
            continue
        number = _number(value)
        if axis == "z" and number is not None:
            number = abs(number)
        found[axis] = in_um(number, unit)
        if found[axis] is None:
            wrong[axis] = f"{value} {unit}".strip()
    return StatedSize(found.get("z"), found.get("y"), found.get("x"), wrong)


def in_um(value: Any, unit: Any) -> float | None:
    """Bring a length to um; None if it is none, or in no unit.

    Parameters
    ----------
    value : object
        A positive number, or its text.
    unit : object
        Name of its unit (`MICROMETRES`), however it is written.
    """
    number = _number(value)
    factor = MICROMETRES.get(plain_unit(unit))
    if factor is None or number is None or not number > 0:
        return None
    return number if factor == 1 else float(f"{number * factor:.15g}")  # 2e-7 m are 0.2 um


def plain_unit(unit: Any) -> str:
    """Bring the ways of writing a unit to one: "um" for "µm", "micrometer" for "Micrometres"."""
    text = str(unit).strip().strip("\0").lower()
    for mu in _MU:
        text = text.replace(mu, "u")
    text = text.replace("metre", "meter")
    plurals = ("meters", "microns", "angstroms", "pixels", "voxels")
    return text[:-1] if text.endswith(plurals) else text


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
