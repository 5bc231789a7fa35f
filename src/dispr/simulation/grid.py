"""The grid on which shapes are evaluated: body coordinates of the voxels of a posed cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Body coordinates x, y and z: three float32 arrays of one shape, in voxels from the centre."""


@dataclass(frozen=True)
class Wave:
    """One standing wave of the smooth displacement that makes a cell asymmetric.

    Attributes
    ----------
    shift : tuple of 3 floats
        Displacement along x, y, z at the crest, in voxels.
    frequency, phase : tuples of 3 floats
        Angular frequency (radians per voxel) and phase along x, y, z.
    """

    shift: tuple[float, float, float]
    frequency: tuple[float, float, float]
    phase: tuple[float, float, float]


@dataclass(frozen=True)
class Pose:
    """How a body lies in the box.

    Attributes
    ----------
    rotation : (3, 3) array
        Turns box coordinates (x, y, z) into body coordinates.
    scale : float
        Size of the cell relative to its shape function.
    stretch_z : float
        Elongation along the optical axis; the blur in z swells all cells.
    waves : sequence of Wave
        The displacement, in box coordinates before the rotation.
    """

    rotation: np.ndarray
    scale: float = 1.0
    stretch_z: float = 1.0
    waves: Sequence[Wave] = ()


class Grid:
    """Body coordinates of a regular lattice of voxels.

    Parameters
    ----------
    axes : three 1D arrays
        Positions of the lattice planes along z, y, x, in voxels from the centre of the cell.
    pose : Pose
        How the body lies in the box.

    Attributes
    ----------
    points : Points
        Body coordinates of the voxels, three float32 arrays (Z, Y, X).
    shape : tuple of 3 ints
        Number of voxels along z, y, x.
    """

    def __init__(self, axes: Sequence[np.ndarray], pose: Pose) -> None:
        z, y, x = (np.asarray(axis, np.float32) / np.float32(pose.scale) for axis in axes)
        z = z / np.float32(pose.stretch_z)
        self._axes = (x, y, z)
        self._rotation = np.asarray(pose.rotation, np.float32)
        self._margin = float(sum(np.linalg.norm(wave.shift) for wave in pose.waves))
        self.shape = (len(z), len(y), len(x))
        # All is separable: rows along each axis, multiplied and added by broadcasting.
        rows = (x[None, None, :], y[None, :, None], z[:, None, None])
        points = [r[2] * rows[2] + r[1] * rows[1] + r[0] * rows[0] for r in self._rotation]
        for wave in pose.waves:
            crest = _wave(wave, rows)
            for point, shift in zip(
                points, self._rotation @ np.asarray(wave.shift, np.float32), strict=True
            ):
                point += shift * crest
        self.points: Points = (points[0], points[1], points[2])

    def box(self, centre: np.ndarray, radius: float) -> tuple[slice, slice, slice]:
        """Give the part of the lattice that holds the ball of `radius` about a body point."""
        position = self._rotation.T @ np.asarray(centre, np.float32)
        reach = radius + self._margin
        slices = [
            slice(
                int(np.searchsorted(axis, place - reach)),
                int(np.searchsorted(axis, place + reach)),
            )
            for axis, place in zip(self._axes, position, strict=True)
        ]
        return slices[2], slices[1], slices[0]


def _wave(wave: Wave, rows: Points) -> np.ndarray:
    x, y, z = (
        np.cos(np.float32(frequency) * row + np.float32(phase))
        for row, frequency, phase in zip(rows, wave.frequency, wave.phase, strict=True)
    )
    return z * (y * x)


def random_waves(rng: np.random.Generator, amplitude: float, count: int = 3) -> tuple[Wave, ...]:
    """Draw the waves of a smooth displacement.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the random numbers.
    amplitude : float
        Root mean square length of the displacement at the crests of all waves, in voxels.
    count : int
        Number of waves. Their wavelengths are 60 to 130 voxels, more than the cell: they bend
        and skew it, and leave details alone.
    """
    waves = []
    for _ in range(count):
        shift = rng.normal(0, amplitude / np.sqrt(3 * count), 3)
        frequency = 2 * np.pi / rng.uniform(60, 130, 3)
        phase = rng.uniform(0, 2 * np.pi, 3)
        waves.append(Wave(_triple(shift), _triple(frequency), _triple(phase)))
    return tuple(waves)


def random_rotation(rng: np.random.Generator, tilt: float | None) -> np.ndarray:
    """Draw a rotation matrix (3, 3), box to body coordinates.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the random numbers.
    tilt : float or None
        Angle in degrees between the z axes of body and box; any orientation if None.
    """
    cosine = rng.uniform(-1, 1)
    angle = np.arccos(cosine) if tilt is None else np.deg2rad(tilt)
    yaw, spin = rng.uniform(0, 2 * np.pi, 2)
    return _about_z(yaw) @ _about_x(float(angle)) @ _about_z(spin)


def _about_z(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _about_x(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
