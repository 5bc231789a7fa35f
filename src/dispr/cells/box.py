"""The box around a cell: rows and columns of a section, or planes, rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Box = tuple[slice, ...]
"""What a cell spans along each axis."""


def bounding_box(body: np.ndarray, margin: int = 0) -> Box:
    """Give the box of a body, not empty, with a margin as far as the array goes."""
    found, rest = [], body
    for _ in range(body.ndim):
        places = np.flatnonzero(rest.reshape(len(rest), -1).any(axis=1))
        found.append(slice(int(places[0]), int(places[-1]) + 1))
        rest = np.asarray(rest.any(axis=0))
    return widened(tuple(found), margin, body.shape)


def widened(box: Box, margin: int, shape: Sequence[int]) -> Box:
    """Widen a box as far as the array goes."""
    return tuple(
        slice(max(part.start - margin, 0), min(part.stop + margin, size))
        for part, size in zip(box, shape, strict=True)
    )


def within(box: Box, part: Box) -> Box:
    """Give the place of a part of a box, which counts from where that begins."""
    return tuple(
        slice(whole.start + one.start, whole.start + one.stop)
        for whole, one in zip(box, part, strict=True)
    )


def longer_side(box: Box) -> int:
    """Give the longest side of a box."""
    return max(part.stop - part.start for part in box)


def at_border(box: Box, shape: Sequence[int]) -> str:
    """Name the axes, of Z, Y and X, along which a box reaches the ends of an array."""
    axes = zip("ZYX"[-len(box) :], box, shape, strict=True)
    return "".join(axis for axis, span, n in axes if span.start == 0 or span.stop == n)
