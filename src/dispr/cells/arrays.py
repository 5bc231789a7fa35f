"""Checks on arrays from a user: uint8 of 64 x 64 (x 64), or a refusal in one sentence."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy import ndimage

from dispr.errors import ArrayError
from dispr.images.given import as_array
from dispr.images.values import Use

SIZE = 64
"""Edge of images, masks and volumes in pixels and voxels."""

SECTION = SIZE // 2
"""The plane of a cell in 3D that its image shows."""

SMALLEST = 8
"""Edge of the smallest image that is enlarged to `SIZE`."""


def as_image(array: Any, name: str = "image") -> np.ndarray:
    """Check one microscopy image and bring it to 64 x 64 uint8.

    Parameters
    ----------
    array : array-like, (Y, X)
        At least 8 x 8. uint8 is taken as it is. Other integers, such as those of a 12- or 16-bit
        camera, are stretched linearly from their own minimum and maximum to 0 and 255: the
        published images span that range too, less what their resampling took off the peaks.
        Floating point must lie from 0 to 1 and is multiplied by 255.
    name : str
        What errors call the array.

    Returns
    -------
    array, (64, 64), uint8
        Other sizes are padded to a square about the centre and resampled with anti-aliasing. The
        voxels of a predicted shape are then as large as the new pixels.

    Raises
    ------
    ArrayError
        If this is not one finite 2D image of one channel.
    """
    section = section_of(array, name, "image")
    if section.dtype == bool:
        raise ArrayError(f"{name} is boolean, like a mask; give an image with grey values.")
    if section.dtype.kind == "f":
        section = _unit(section, name) * 255
    elif section.dtype != np.uint8:
        low, high = float(section.min()), float(section.max())
        section = (section.astype(np.float64) - low) * (255 / max(high - low, 1.0))
    return _resized(section, pad="edge")


def as_mask(array: Any, name: str = "mask") -> np.ndarray:
    """Check the segmentation of one cell and bring it to 64 x 64 uint8.

    Parameters
    ----------
    array : array-like, (Y, X)
        At least 8 x 8. Boolean, or integers with one value beside 0, whichever it is; uint8 from
        0 to 255, or floating point from 0 to 1, with a grey border.
    name : str
        What errors call the array.

    Returns
    -------
    array, (64, 64), uint8
        0 outside, 255 inside. Other sizes are padded and resampled like the image, by the share of
        each pixel that is inside, so that the border becomes grey as in the published masks.

    Raises
    ------
    ArrayError
        If this is not one finite 2D mask of exactly one cell.
    """
    grey = grey_mask(section_of(array, name), name)
    inside = grey > 127
    if inside[[0, 0, -1, -1], [0, -1, 0, -1]].all() and not inside.all():
        raise ArrayError(
            f"{name} marks all four corners, so it seems to be inverted; a mask is 0 outside the "
            "cell."
        )
    mask = _resized(grey, pad="constant")
    if not (mask > 127).any():
        raise ArrayError(
            f"{name} contains a cell that is too small at 64 x 64 pixels; crop closer to it."
        )
    return mask


def as_plane(array: Any, name: str = "plane") -> np.ndarray:
    """Check the segmentation of one cell in another plane than its section; it may be empty.

    Parameters
    ----------
    array : array-like, (Y, X)
        As `as_mask` takes it, or all 0 above or below the cell.
    name : str
        What errors call the array.

    Returns
    -------
    array, (64, 64), uint8
        0 outside, 255 inside, with a grey border.

    Raises
    ------
    ArrayError
        If this is not one finite 2D mask of at most one cell.
    """
    section = section_of(array, name)
    if not section.any():
        return np.zeros((SIZE, SIZE), np.uint8)
    return _resized(grey_mask(section, name), pad="constant")


def as_obj(array: Any, name: str = "obj") -> np.ndarray:
    """Check the 3D shape of one cell.

    Parameters
    ----------
    array : array-like, (64, 64, 64), ZYX
        Boolean, integers with one value beside 0, or uint8 from 0 to 255 with a grey border.
    name : str
        What errors call the array.

    Returns
    -------
    array, (64, 64, 64), uint8
        0 outside, 255 inside.

    Raises
    ------
    ArrayError
        If the shape or type is another, or the volume is empty.
    """
    volume = as_array(array, name)
    if volume.shape != (SIZE,) * 3:
        raise ArrayError(
            f"{name} has the shape {volume.shape}; a 3D cell has 64 x 64 x 64 voxels (Z, Y, X)."
        )
    if volume.dtype.kind == "f":
        raise ArrayError(f"{name} has the type {volume.dtype}; make it boolean or uint8.")
    return grey_mask(volume, name)


def as_body(array: Any, name: str = "volume") -> np.ndarray:
    """Check the 3D shape of one cell of any size and bring it to truth values.

    Parameters
    ----------
    array : array-like, (Z, Y, X)
        Boolean; integers with one value beside 0; uint8 from 0 to 255; or floating point from 0 to
        1, such as a probability. Inside is what exceeds half of the range.
    name : str
        What errors call the array.

    Returns
    -------
    array, (Z, Y, X), bool

    Raises
    ------
    ArrayError
        If this is not one finite 3D volume, or no voxel is inside.
    """
    volume = as_array(array, name)
    while volume.ndim > 3 and volume.shape[0] == 1:
        volume = volume[0]
    if volume.ndim != 3:
        raise ArrayError(
            f"{name} has the shape {volume.shape}; give a single volume (Z, Y, X); measure the "
            "shapes of an ensemble one by one."
        )
    if volume.dtype.kind == "f" and volume.any() and float(volume.max()) <= 0.5:
        raise ArrayError(f"{name} is empty: no value is above 0.5.")
    # The threshold of floating point is exactly one half, as that of the consensus.
    if volume.dtype.kind == "f" and set(np.unique(volume)) != {0, 255}:
        return _unit(volume, name) > 0.5 if volume.any() else grey_mask(volume, name)
    return volume if volume.dtype == bool and volume.any() else grey_mask(volume, name) > 127


def section_pair(image: Any, mask: Any) -> tuple[np.ndarray, np.ndarray]:
    """Check an image and its mask of any size, and keep the size and the grey values.

    Parameters
    ----------
    image, mask : array-like, (Y, X)
        At least 8 x 8. The image in any grey values; the mask as `as_mask` takes it.

    Returns
    -------
    image : array, (Y, X), float64
    mask : array, (Y, X), bool

    Raises
    ------
    ArrayError
        If an array is refused or their shapes differ.
    """
    grey, inside = section_of(image, "image", "image"), section_of(mask, "mask")
    same_shape(grey, inside)
    return grey.astype(np.float64), grey_mask(inside, "mask") > 127


def canonical_pair(image: Any, mask: Any) -> tuple[np.ndarray, np.ndarray, bool]:
    """Check images and their masks, one or a batch of them.

    Parameters
    ----------
    image, mask : array-like, both (Y, X) or both (N, Y, X)
        As `as_image` and `as_mask` take them, of one shape. The grey values of each image of a
        batch are treated by themselves.

    Returns
    -------
    image, mask : array, (N, 64, 64), uint8
        N is 1 for a single cell.
    single : bool
        Whether single arrays were given.

    Raises
    ------
    ArrayError
        If an array is refused or their shapes differ.
    """
    pairs, single = as_pairs(image, mask)
    return (
        np.stack([as_image(one, name) for one, _, name, _ in pairs]),
        np.stack([as_mask(one, name) for _, one, _, name in pairs]),
        single,
    )


def as_pairs(image: Any, mask: Any) -> tuple[list[tuple[np.ndarray, np.ndarray, str, str]], bool]:
    """Take one image and its mask, or a batch of them, apart; sizes and values are kept.

    Parameters
    ----------
    image, mask : array-like
        As for `canonical_pair`.

    Returns
    -------
    pairs : list of (image, mask, name of the image, name of the mask)
        The arrays of each cell, and what errors call them.
    single : bool
        Whether single arrays were given.

    Raises
    ------
    ArrayError
        If their shapes differ, or there are none.
    """
    images, masks = as_array(image, "image", "image"), as_array(mask, "mask")
    # A batch of three is not a colour image: both have the axis N. Colours in the last axis are.
    if images.ndim != 3 or masks.ndim != 3 or images.shape[-1] in (3, 4):
        section_of(images, "image", "image")
        same_shape(images, masks)
        return [(images, masks, "image", "mask")], True
    same_shape(images, masks)
    if not len(images):
        raise ArrayError("image and mask are empty batches; give at least one cell.")
    pairs = [
        (one, other, f"image[{i}]", f"mask[{i}]")
        for i, (one, other) in enumerate(zip(images, masks, strict=True))
    ]
    return pairs, False


def same_shape(
    image: np.ndarray, mask: np.ndarray, image_name: str = "image", mask_name: str = "mask"
) -> None:
    """Raise ArrayError unless image and mask, as they were given, have one shape."""
    # Axes of length 1 say nothing: some programs write them, some do not.
    if np.squeeze(image).shape != np.squeeze(mask).shape:
        raise ArrayError(
            f"{mask_name} has the shape {mask.shape} but {image_name} has {image.shape}; "
            "use an image and a mask of the same section, cropped in the same way."
        )


def section_of(array: Any, name: str, use: Use = "labels") -> np.ndarray:
    """Give one section, (Y, X), of at least 8 x 8 pixels; raise ArrayError for anything else."""
    array = as_array(array, name, use)
    shape = array.shape
    while array.ndim > 2 and 1 in array.shape:
        array = array.squeeze(array.shape.index(1))
    if _is_colour(array):
        raise ArrayError(f"{name} has the shape {shape}, that of a colour image; give one channel.")
    if array.ndim != 2:
        raise ArrayError(
            f"{name} has the shape {shape}; give one section (Y, X), "
            "such as the plane through the middle of the cell."
        )
    if min(array.shape) < SMALLEST:
        raise ArrayError(
            f"{name} has only {shape[0]} x {shape[1]} pixels; at least 8 x 8 are needed."
        )
    return array


def _is_colour(array: np.ndarray) -> bool:
    return array.ndim == 3 and (array.shape[-1] in (3, 4) or array.shape[0] in (3, 4))


def _unit(array: np.ndarray, name: str) -> np.ndarray:
    low, high = float(array.min()), float(array.max())
    # The slack is for rounding in whatever scaled the array.
    if low < -1e-4 or high > 1 + 1e-4:
        raise ArrayError(
            f"{name} contains floating-point values from {low:.6g} to {high:.6g}; "
            "scale it to 0 to 1, or make it uint8."
        )
    return array.astype(np.float64).clip(0, 1)


def grey_mask(array: np.ndarray, name: str) -> np.ndarray:
    """Bring a mask or volume in any of its codings to 0 to 255."""
    if not array.any():
        raise ArrayError(f"{name} is empty; it must mark one cell.")
    values = array[array != 0]
    if values.min() == values.max() and array.dtype.kind != "f":
        return np.where(array != 0, 255, 0).astype(np.uint8)
    if array.dtype.kind == "f":
        if np.array_equal(np.rint(values), values) and values.min() > 0:
            return grey_mask(array.astype(np.int64), name)
        array = _unit(array, name) * 255
    elif array.dtype != np.uint8:
        raise _labels_error(array, name, len(np.unique(values)))
    elif (labels := _bodies(array)) > 1:
        raise _labels_error(array, name, labels)
    if array.max() <= 127:
        raise ArrayError(
            f"{name} has no value above half of its range; mark the inside of one cell with 255, "
            f"or, if these are labels, {ONE_BY_ONE}."
        )
    if array.ndim == 2 and _plateau(array) < LEAST_PLATEAU:
        raise ArrayError(
            f"{name} has many grey values, like an image; give the mask of the cell (are image "
            "and mask swapped?)."
        )
    return array


LEAST_PLATEAU = 0.1
"""Share of the inside that a mask holds at its brightest; 0.83 or more in the published ones."""


ENOUGH = 400
"""Pixels inside that tell a mask from an image."""


def _plateau(array: np.ndarray) -> float:
    """Give the share of the inside that is as bright as the brightest value, but for 3 %.

    Of a few pixels, all of which may be of the border, it tells nothing and is 1.
    """
    largest = float(array.max())
    inside = array[array > largest / 2]
    return float(np.mean(inside >= largest - 8)) if inside.size >= ENOUGH else 1.0


ONE_BY_ONE = "crop each cell separately, or predict the whole image as a field of view with labels"


def _labels_error(array: np.ndarray, name: str, count: int) -> ArrayError:
    if array.ndim == 3:
        return ArrayError(
            f"{name} contains {count} different non-zero values, like labels of several cells; "
            "give each cell as a separate volume (grey volumes must be uint8)."
        )
    return ArrayError(
        f"{name} contains {count} different non-zero values, like labels of several cells; "
        f"{ONE_BY_ONE} (grey masks must be uint8)."
    )


def _bodies(array: np.ndarray) -> int:
    """Count the values of uint8 that fill a body of their own, as labels do.

    In a grey mask only the brightest values do: all others lie along the border, in bits.
    """
    counts = np.bincount(array.ravel(), minlength=256)
    counts[0] = 0
    bright, share = 248, 0.03
    found = int(counts[bright:].any())
    for value in np.flatnonzero(counts[:bright] >= share * counts.sum()):
        inside = array == value
        if ndimage.binary_erosion(inside, np.ones((3,) * array.ndim)).any():
            pieces = np.bincount(ndimage.label(inside)[0].ravel())[1:]
            found += bool(2 * pieces.max() >= counts[value])
    return found


def _resized(section: np.ndarray, pad: Literal["edge", "constant"]) -> np.ndarray:
    """Pad to a square, resample to 64 x 64 and round to uint8; values must be from 0 to 255."""
    if section.shape != (SIZE, SIZE):
        from skimage.transform import resize

        edge = max(section.shape)
        before = [(edge - n) // 2 for n in section.shape]
        margins = [(b, edge - n - b) for b, n in zip(before, section.shape, strict=True)]
        square = np.pad(section.astype(np.float64), margins, mode=pad)
        section = resize(square, (SIZE, SIZE), order=1, anti_aliasing=edge > SIZE)
    return np.rint(section).clip(0, 255).astype(np.uint8)
