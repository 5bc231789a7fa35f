"""A part of an array that may be on the disk: only what is taken of it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Part:
    """An array of which some axes are held at one place.

    Attributes
    ----------
    array : array-like
        With `shape` and `dtype`, indexed by a tuple of numbers and slices: of numpy, Zarr or Dask.
    names : str
        A letter for each of its axes; "?" where it is not known.
    held : tuple
        For each of its axes, the place where it is held, or None.
    """

    array: Any
    names: str
    held: tuple[int | None, ...]

    @property
    def axes(self) -> str:
        """The letters of the axes that are left."""
        return "".join(self.names[k] for k in self._free)

    @property
    def shape(self) -> tuple[int, ...]:
        """Their lengths."""
        return tuple(int(self.array.shape[k]) for k in self._free)

    @property
    def _free(self) -> list[int]:
        return [k for k, place in enumerate(self.held) if place is None]

    def at(self, axis: int, place: int) -> Part:
        """Hold one of the axes that are left."""
        held = list(self.held)
        held[self._free[axis]] = place
        return Part(self.array, self.names, tuple(held))

    def renamed(self, axes: str) -> Part:
        """Call the axes that are left otherwise."""
        names = list(self.names)
        for k, letter in zip(self._free, axes, strict=True):
            names[k] = letter
        return Part(self.array, "".join(names), self.held)

    def without_ones(self, wanted: int) -> Part:
        """Drop axes of length 1 if there are more than are wanted, but not rows and columns."""
        part = self
        if len(part.shape) > wanted:
            for k in reversed(range(len(part.shape))):
                if part.shape[k] == 1 and part.axes[k] not in "YX":
                    part = part.at(k, 0)
        return part

    def read(self) -> np.ndarray:
        """Read it: an array of the axes that are left."""
        return np.asarray(self.array[tuple(slice(None) if k is None else k for k in self.held)])


def whole(array: Any, axes: str = "") -> Part:
    """Take an array with all of its axes; they have no names if they are not one letter each."""
    count = len(array.shape)
    return Part(array, axes if len(axes) == count else "?" * count, (None,) * count)
