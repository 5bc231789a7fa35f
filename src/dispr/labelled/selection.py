"""Which section of a file is meant: its channel, plane, time point and scene."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from dispr.errors import ArrayError, ConfigError
from dispr.labelled.part import Part

MIDDLE, SHARPEST, PROJECTION = "middle", "sharpest", "max-projection"

WORDS = (MIDDLE, SHARPEST, PROJECTION)
"""What a plane can be called instead of its number."""

MOST_DIGITS = 18
"""Longer digits are no number of a channel, plane or scene."""

PROJECTED = (
    "It is from a maximum projection, not from one section, so its outline is that of all planes "
    "and its shape may be too large."
)
"""The warning of each cell of a projection: the model was trained on single confocal sections."""


@dataclass(frozen=True)
class Selection:
    """Which section of a file with several is meant.

    Attributes
    ----------
    channel : int or str, optional
        Number of the channel, from 0, or its name. Digits are a number, unless there are fewer
        channels and one has this name.
    plane : int or str, optional
        Number of the plane, from 0; "middle": of n planes number n // 2; "sharpest"
        (`sharpest_plane`); or "max-projection": the largest value along Z.
    time : int, optional
        Number of the time point, from 0.
    scene : int or str, optional
        Number of the image, from 0, or its name, in a file of several.

    Raises
    ------
    ConfigError
        If one of them is neither a number nor a word that is known.
    """

    channel: int | str | None = None
    plane: int | str | None = None
    time: int | None = None
    scene: int | str | None = None

    def __post_init__(self) -> None:
        for name in ("channel", "plane", "scene"):
            value = getattr(self, name)
            if isinstance(value, str) and value.strip().isdecimal() and len(value) <= MOST_DIGITS:
                object.__setattr__(self, name, int(value))
        plane = self.plane
        if isinstance(plane, str) and plane not in WORDS:
            raise ConfigError(
                f'there is no plane "{plane}"; choose a number, counted from 0, or one of '
                f"{', '.join(WORDS)}."
            )
        for name in ("channel", "plane", "time", "scene"):
            value = getattr(self, name)
            if isinstance(value, int) and value < 0:
                raise ConfigError(f"--{name} must not be negative; numbers are counted from 0.")

    def record(self) -> dict[str, Any]:
        """Give what JSON keeps of it."""
        return dataclasses.asdict(self)


def recorded(record: Mapping[str, Any]) -> Selection:
    """Give the selection of a record that was checked; what it lacks was not chosen."""
    return Selection(**{f.name: record.get(f.name) for f in dataclasses.fields(Selection)})


def number_of(channel: int | str, names: Sequence[str], count: int, name: str) -> int:
    """Give the number of a channel, which may be given by its name.

    Parameters
    ----------
    channel : int or str
        Its number, from 0, or its name; capitals matter only if they tell names apart.
    names : sequence of str
        The names that the file states; none if it states none.
    count : int
        Channels that there are.
    name : str
        What errors call the file.

    Raises
    ------
    ArrayError
        If there is no such channel, or two have this name.
    """
    if isinstance(channel, int) and channel < count:
        return channel
    text = str(channel)
    for fold in (str, str.casefold):
        found = [k for k, one in enumerate(names) if fold(one.strip()) == fold(text.strip())]
        if len(found) == 1:
            return found[0]
        if found:
            raise ArrayError(f'{name} has {len(found)} channels "{text}"; choose by number.')
    told = f"{', '.join(names)}, or 0 to {count - 1}" if names else f"0 to {count - 1}"
    raise ArrayError(f"{name} has no channel {text}; choose {told}.")


def plane_of(stack: Part, plane: int | str, name: str) -> tuple[np.ndarray, int | str]:
    """Read one plane of a stack, or its projection.

    Parameters
    ----------
    stack : Part
        (Z, Y, X).
    plane : int or str
        As in `Selection`.
    name : str
        What errors call the file.

    Returns
    -------
    section : ndarray
        (Y, X), of the type of the stack.
    plane : int or str
        The number of the plane, or "max-projection".

    Raises
    ------
    ArrayError
        If there is no such plane.
    """
    count = stack.shape[0]
    planes = (stack.at(0, k).read() for k in range(count))
    if plane == PROJECTION:
        return functools.reduce(np.maximum, planes), PROJECTION
    if plane == SHARPEST:
        plane = sharpest_plane(planes)
    elif plane == MIDDLE:
        plane = count // 2
    if not isinstance(plane, int) or plane >= count:
        raise ArrayError(f"{name} has no plane {plane}; choose 0 to {count - 1}.")
    return stack.at(0, plane).read(), plane


def sharpest_plane(planes: Iterable[np.ndarray]) -> int:
    """Find the plane with the most detail.

    Parameters
    ----------
    planes : iterable of ndarray
        (Y, X) each, of one size.

    Returns
    -------
    int
        The number, from 0, of the plane whose Laplacian has the largest variance (Pech-Pacheco et
        al., ICPR 2000), after smoothing by a Gaussian of 1.5 pixels against noise. Of equals, the
        first.
    """
    scores = [
        float(ndimage.gaussian_laplace(plane.astype(np.float32), 1.5).var()) for plane in planes
    ]
    return int(np.argmax(scores))
