"""From an array of several axes to one section: which channel, and which axes there are."""

from __future__ import annotations

import numpy as np

from dispr.errors import ArrayError, ConfigError

MOST_CHANNELS = 16
"""A longer axis that nobody names is not taken for channels."""


def one_channel(
    array: np.ndarray, axes: str = "", channel: int | None = None, name: str = "image"
) -> np.ndarray:
    """Take one channel of an image.

    Parameters
    ----------
    array : ndarray
        (Y, X), or with further axes.
    axes : str
        A letter for each axis, as tifffile names them: Y, X, Z, T, C (channels), S (colours); "?"
        or any other letter where it is not known.
    channel : int, optional
        Which, from 0. Not needed where there is one channel, or where all are alike, as in a grey
        picture that was saved in colours. An axis that nobody names is one of channels only where
        this is given.
    name : str
        What errors call the array.

    Returns
    -------
    ndarray
        (Y, X).

    Raises
    ------
    ArrayError
        If there are planes or times, too many axes, or no numbers.
    ConfigError
        If the channel must be chosen, or does not exist.
    """
    if array.dtype.kind not in "buif":
        raise ArrayError(f"{name} has the type {array.dtype}; give an image of real numbers.")
    array, axes = without_ones(array, axes)
    if array.ndim == 2:
        if channel not in (None, 0):
            raise ConfigError(f"{name} has one channel; leave --channel out.")
        return array
    if array.ndim != 3:
        words = {"Z": "planes", "T": "times", "C": "channels", "S": "colours"}
        named = [f"{n} {words[a]}" for n, a in zip(array.shape, axes, strict=True) if a in words]
        what = f"has {' and '.join(named)}" if named else f"has the shape {array.shape}"
        raise ArrayError(
            f"{name} {what}; save one section, (Y, X), with or without channels, as a file of its "
            "own."
        )
    place = _channel_axis(array.shape, axes, name)
    channels = np.moveaxis(array, place, 0)
    if channel is None:
        if axes[place] not in "CS":
            raise ConfigError(
                f"{name} has {len(channels)} planes, times or channels, and does not say which; "
                "save the section through the middle of the cells as a file of its own, or, if "
                f"these are channels, choose one by --channel, 0 to {len(channels) - 1}."
            )
        if all((channels[0] == other).all() for other in channels[1:]):
            return channels[0]
        raise ConfigError(
            f"{name} has {len(channels)} channels; choose the one that shows the cells by "
            f"--channel, 0 to {len(channels) - 1}; if they are planes of a stack, save the section "
            "through the middle of the cells instead."
        )
    if not 0 <= channel < len(channels):
        raise ConfigError(f"{name} has no channel {channel}; choose 0 to {len(channels) - 1}.")
    return channels[channel]


def one_label_image(array: np.ndarray, axes: str = "", name: str = "labels") -> np.ndarray:
    """Check the labels of a field: (Y, X), whole numbers of which 0 is the background.

    Parameters
    ----------
    array : ndarray
        (Y, X); axes of length 1 do not matter. Floating point is taken where it is whole.
    axes, name : str
        As for `one_channel`.

    Returns
    -------
    ndarray
        (Y, X), bool or integers, none negative.

    Raises
    ------
    ArrayError
        If these are not labels.
    """
    if array.dtype.kind not in "buif":
        raise ArrayError(f"{name} has the type {array.dtype}; labels are whole numbers.")
    array, axes = without_ones(array, axes)
    if array.ndim == 3 and "S" in axes:
        raise ArrayError(
            f"{name} is a picture in colours; save the labels themselves, one whole number a cell."
        )
    if array.ndim != 2:
        raise ArrayError(
            f"{name} has the shape {array.shape}; labels have two axes, (Y, X): save those of the "
            "one section that is predicted."
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
            raise ArrayError(f"{name} holds NaN or infinite values; labels are 0 outside cells.")
        whole = np.rint(array)
        if not np.array_equal(whole, array):
            raise ArrayError(f"{name} holds fractions; labels are whole numbers, 0 outside cells.")
        array = whole.astype(np.int64)
    if array.dtype.kind == "i" and array.min() < 0:
        raise ArrayError(f"{name} holds negative labels; 0 is the background, cells are above.")
    return array


def without_ones(array: np.ndarray, axes: str, least: int = 2) -> tuple[np.ndarray, str]:
    """Drop axes of length 1, but not of an array that has only `least`, nor rows and columns."""
    axes = axes if len(axes) == array.ndim else "?" * array.ndim
    keep = [k for k, n in enumerate(array.shape) if n > 1 or axes[k] in "YX" or array.ndim <= least]
    return array.reshape([array.shape[k] for k in keep]), "".join(axes[k] for k in keep)


def _channel_axis(shape: tuple[int, ...], axes: str, name: str) -> int:
    for letter in "CS":
        if letter in axes:
            return axes.index(letter)
    for letter, what in (("Z", "planes"), ("T", "times")):
        if letter in axes:
            count = shape[axes.index(letter)]
            raise ArrayError(
                f"{name} has {count} {what}; give one section, the one through the middle of the "
                "cells."
            )
    # Nobody says which axis is which: channels are few, and stand first or last.
    few = [k for k in (0, len(shape) - 1) if shape[k] <= MOST_CHANNELS]
    if not few:
        raise ArrayError(
            f"{name} has the shape {shape}; give one section, (Y, X), with or without channels."
        )
    return min(few, key=lambda k: shape[k])
