"""Known planes of a cell: that of its section, and others where there are some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dispr.arguments import as_number, as_whole
from dispr.cells.arrays import SIZE
from dispr.errors import ConfigError
from dispr.network.planes import section_planes
from dispr.surface.distance import signed_distance

SECTION = SIZE // 2
"""Plane of the section."""

DEPTH = 8.0
"""Voxels within and outside of an outline over which it is moved to where it is known to be."""

REACH = 10
"""Planes beyond the last known one that follow it."""

FAR_REACH = 24
"""The same where other planes than the section are known, and the shape was drawn."""

OPPOSITE = 0.7
"""Share by which planes next to the section, on its side without a further known plane, are moved
against their mirror images; it fades over `FAR_REACH` planes."""

Planes = Mapping[int, np.ndarray]
"""Masks of a cell, (64, 64) uint8, by the numbers of their planes."""


def numbered_planes(
    planes: Mapping[Any, Any] | None, heights_um: Mapping[Any, Any] | None, voxel_size: float | None
) -> dict[int, Any]:
    """Give the known planes of one cell by their numbers.

    Parameters
    ----------
    planes : mapping of int to array, optional
        By number, 0 to 63; the section is plane 32.
    heights_um : mapping of float to array, optional
        By height above the section in um, negative below; taken to the nearest plane.
    voxel_size : float or None
        Edge of a voxel in um.

    Raises
    ------
    ConfigError
        If a plane is none of the cell's grid, that of the section, or given twice, or heights are
        given without the size of the voxels.
    """
    for name, given in (("planes", planes), ("heights_um", heights_um)):
        if given is not None and not isinstance(given, Mapping):
            raise ConfigError(f"{name} must map heights to masks, such as {{20: mask}}.")
    found: dict[int, Any] = {}
    for number, mask in (planes or {}).items():
        _add(found, as_whole(number, "the number of a plane"), mask)
    if heights_um and voxel_size is None:
        raise ConfigError("heights in um require the pixel size; give pixel_size.")
    for height, mask in (heights_um or {}).items():
        value = as_number(height)
        if not np.isfinite(value):
            raise ConfigError(f'the height of a plane must be a number of um, not "{height}".')
        assert voxel_size is not None
        _add(found, SECTION + round(value / voxel_size), mask)
    return dict(sorted(found.items()))


def _add(found: dict[int, Any], number: int, mask: Any) -> None:
    if number == SECTION:
        raise ConfigError(f"plane {SECTION} is the section, whose mask is already known; omit it.")
    if not 0 <= number < SIZE:
        raise ConfigError(
            f"plane {number} is outside the grid of the cell, planes 0 to {SIZE - 1} with "
            f"the section at {SECTION}."
        )
    if number in found:
        raise ConfigError(f"two masks are given for plane {number}; give one.")
    found[number] = mask


def hold_planes(shape: np.ndarray, planes: Planes, depths: np.ndarray | None = None) -> np.ndarray:
    """Give a shape the planes that are known of it, and let those beside them follow.

    In each known plane the outline is moved from where it was drawn to where it is known to be:
    to the signed distance of a pixel from the outline, at most `DEPTH`, the difference between the
    two is added. Between two known planes the difference changes linearly from one to the other,
    beyond the last it fades over `REACH` planes. If other planes than the section are known, it
    fades over `FAR_REACH` in the planes that the drawn shape reaches.

    A section does not tell which half of its cell is the larger: where one half turns out larger
    than it was drawn, the other is smaller, most often. If all further planes are on one side of
    the section, the other side is thus moved by what its mirror image is moved, the opposite way,
    times `OPPOSITE` at the section and ever less away from it.

    Parameters
    ----------
    shape : ndarray
        bool, (64, 64, 64).
    planes : mapping of int to ndarray
        Masks, (64, 64), bool or 0 to 255, by the numbers of their planes.
    depths : ndarray, optional
        `outline_depths` of the shape, for one that is held to several sets of planes.

    Returns
    -------
    ndarray
        bool, (64, 64, 64); the known planes are as given.
    """
    known = {number: _inside(planes[number]) for number in sorted(planes)}
    numbers = list(known)
    further = numbers != [SECTION]
    first, end = (0, len(shape)) if further else (SECTION - REACH, SECTION + REACH + 1)
    near = outline_depths(shape[first:end]) if depths is None else depths[first:end]
    moves = dict(zip(numbers, outline_depths(np.stack(list(known.values()))), strict=True))
    for number in numbers:
        moves[number] -= near[number - first]
    held = shape.copy()
    for z, depth in enumerate(near, first):
        if z in known:
            held[z] = known[z]
            continue
        reach = FAR_REACH if further and shape[z].any() else REACH
        held[z] = depth + move_of(z, moves, reach) > 0
    return held


def move_of(z: int, moves: Mapping[int, Any], reach: int) -> Any:
    """Give what is added to the depths of a plane, as `hold_planes` says.

    Parameters
    ----------
    z : int
        The plane.
    moves : mapping of int to ndarray or float
        What is added in the known planes, in the order of their numbers.
    reach : int
        Planes beyond the last known one that follow it.
    """
    first, last = min(moves), max(moves)
    move = _beside(z, moves, reach)
    opposite = first < last and SECTION in (first, last)
    if opposite and (z < SECTION) == (first == SECTION):
        share = OPPOSITE * _left(z - SECTION, FAR_REACH)
        move = move - share * _beside(2 * SECTION - z, moves, reach)
    return move


def _beside(z: int, moves: Mapping[int, Any], reach: int) -> Any:
    """Give what a plane takes from the nearest known planes below and above it."""
    below = [number for number in moves if number <= z][-1:]
    above = [number for number in moves if number >= z][:1]
    if below and above:
        share = (z - below[0]) / max(above[0] - below[0], 1)
        return moves[below[0]] * (1 - share) + moves[above[0]] * share
    last = (below or above)[0]
    return moves[last] * _left(z - last, reach)


def _left(away: int, reach: int) -> float:
    """Give the share of a difference that is left so many planes away."""
    return max(0.0, 1 - abs(away) / reach)


def _inside(mask: np.ndarray) -> np.ndarray:
    return mask if mask.dtype == bool else mask > 127


def outline_depths(masks: np.ndarray) -> np.ndarray:
    """Give the distance of pixels from their plane's outline, positive inside, at most `DEPTH`.

    Parameters
    ----------
    masks : ndarray
        bool, (N, 64, 64).

    Returns
    -------
    ndarray
        float32, (N, 64, 64), in voxels.
    """
    return signed_distance(masks, apart=1).clip(-DEPTH, DEPTH)


def known_volumes(condition: Tensor, cells: Sequence[Planes]) -> Tensor:
    """Give what is known of the shapes of cells, as networks see it (`dispr.network.planes`).

    Parameters
    ----------
    condition : Tensor
        (N, 2, 64, 64), the first channel the mask of the section.
    cells : sequence of mapping
        The other known planes of each.

    Returns
    -------
    Tensor
        (N, 64, 64, 64).
    """
    known = section_planes(condition[:, 0], SIZE)
    for row, planes in zip(known, cells, strict=True):
        for number, mask in planes.items():
            row[number] = torch.from_numpy(mask > 127).to(row)
    return known
