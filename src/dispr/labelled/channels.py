"""From an array of several axes to one section or stack: its axes, and which channel."""

from __future__ import annotations

import numpy as np

from dispr.errors import ArrayError, ConfigError

FIELD, STACK = "YX", "ZYX"
"""The axes of a field and of a stack."""

MOST_CHANNELS = 16
"""A longer axis that nobody names is not taken for channels."""

CALLED = {"C": "channels", "T": "times"}
"""What files call the planes of a stack that some programs write without the names of its axes."""

_WORDS = {"Z": "planes", "S": "colours", **CALLED}

_ONE = {
    FIELD: "one section, (Y, X), through the middle of the cells",
    STACK: "a stack of planes, (Z, Y, X)",
}


def one_channel(
    array: np.ndarray,
    axes: str = "",
    channel: int | None = None,
    name: str = "image",
    wanted: str = FIELD,
) -> np.ndarray:
    """Take one channel of an image or stack.

    Parameters
    ----------
    array : ndarray
        (Y, X) or (Z, Y, X), or with channels; axes of length 1 do not matter.
    axes : str
        A letter for each axis: Y, X, Z, T, C (channels), S (colours); "?" where it is not known.
        Where there is one axis beside Y and X of a stack, it is that of planes, whatever the file
        calls it: many programs write planes as channels or times.
    channel : int, optional
        Which, from 0. Not needed where there is one channel, nor of an image in which all are
        alike, as in a grey picture that was saved in colours. An axis that nobody names is one of
        channels only where this is given.
    name : str
        What errors call the array.
    wanted : "YX" or "ZYX"
        Whether this is to be a section or a stack.

    Returns
    -------
    ndarray
        (Y, X) or (Z, Y, X).

    Raises
    ------
    ArrayError
        If there are other axes, or no numbers.
    ConfigError
        If the channel must be chosen, or does not exist.
    """
    if array.dtype.kind not in "buif":
        raise ArrayError(f"{name} has the type {array.dtype}; give an image of real numbers.")
    array, axes = without_ones(array, axes, wanted)
    axes = axes if channel is not None else with_planes(axes, wanted)
    if _fits(axes, wanted):
        if channel not in (None, 0):
            raise ConfigError(f"{name} has one channel; omit --channel.")
        return array
    place = _channel_axis(array.shape, axes, name, wanted)
    channels = np.moveaxis(array, place, 0)
    count, named = len(channels), axes[place] != "?"
    if channel is None:
        if named and wanted == FIELD and all((channels[0] == one).all() for one in channels[1:]):
            return channels[0]
        what = "channels" if named else "planes, time points or channels, and does not state which"
        told = f"{name} has {count} {what}; select the one that shows the cells with --channel, "
        told += f"0 to {count - 1}"
        if wanted == FIELD:
            told += f"; if they are planes or time points, give {_ONE[FIELD]}, instead"
        raise ConfigError(f"{told}.")
    if not 0 <= channel < count:
        raise ConfigError(f"{name} has no channel {channel}; choose 0 to {count - 1}.")
    return channels[channel]


def only_labels(
    array: np.ndarray, axes: str = "", name: str = "labels", wanted: str = FIELD
) -> np.ndarray:
    """Check labels: whole numbers of which 0 is the background.

    Parameters
    ----------
    array : ndarray
        (Y, X) or (Z, Y, X); axes of length 1 do not matter. Floating point is taken where it is
        whole.
    axes, name, wanted : str
        As for `one_channel`.

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
    array, axes = without_ones(array, axes, wanted)
    axes = with_planes(axes, wanted)
    if not _fits(axes, wanted):
        beyond = _beyond(array.shape, axes, wanted)
        if beyond:
            beside = "rows and columns" if wanted == FIELD else "planes"
            why = f"{beyond} in addition to its {beside}, but labels have none"
        else:
            count = "two" if wanted == FIELD else "three"
            why = f"the shape {array.shape}, but labels have {count} axes"
        which = "section that is predicted" if wanted == FIELD else "stack"
        raise ArrayError(
            f"{name} has {why}; save the labels of the {which}, ({', '.join(wanted)}), one whole "
            "number per cell."
        )
    return whole_numbers(array, name)


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


def without_ones(array: np.ndarray, axes: str, wanted: str = FIELD) -> tuple[np.ndarray, str]:
    """Drop axes of length 1 where there are more than are wanted, but not rows and columns."""
    axes = axes if len(axes) == array.ndim else "?" * array.ndim
    if array.ndim > len(wanted):
        keep = [k for k, n in enumerate(array.shape) if n > 1 or axes[k] in "YX"]
        array, axes = array.reshape([array.shape[k] for k in keep]), "".join(axes[k] for k in keep)
    return array, axes


def with_planes(axes: str, wanted: str) -> str:
    """Take the one axis beside Y and X of a stack for that of planes, whatever it is called."""
    called = wanted == STACK and len(axes) == 3 and axes[0] in CALLED
    return "Z" + axes[1:] if called else axes


def _fits(axes: str, wanted: str) -> bool:
    """Tell whether axes are the wanted ones, as far as they are known."""
    return len(axes) == len(wanted) and all(a in b + "?" for a, b in zip(axes, wanted, strict=True))


def _beyond(shape: tuple[int, ...], axes: str, wanted: str) -> str:
    """Name the axes that are not wanted, as far as they are known."""
    named = zip(shape, axes, strict=True)
    return " and ".join(f"{n} {_WORDS[a]}" for n, a in named if a not in wanted + "?")


def _channel_axis(shape: tuple[int, ...], axes: str, name: str, wanted: str) -> int:
    """Find the axis of channels beside those that are wanted."""
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
    what, instead = _beyond(shape, axes, wanted), ""
    if not what:
        what = f"the shape {shape}"
        if "?" in axes:
            what += ", and does not name its axes"
            instead = ", or save it as OME-TIFF, which does"
    raise ArrayError(f"{name} has {what}; give {_ONE[wanted]}, as a separate file{instead}.")
