"""Building blocks of cells: solids as depth fields, and smooth ways to join them.

A depth field gives the distance of a point to the surface in voxels, positive inside and negative
outside. Near the surface it is the distance itself or close to it; further away it may be off.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dispr.simulation.grid import Points

Triple = Sequence[float] | np.ndarray
"""Values for x, y and z."""


def join(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    """Unite two solids; the crease is rounded over about `blend` voxels.

    The polynomial smooth maximum (Quilez, "smooth minimum", 2013): it is exact where the two
    depths differ by more than `blend`.
    """
    overlap = np.maximum(np.float32(blend) - np.abs(a - b), 0)
    overlap *= overlap
    overlap *= np.float32(1 / (4 * blend))
    overlap += np.maximum(a, b)
    return overlap


def cut(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    """Intersect two solids; the edge is rounded over about `blend` voxels."""
    return -join(-a, -b, blend)


def ellipsoid(points: Points, radii: Triple, centre: Triple = (0, 0, 0)) -> np.ndarray:
    """Depth in an ellipsoid of half-axes `radii` (x, y, z), to first order at its surface."""
    shifted = [p - np.float32(c) for p, c in zip(points, centre, strict=True)]
    inner = _length([p / np.float32(r) for p, r in zip(shifted, radii, strict=True)])
    slope = _length([p / np.float32(r * r) for p, r in zip(shifted, radii, strict=True)])
    # The first-order distance (1 - inner) inner / slope; both vanish together at the centre.
    return (1 - inner) * inner / np.maximum(slope, np.float32(1e-6))


def plate(
    outline: np.ndarray, height: np.ndarray, rim: float, centre: float, width: float
) -> np.ndarray:
    """Depth in a flat body with a rounded rim, dimpled on both faces.

    Parameters
    ----------
    outline : array
        Depth from the outline in the plane of the plate, positive inside, in voxels.
    height : array
        Distance from the middle plane, in voxels.
    rim, centre : float
        Half the thickness at the rim and at the bottom of the dimple, in voxels.
    width : float
        Depth from the outline at which the dimple is deepest, in voxels.
    """
    inside = np.clip((outline - np.float32(rim)) / np.float32(width - rim), 0, 1)
    fall = inside * inside * (3 - 2 * inside)
    half = np.float32(rim) - np.float32(rim - centre) * fall
    beyond = np.maximum(np.float32(rim) - outline, 0)
    return half - np.sqrt(beyond * beyond + height * height)


def biconcave(points: Points, radius: float, rim: float, centre: float) -> np.ndarray:
    """Depth in a biconcave disc about z (lengths in voxels; see `plate`).

    Half-thickness after Evans & Fung (1972, Microvasc. Res. 4, 335): 0.40 um in the middle and
    1.29 um at the rim of a cell of radius 3.91 um; blur and membrane stain thicken both.
    """
    x, y, z = points
    return plate(np.float32(radius) - np.sqrt(x * x + y * y), z, rim, centre, 0.85 * radius)


def bowl(points: Points, radius: float, opening: float, rim: float, bottom: float) -> np.ndarray:
    """Depth in a bowl about z that opens towards +z, with a rounded lip.

    Parameters
    ----------
    points : Points
        Body coordinates.
    radius : float
        Radius of the middle surface, a part of a sphere about (0, 0, 0), in voxels.
    opening : float
        Angle from the bottom to the lip in radians: pi / 2 is half a sphere.
    rim, bottom : float
        Half the thickness of the wall at lip and bottom, in voxels.
    """
    x, y, z = points
    across = np.sqrt(x * x + y * y)
    length = np.sqrt(across * across + z * z)
    lip_across, lip_z = radius * np.sin(opening), -radius * np.cos(opening)
    to_lip = np.hypot(across - np.float32(lip_across), z - np.float32(lip_z))
    to_wall = np.abs(length - np.float32(radius))
    cosine = -z / np.maximum(length, np.float32(1e-3))
    in_wall = cosine > np.float32(np.cos(opening))
    # 0 at the bottom, 1 at the lip, close to linear in the angle squared.
    along = np.clip((1 - cosine) / np.float32(1 - np.cos(opening)), 0, 1)
    half = np.float32(bottom) + np.float32(rim - bottom) * along
    return half - np.where(in_wall, to_wall, to_lip)


def blade(points: Points, direction: float, radius: float, rim: float, root: float) -> np.ndarray:
    """Depth in half a disc that stands on the z axis and points to the angle `direction`.

    Parameters
    ----------
    points : Points
        Body coordinates.
    direction : float
        Angle from x towards y, in radians.
    radius : float
        Radius of the middle surface of the disc, in voxels.
    rim, root : float
        Half the thickness at the round rim and at the z axis, in voxels.
    """
    x, y, z = points
    c, s = np.float32(np.cos(direction)), np.float32(np.sin(direction))
    along = c * x + s * y
    aside = c * y - s * x
    reach = np.maximum(along, 0)
    length = np.sqrt(reach * reach + z * z)
    inward = np.minimum(np.float32(radius) / np.maximum(length, np.float32(1e-3)), 1)
    off_along, off_z = along - reach * inward, z - z * inward
    away = np.sqrt(off_along * off_along + off_z * off_z + aside * aside)
    share = np.minimum(length / np.float32(radius), 1)
    return np.float32(root) + np.float32(rim - root) * share * share - away


def moved(points: Points, rotation: np.ndarray, centre: Triple) -> Points:
    """Give the points in the coordinates of a part that is turned and has its own centre."""
    x, y, z = (p - np.float32(c) for p, c in zip(points, centre, strict=True))
    rows = np.asarray(rotation, np.float32)
    a, b, c = (r[0] * x + r[1] * y + r[2] * z for r in rows)
    return a, b, c


def _length(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.sqrt(parts[0] * parts[0] + parts[1] * parts[1] + parts[2] * parts[2])
