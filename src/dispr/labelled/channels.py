"""From an array of several axes to one section or stack: its channel, plane and time point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dispr.errors import ArrayError
from dispr.labelled.part import Part, whole
from dispr.labelled.selection import PROJECTION, WORDS, Selection, number_of, plane_of

FIELD, STACK = "YX", "ZYX"
"""The axes of a field and of a stack."""

MOST_CHANNELS = 16
"""A longer axis that nobody names is not taken for channels."""

CALLED = {"C": "channels", "T": "times"}
"""What files call the planes of a stack that some programs write without the names of its axes."""

_WORDS = {"Z": "planes", "S": "colours", **CALLED}

_OPTIONS = {"Z": "--plane", "T": "--time", "C": "--channel", "S": "--channel"}

_ONE = {
    FIELD: "one section, (Y, X), through the middle of the cells",
    STACK: "a stack of planes, (Z, Y, X)",
}

Names = Callable[[], Sequence[str]]
"""Gives the names of the channels of a file, where it states some."""

ANY = Selection()


@dataclass(frozen=True, eq=False)
class Taken:
    """A section or stack of an image.

    Attributes
    ----------
    array : ndarray
        (Y, X) or (Z, Y, X).
    which : Selection
        What was taken: the number of a plane that was chosen by a word, where there are several.
    planes, times : int
        How many planes and time points a section was chosen from; 1 for an image without.
    """

    array: np.ndarray
    which: Selection = ANY
    planes: int = 1
    times: int = 1


def take(
    array: Any,
    axes: str = "",
    which: Selection = ANY,
    name: str = "image",
    wanted: str = FIELD,
    names: Names = tuple,
) -> Taken:
    """Take one section or stack of an image of several axes.

    Parameters
    ----------
    array : array-like
        (Y, X) or (Z, Y, X), or with more axes; those of length 1 do not matter. Of an array on the
        disk only what is taken is read (`dispr.labelled.part`).
    axes : str
        A letter for each axis: Y, X, Z, T, C (channels), S (colours); "?" where it is not known.
        Where there is one axis beside Y and X of a stack, it is that of planes, whatever the file
        calls it: many programs write planes as channels or times.
    which : Selection
        What to take. A channel is not needed where there is one, nor of an image in which all are
        alike, as in a grey picture that was saved in colours. An axis that nobody names is one of
        channels or of planes only where one of these is given.
    name : str
        What errors call the array.
    wanted : "YX" or "ZYX"
        Whether this is to be a section or a stack.
    names : callable
        Gives the names of the channels.

    Raises
    ------
    ArrayError
        If there are no numbers, a choice must be made, or what is chosen does not exist.
    """
    if array.dtype.kind not in "buif":
        raise ArrayError(f"{name} has the type {array.dtype}; give an image of real numbers.")
    full = _in_order(whole(array, axes), name).without_ones(len(wanted))
    part = _at_time(full, which.time, name)
    times = full.shape[full.axes.index("T")] if part.shape != full.shape else 1
    if wanted == STACK or which.plane is None:
        array = _of_channel(part, which.channel, name, wanted, wanted, names).read()
        return Taken(array, which, times=times)
    if len(part.shape) == 2 or not set("Z?") & set(part.axes):
        if which.plane not in (0, *WORDS):
            raise ArrayError(f"{name} has one plane; omit --plane.")
        return take(array, axes, replace(which, plane=None), name, wanted, names)
    stack = _of_channel(part, which.channel, name, STACK, FIELD, names)
    section, plane = plane_of(stack, which.plane, name)
    return Taken(section, replace(which, plane=plane), stack.shape[0], times)


def only_labels(
    array: np.ndarray,
    axes: str = "",
    name: str = "labels",
    wanted: str = FIELD,
    section: Taken | None = None,
) -> np.ndarray:
    """Check labels: whole numbers of which 0 is the background.

    Parameters
    ----------
    array : ndarray
        (Y, X) or (Z, Y, X); axes of length 1 do not matter. Floating point is taken where it is
        whole.
    axes, name, wanted : str
        As for `take`.
    section : Taken, optional
        The section of an image of several planes or time points, which are then taken of labels
        that have as many.

    Returns
    -------
    ndarray
        Bool or integers, none negative.

    Raises
    ------
    ArrayError
        If these are not labels.
    """
    if array.dtype.kind not in "buif":
        raise ArrayError(f"{name} has the type {array.dtype}; labels must be whole numbers.")
    part = _in_order(whole(array, axes), name).without_ones(len(wanted))
    if section is not None:
        part = _same_time(part, section, name)
        if _fits(with_planes(part.axes, STACK), STACK):
            part = _same_plane(part, section, name)
    part = part.renamed(with_planes(part.axes, wanted))
    if not _fits(part.axes, wanted):
        beyond = _beyond(part, wanted)
        if beyond:
            beside = "rows and columns" if wanted == FIELD else "planes"
            why = f"{beyond} in addition to its {beside}, but labels have none"
        else:
            count = "two" if wanted == FIELD else "three"
            why = f"the shape {part.shape}, but labels have {count} axes"
        which = "section that is predicted" if wanted == FIELD else "stack"
        raise ArrayError(
            f"{name} has {why}; save the labels of the {which}, ({', '.join(wanted)}), one whole "
            "number per cell."
        )
    return whole_numbers(part.read(), name)


def whole_numbers(array: np.ndarray, name: str = "labels") -> np.ndarray:
    """Check that an array of any shape holds labels: whole numbers, none negative.

    Returns
    -------
    ndarray
        bool or integers; floating point is taken where it is whole.

    Raises
    ------
    ArrayError
        If it holds fractions or negative numbers.
    """
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ArrayError(f"{name} contains NaN or infinite values; labels are 0 outside cells.")
        whole = np.rint(array)
        if not np.array_equal(whole, array):
            raise ArrayError(
                f"{name} contains fractions; labels must be whole numbers, 0 outside cells."
            )
        array = whole.astype(np.int64)
    if array.dtype.kind == "i" and array.min() < 0:
        raise ArrayError(
            f"{name} contains negative labels; use 0 for the background and positive "
            "numbers for cells."
        )
    return array


def is_stack(array: Any, axes: str = "", called: bool = False) -> bool:
    """Tell whether an array is one of planes, perhaps with channels or times; see `take`.

    Parameters
    ----------
    array, axes
        As for `take`.
    called : bool
        Planes may be called channels or times, as many programs write those of labels.
    """
    axes = whole(array, axes).without_ones(len(FIELD)).axes
    return "Z" in axes or _fits(with_planes(axes, STACK) if called else axes, STACK)


def with_planes(axes: str, wanted: str) -> str:
    """Take the one axis beside Y and X of a stack for that of planes, whatever it is called."""
    called = wanted == STACK and len(axes) == 3 and axes[0] in CALLED
    return "Z" + axes[1:] if called else axes


def _fits(axes: str, wanted: str) -> bool:
    """Tell whether axes are the wanted ones, as far as they are known."""
    return len(axes) == len(wanted) and all(a in b + "?" for a, b in zip(axes, wanted, strict=True))


def _in_order(part: Part, name: str) -> Part:
    """Refuse columns before rows, or planes behind them: such an image would be turned."""
    space = [axis for axis in part.axes if axis in STACK]
    if space != sorted(space, key=STACK.index):
        raise ArrayError(
            f"{name} has the axes {', '.join(part.axes)}; save it with rows before columns, and "
            "planes before both, (Z, Y, X)."
        )
    return part


def _at_time(part: Part, time: int | None, name: str) -> Part:
    """Hold the axis of time points."""
    if time is None:
        return part
    if "T" not in part.axes:
        if time:
            raise ArrayError(f"{name} has one time point; omit --time.")
        return part
    axis = part.axes.index("T")
    if time >= part.shape[axis]:
        raise ArrayError(f"{name} has no time point {time}; choose 0 to {part.shape[axis] - 1}.")
    return part.at(axis, time)


def _of_channel(
    part: Part, channel: int | str | None, name: str, wanted: str, asked: str, names: Names
) -> Part:
    """Hold the axis of channels; `asked` is what the caller wants of what is wanted here."""
    part = part if channel is not None else part.renamed(with_planes(part.axes, wanted))
    if _fits(part.axes, wanted):
        if isinstance(channel, str):
            number_of(channel, names(), 1, name)
        elif channel:
            raise ArrayError(f"{name} has one channel; omit --channel.")
        return part
    axis = _channel_axis(part, channel, name, wanted, asked, names)
    count, named = part.shape[axis], part.axes[axis] != "?"
    if channel is not None:
        return part.at(axis, number_of(channel, names(), count, name))
    if not named:
        told = f"{name} has {count} planes, time points or channels, and does not state which; "
        told += f"select the one that shows the cells with --channel, 0 to {count - 1}"
        if wanted == FIELD:
            told += f", or with --plane if they are planes, or give {_ONE[FIELD]}"
        raise ArrayError(f"{told}.")
    if wanted == FIELD:
        first = part.at(axis, 0).read()
        if all((first == part.at(axis, k).read()).all() for k in range(1, count)):
            return part.at(axis, 0)
    raise ArrayError(_to_choose(part, name, wanted, names))


def _same_time(part: Part, section: Taken, name: str) -> Part:
    """Take of labels of several time points the one that was taken of their image."""
    time, times = section.which.time, section.times
    if times == 1 or time is None:
        return part
    if "T" in part.axes and part.shape[part.axes.index("T")] == times:
        return part.at(part.axes.index("T"), time)
    if len(part.axes) != 3 or part.axes[0] != "?" or part.shape[0] != times:
        return part
    if section.planes == times:
        raise ArrayError(
            f"{name} has {times} planes or time points, and does not state which; save the labels "
            "of the section that is predicted, (Y, X), or as OME-TIFF, which does."
        )
    return part.at(0, time)


def _same_plane(part: Part, section: Taken, name: str) -> Part:
    """Take of labels in 3D the plane that was taken of their image."""
    if section.planes == 1 or part.shape[0] != section.planes:
        return part
    if section.which.plane == PROJECTION:
        raise ArrayError(
            f"{name} has {section.planes} planes, which do not fit a projection; give labels of "
            "the projection, (Y, X), or choose one plane with --plane."
        )
    assert isinstance(section.which.plane, int)
    return part.at(0, section.which.plane)


def _beyond(part: Part, wanted: str) -> str:
    """Name the other axes than these, as far as they are known."""
    named = zip(part.shape, part.axes, strict=True)
    return " and ".join(f"{n} {_WORDS[a]}" for n, a in named if a not in wanted + "?")


def _to_choose(part: Part, name: str, known: str, names: Names) -> str:
    """Say what must be chosen along all axes but the known ones, and by which options."""
    choices = []
    for length, axis in zip(part.shape, part.axes, strict=True):
        if axis in known:
            continue
        values = f"0 to {length - 1}"
        if axis == "Z":
            values += f", {', '.join(WORDS[:-1])} or {WORDS[-1]}"
        elif axis in "CS" and len(stated := names()) == length:
            values += f", or its name: {', '.join(stated)}"
        choices.append(f"{_OPTIONS[axis]} ({values})")
    told = f"{name} has {_beyond(part, known)}; choose one with {' and '.join(choices)}"
    if "Z" in part.axes and "Z" not in known:
        told += "; or give labels, (Z, Y, X), that mark the cells in one or more of the planes"
    return f"{told}."


def _channel_axis(
    part: Part, channel: int | str | None, name: str, wanted: str, asked: str, names: Names
) -> int:
    """Find the axis of channels beside those that are wanted."""
    shape, axes = part.shape, part.axes
    rest = [axes[:k] + axes[k + 1 :] for k in range(len(axes))]
    beside = [k for k in range(len(axes)) if _fits(rest[k], wanted)]
    for k in beside:
        if axes[k] in "CS":
            return k
    # Nobody says which axis is which: channels are few, and do not stand between rows and columns.
    unnamed = [k for k in beside if axes[k] == "?" and k != len(shape) - 2]
    few = [k for k in unnamed if shape[k] <= MOST_CHANNELS]
    if len(few) == 1 or (few and wanted == FIELD):
        return min(few, key=lambda k: shape[k])
    if asked == FIELD and "?" not in axes and set("YX") <= set(axes):
        known = wanted if channel is None else wanted + "CS"
        raise ArrayError(_to_choose(part, name, known, names))
    what, instead = _beyond(part, wanted), ""
    if not what:
        what = f"the shape {shape}"
        if "?" in axes:
            what += ", and does not name its axes"
            instead = ", or save it as OME-TIFF, which does"
            if asked == FIELD and len(shape) == 3:
                instead = ", choose a plane with --plane if they are planes" + instead
    raise ArrayError(f"{name} has {what}; give {_ONE[asked]}, as a separate file{instead}.")
