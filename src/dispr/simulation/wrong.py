"""Inputs that are not cells like the published ones, to see what notices them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from dispr.cells.arrays import SIZE

Pair = tuple[np.ndarray, np.ndarray]
"""An image and a mask, (64, 64) uint8 each."""


def nucleus(rng: np.random.Generator) -> Pair:
    """Draw a stained nucleus: an ellipse, filled and a little mottled, on a dark background."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE / 2 - 0.5)
    turn = rng.uniform(0, np.pi)
    along, across = (
        x * np.cos(turn) + y * np.sin(turn),
        y * np.cos(turn) - x * np.sin(turn),
    )
    radius = rng.uniform(12, 24)
    flat = rng.uniform(0.7, 1.0)
    depth = radius * (1 - np.sqrt((along / radius) ** 2 + (across / (radius * flat)) ** 2))
    body = np.clip(depth + 0.5, 0, 1)
    mottle = ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE)), 3)
    bright = rng.uniform(120, 230) * (1 + 0.12 * mottle / mottle.std())
    grey = ndimage.gaussian_filter(body, 1.2) * bright + rng.uniform(2, 12)
    grey += rng.normal(0, rng.uniform(0, 4), grey.shape)
    return _uint8(grey), _uint8(body * 255)


def text(rng: np.random.Generator) -> Pair:
    """Print one or two letters, which are the mask as well."""
    from PIL import Image, ImageDraw, ImageFont

    letters = "".join(rng.choice(list("ABDEGHKMNRSWXZ0389"), rng.integers(1, 3)))
    font = ImageFont.load_default(size=int(rng.integers(30, 52)))
    sheet = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(sheet).text((SIZE / 2, SIZE / 2), letters, 255, font, anchor="mm")
    grey = np.asarray(sheet).astype(float)
    noisy = grey * rng.uniform(0.5, 0.9) + 8 + rng.normal(0, 3, grey.shape)
    return _uint8(noisy), _uint8(grey)


def inverted(image: np.ndarray, mask: np.ndarray) -> Pair:
    """Turn a cell's image into its negative."""
    return 255 - image, mask


def resized(image: np.ndarray, mask: np.ndarray, factor: float) -> Pair:
    """Show a cell at another scale, about the middle of the image.

    What is beyond the old image is its darkest background, and no cell.
    """
    grid = (np.mgrid[:SIZE, :SIZE] - (SIZE / 2 - 0.5)) / factor + (SIZE / 2 - 0.5)
    smooth = 0.4 / factor if factor < 1 else 0.0

    def at(array: np.ndarray, beyond: float) -> np.ndarray:
        blurred = ndimage.gaussian_filter(array.astype(float), smooth)
        return _uint8(ndimage.map_coordinates(blurred, grid, order=1, cval=beyond))

    background = image[mask == 0]
    return at(image, float(np.median(background)) if background.size else 0.0), at(mask, 0.0)


def shifted_mask(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> Pair:
    """Move the mask by 8 to 14 pixels in any direction."""
    distance, turn = rng.uniform(8, 14), rng.uniform(0, 2 * np.pi)
    moved = ndimage.shift(mask, (distance * np.sin(turn), distance * np.cos(turn)), order=1)
    return image, _uint8(moved)


def noise(mask: np.ndarray, rng: np.random.Generator) -> Pair:
    """Keep the mask, and put noise of any grain in place of the image."""
    grain = ndimage.gaussian_filter(rng.normal(size=mask.shape), rng.uniform(0, 2))
    return _uint8(90 + 50 * grain / grain.std()), mask


def blank(mask: np.ndarray) -> Pair:
    """Keep the mask, and leave nothing to see in the image."""
    return np.full_like(mask, 40), mask


def out_of_focus(image: np.ndarray, mask: np.ndarray) -> Pair:
    """Blur the image by five pixels."""
    return _uint8(ndimage.gaussian_filter(image.astype(float), 5)), mask


def rim_as_mask(image: np.ndarray, mask: np.ndarray) -> Pair:
    """Mark the membrane alone, as a threshold does that leaves the inside out."""
    inside = ndimage.distance_transform_edt(mask > 127)
    return image, np.where(inside > 4, 0, mask).astype(np.uint8)


def everything_as_mask(image: np.ndarray) -> Pair:
    """Mark the whole image."""
    return image, np.full_like(image, 255)


def wrong_inputs(
    images: np.ndarray, masks: np.ndarray, seed: int = 0
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Make wrong inputs of every kind out of right ones.

    Parameters
    ----------
    images, masks : ndarray
        uint8, (N, 64, 64), of cells.
    seed : int
        Of all that is drawn.

    Returns
    -------
    dict of str to (ndarray, ndarray)
        Images and masks, (N, 64, 64), by what is wrong with them.
    """
    count = len(images)

    def each(make: Callable[[int, np.random.Generator], Pair]) -> tuple[np.ndarray, np.ndarray]:
        pairs: Sequence[Pair] = [make(i, np.random.default_rng([seed, i])) for i in range(count)]
        return np.stack([image for image, _ in pairs]), np.stack([mask for _, mask in pairs])

    def other(i: int, rng: np.random.Generator) -> int:
        return int(i + 1 + rng.integers(count - 1)) % count

    return {
        "nucleus": each(lambda i, rng: nucleus(rng)),
        "text": each(lambda i, rng: text(rng)),
        "inverted image": each(lambda i, rng: inverted(images[i], masks[i])),
        "half the scale": each(lambda i, rng: resized(images[i], masks[i], 0.5)),
        "1.6 times the scale": each(lambda i, rng: resized(images[i], masks[i], 1.6)),
        "another cell's mask": each(lambda i, rng: (images[i], masks[other(i, rng)])),
        "mask moved": each(lambda i, rng: shifted_mask(images[i], masks[i], rng)),
        "noise": each(lambda i, rng: noise(masks[i], rng)),
        "nothing to see": each(lambda i, rng: blank(masks[i])),
        "out of focus": each(lambda i, rng: out_of_focus(images[i], masks[i])),
        "rim as mask": each(lambda i, rng: rim_as_mask(images[i], masks[i])),
        "all as mask": each(lambda i, rng: everything_as_mask(images[i])),
    }


def _uint8(grey: np.ndarray) -> np.ndarray:
    return np.rint(grey).clip(0, 255).astype(np.uint8)
