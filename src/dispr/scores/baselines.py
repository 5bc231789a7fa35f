"""Shapes without a network, to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from math import ceil

import numpy as np

from dispr.cells.arrays import SECTION, SIZE
from dispr.cells.planes import spread_planes
from dispr.errors import ArrayError
from dispr.morphology.ellipsoid import ellipse, ellipsoid
from dispr.surface.distance import signed_distance


def cylinder(mask: np.ndarray) -> np.ndarray:
    """Extrude the mask about plane 32, as high as the mean half-axis of its ellipse is long.

    The field words the height as a mean diameter of the ellipse; its figures are reproduced by
    half of that, to the nearest voxel. As high as the full diameter, the cylinder would have about
    twice the volume of a red blood cell.

    Parameters, result and errors are those of `dispr.morphology.ellipsoid.ellipsoid`.
    """
    region = ellipse(mask)
    height = max(round((region.axis_major_length + region.axis_minor_length) / 4), 1)
    body = np.zeros((SIZE, SIZE, SIZE), bool)
    bottom = SECTION - height // 2
    body[bottom : bottom + height] = mask > 0
    return body


def interpolate(planes: Mapping[int, np.ndarray]) -> np.ndarray:
    """Interpolate a shape between masks of some of its planes, by their signed distances.

    The distances of each two neighbouring planes are interpolated linearly between them (Raya &
    Udupa 1990, doi:10.1109/42.52980). Beyond the last known plane on a side the distance falls by
    one voxel a plane, and the shape ends half way to where the next plane would be. A side on which
    nothing but the section is known is closed by a round cap, as high as the largest circle in the
    section has its radius.

    Parameters
    ----------
    planes : mapping of int to ndarray
        Masks, (64, 64) bool, by the numbers of their planes, that of the section, 32, among them;
        empty ones lie beyond the cell.

    Returns
    -------
    ndarray
        bool, (64, 64, 64); the known planes are as given.

    Raises
    ------
    ArrayError
        If the section is not among them, or is empty.
    """
    if SECTION not in planes or not np.any(planes[SECTION]):
        raise ArrayError(
            f"The mask of plane {SECTION}, the section, is needed for the interpolation."
        )
    known = sorted(planes)
    distances = {
        z: signed_distance(np.asarray(planes[z], bool)) if np.any(planes[z]) else None
        for z in known
    }
    body = np.zeros((SIZE, SIZE, SIZE), bool)
    for below, above in pairwise(known):
        low, high, gap = distances[below], distances[above], above - below
        if low is None or high is None:
            filled = high if low is None else low
            if filled is None:
                continue
            low, high = (filled - gap, filled) if low is None else (filled, filled - gap)
        for z in range(below, above):
            body[z] = low + (high - low) * (z - below) / gap > 0
    for last, inner, step in ((known[0], known[:2][-1], -1), (known[-1], known[-2:][0], 1)):
        distance = distances[last]
        if distance is None:
            continue
        if last == SECTION:
            radius = float(distance.max())
            falls = [radius - (radius**2 - h**2) ** 0.5 for h in range(ceil(radius))]
        else:
            falls = list(range(abs(last - inner) // 2 + 1))
        for height, fall in enumerate(falls):
            z = last + step * height
            if 0 <= z < SIZE:
                body[z] = distance > fall
    for z in known:
        body[z] = planes[z]
    return body


def planes_of(obj: np.ndarray, mask: np.ndarray, count: int) -> dict[int, np.ndarray]:
    """Take the masks of some planes of a known shape, evenly over it.

    Parameters
    ----------
    obj : ndarray
        (64, 64, 64), bool.
    mask : ndarray
        Of its section, (64, 64), bool or grey (inside above 127).
    count : int
        How many planes (`dispr.cells.planes.spread_planes`).

    Returns
    -------
    dict of int to ndarray
        Masks, (64, 64) bool, by the numbers of their planes; that of the section is `mask`.
    """
    filled = np.flatnonzero(obj.any(axis=(1, 2)))
    low, high = (filled[0], filled[-1]) if len(filled) else (SECTION, SECTION)
    found = {z: obj[z] for z in spread_planes(int(low), int(high), count, SECTION)}
    return found | {SECTION: mask if mask.dtype == bool else mask > 127}


GEOMETRIC: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "cylinder": cylinder,
    "ellipsoid": ellipsoid,
}


def nearest(mask: np.ndarray, train_masks: np.ndarray) -> int:
    """Find the training cell with the most similar mask, by IoU.

    Parameters
    ----------
    mask : ndarray
        (64, 64), bool or grey (inside above 0, as published).
    train_masks : ndarray
        (N, 64, 64), bool.

    Returns
    -------
    int
        Its place; the first of equals.

    Raises
    ------
    ArrayError
        If there are no training masks.
    """
    if not len(train_masks):
        raise ArrayError("There are no training masks to compare with.")
    inside = mask > 0
    both = np.count_nonzero(train_masks & inside, axis=(1, 2))
    either = np.count_nonzero(train_masks | inside, axis=(1, 2))
    return int(np.argmax(both / np.maximum(either, 1)))
