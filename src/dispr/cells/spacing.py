"""How large a pixel or a voxel is, in micrometres; None where nobody knows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dispr.arguments import as_number
from dispr.cells.arrays import SIZE
from dispr.errors import ConfigError

Spacing = tuple[float, float, float]
"""Edges of a voxel along Z, Y and X in um."""

SQUARE = 0.01
"""Relative difference up to which pixels count as square, and two sizes as one."""


@dataclass(frozen=True)
class VoxelSize:
    """What a file says of the size of its voxels; None what it does not say.

    Attributes
    ----------
    z, y, x : float or None
        Edges in um.
    wrong : mapping
        For "z", "y" and "x": what it says that is not a size, as "-1 um" or "2 furlong".
    """

    z: float | None = None
    y: float | None = None
    x: float | None = None
    wrong: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def spacing(self) -> Spacing | None:
        """The edges along Z, Y and X, if all are known."""
        if self.z is None or self.y is None or self.x is None:
            return None
        return self.z, self.y, self.x

    def pixel_size(self, name: str) -> float | None:
        """Give the edge of a pixel of a section.

        Parameters
        ----------
        name : str
            What errors call the section.

        Raises
        ------
        ConfigError
            If the pixels are not square.
        """
        if self.y is None or self.x is None:
            return None
        if not close(self.y, self.x):
            raise ConfigError(
                f"{name} has pixels of {self.y:.6g} x {self.x:.6g} um according to its metadata; "
                "resample it to square pixels, or give the pixel size if the metadata are wrong."
            )
        return self.x


def as_spacing(spacing: float | Sequence[float] | None) -> Spacing | None:
    """Bring a voxel size to three edges.

    Parameters
    ----------
    spacing : float or (float, float, float), optional
        Edge of a voxel in um, or its edges along Z, Y and X.

    Raises
    ------
    ConfigError
        If these are other than one or three positive numbers.
    """
    if spacing is None:
        return None
    edge = as_number(spacing)
    edges: tuple[float, ...] = (edge,) * 3
    if math.isnan(edge) and isinstance(spacing, Iterable):
        edges = tuple(map(as_number, spacing))
    if len(edges) != 3 or not all(math.isfinite(edge) and edge > 0 for edge in edges):
        raise ConfigError(
            f"a voxel size must be one positive number of um, or three (Z, Y, X), not {spacing}."
        )
    return edges


def as_pixel_size(pixel_size: float | None) -> float | None:
    """Check the edge of a square pixel in um.

    Raises
    ------
    ConfigError
        If this is not a positive number.
    """
    if pixel_size is None:
        return None
    edge = as_number(pixel_size)
    if not (math.isfinite(edge) and edge > 0):
        raise ConfigError(f"a pixel size must be a positive number of um, not {pixel_size}.")
    return edge


def resized_pixel_size(pixel_size: float | None, shape: Sequence[int]) -> float | None:
    """Give the size of a pixel once a section is padded to a square and brought to 64 x 64.

    Parameters
    ----------
    pixel_size : float or None
        Edge of a pixel as given, in um.
    shape : sequence of int
        Shape of the section as given; axes of length 1 do not matter.
    """
    return None if pixel_size is None else pixel_size * max(shape) / SIZE


def close(a: float, b: float) -> bool:
    """Tell whether two sizes are the same, but for what programs round off."""
    return math.isclose(a, b, rel_tol=SQUARE)
