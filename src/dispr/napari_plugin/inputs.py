"""From layers to what can be predicted: arrays, a place, a pixel size; or a sentence why not."""

from __future__ import annotations

from typing import Any

import numpy as np

from dispr.cells.spacing import close
from dispr.errors import ArrayError
from dispr.images.sizes import in_um
from dispr.napari_plugin.layers import World


def section_of(layer: Any, kind: str = "image") -> np.ndarray:
    """Give the array of an image or labels layer, (Y, X).

    Parameters
    ----------
    layer : napari layer or None
        The layer that was chosen.
    kind : "image" or "labels"
        What errors call it.

    Raises
    ------
    ArrayError
        If there is none, or it is not a single section.
    """
    if layer is None:
        how = (
            "open an image of cells, or File > Open Sample > DISPR"
            if kind == "image"
            else "open a segmentation (from Cellpose, StarDist or another program) as labels, or "
            "paint cells"
        )
        raise ArrayError(f"There is no {kind} layer: {how}.")
    if getattr(layer, "rgb", False):
        raise ArrayError(
            f'"{layer.name}" is a colour image: split it (right click > Split RGB) and choose the '
            "channel of the membrane."
        )
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    shape = tuple(data.shape)
    if len(shape) < 2 or any(n != 1 for n in shape[:-2]):
        raise ArrayError(
            f'"{layer.name}" has the shape {" x ".join(map(str, shape))}: choose a 2D {kind}, one '
            "section through the middle of the cells."
        )
    return np.asarray(data).reshape(shape[-2:])


def check_pair(image: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give the arrays of the image and the labels layer, both (Y, X).

    Raises
    ------
    ArrayError
        If they cannot be predicted.
    """
    grey, numbers = section_of(image), section_of(labels, "labels")
    if grey.shape != numbers.shape:
        raise ArrayError(
            f'"{image.name}" is {grey.shape[0]} x {grey.shape[1]} pixels, "{labels.name}" '
            f"{numbers.shape[0]} x {numbers.shape[1]}: choose labels of this image."
        )
    if not numbers.any():
        raise ArrayError(f'"{labels.name}" is empty: give each cell its own label.')
    return grey, numbers


def world_of(layer: Any) -> World:
    """Find out where the pixels of an image layer lie in the viewer.

    Raises
    ------
    ArrayError
        If the layer is turned or sheared, or its pixels are not square.
    """
    first = [0.0] * (layer.ndim - 2)
    origin, down, right = (
        np.asarray(layer.data_to_world([*first, *place]), float)[-2:]
        for place in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    )
    down, right = down - origin, right - origin
    if abs(down[1]) + abs(right[0]) > 1e-6 * (abs(down[0]) + abs(right[1])):
        raise ArrayError(f'"{layer.name}" is rotated or sheared in the viewer: reset this.')
    if not (down[0] > 0 and close(down[0], right[1])):
        raise ArrayError(
            f'"{layer.name}" has pixels of {down[0]:.4g} x {right[1]:.4g}: resample it to square '
            "pixels, or correct its scale."
        )
    return World(float(down[0]), float(origin[0]), float(origin[1]), unit_of(layer))


def unit_of(layer: Any) -> str:
    """Give the unit of a layer's last axis; "pixel" where napari knows of none."""
    units = getattr(layer, "units", None)
    return str(units[-1]) if units else "pixel"


def stated_pixel_size(layer: Any) -> tuple[float | None, str]:
    """Find out what an image layer says of its pixels.

    Returns
    -------
    size : float or None
        Edge of a pixel in um; None if nothing is said.
    source : str
        Where that is from, for people.
    """
    if layer is None:
        return None, ""
    try:
        world = world_of(layer)
    except ArrayError:
        return None, "not known: lengths will be in pixels"
    size = in_um(world.scale, world.unit)
    if size is not None:
        return size, "from the image layer"
    if world.unit == "pixel" and not close(world.scale, 1.0):
        return world.scale, "the scale of the image layer, assumed to be in µm"
    return None, "not known: lengths will be in pixels"
