"""Planes of a cell that are known beside that of its section."""

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

SECTION = SIZE // 2
"""Plane of the section."""

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
        raise ConfigError("heights in um need the size of the pixels; give pixel_size.")
    for height, mask in (heights_um or {}).items():
        value = as_number(height)
        if not np.isfinite(value):
            raise ConfigError(f'the height of a plane must be a number of um, not "{height}".')
        assert voxel_size is not None
        _add(found, SECTION + round(value / voxel_size), mask)
    return dict(sorted(found.items()))


def _add(found: dict[int, Any], number: int, mask: Any) -> None:
    if number == SECTION:
        raise ConfigError(
            f"plane {SECTION} is that of the section, whose mask is known already; leave it out."
        )
    if not 0 <= number < SIZE:
        raise ConfigError(
            f"a plane of number {number} lies beyond the cell's grid, planes 0 to {SIZE - 1} with "
            f"the section at {SECTION}."
        )
    if number in found:
        raise ConfigError(f"two masks are given for plane {number}; give one.")
    found[number] = mask


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
