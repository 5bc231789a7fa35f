"""What a section looks like, in two dozen numbers that one can picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from dispr.cells.pieces import pieces_of


@dataclass(frozen=True)
class Trait:
    """One number of `describe`.

    Attributes
    ----------
    least : float
        Difference that matters at least: where training cells hardly differ, a smaller one is no
        ground for alarm.
    high, low : str
        What to tell a user of cells that have more or less of it than the training cells.
    """

    least: float
    high: str
    low: str


TRAITS = {
    "size": Trait(1.0, "the mask is larger", "the mask is smaller"),
    "elongation": Trait(0.05, "the mask is longer and thinner", "the mask is rounder"),
    "solidity": Trait(0.02, "the mask has fewer concavities", "the mask has more concavities"),
    "circularity": Trait(0.05, "the outline is smoother", "the outline is more jagged"),
    "offset": Trait(0.5, "the cell is off-centre", "the cell is better centred"),
    "margin": Trait(1.0, "the margin around the cell is wider", "the cell is nearer to the edge"),
    "one_piece": Trait(0.02, "the mask has one piece", "the mask has several pieces"),
    "holes": Trait(0.01, "the mask has larger holes", "the mask has smaller holes"),
    "inside_level": Trait(5.0, "the cell is brighter", "the cell is darker"),
    "outside_level": Trait(0.1, "the background is brighter", "the background is darker"),
    "contrast": Trait(
        0.1,
        "the contrast between cell and background is higher",
        "the image is equally bright inside and outside the mask",
    ),
    "inside_spread": Trait(0.02, "the cell is more uneven inside", "the cell is more even inside"),
    "outside_spread": Trait(
        0.1, "there is more structure outside the mask", "there is less structure outside the mask"
    ),
    "brightest": Trait(5.0, "the brightest pixels are brighter", "the image is underexposed"),
    "light_inside": Trait(
        0.02, "all light is inside the mask", "much of the light is outside the mask"
    ),
    "rim_to_middle": Trait(
        0.1, "the rim is brighter than the middle", "the middle is brighter than the rim"
    ),
    "rim_to_outside": Trait(
        0.1, "the rim stands out more", "the image does not change at the mask's border"
    ),
    "outer_rim": Trait(
        0.05, "the border of the cell is sharper", "the border of the cell is more blurred"
    ),
    "darkening": Trait(
        0.03, "the image darkens outwards", "the image does not darken outwards at the border"
    ),
    "edges_on_border": Trait(
        0.03, "all edges lie on the mask's border", "the edges do not lie on the mask's border"
    ),
    "depth_of_light": Trait(
        0.02, "the light lies deeper inside the mask", "the light lies nearer to the border"
    ),
    "detail": Trait(0.03, "the cell shows more fine detail", "the image is out of focus"),
    "mottle": Trait(0.01, "the middle is more mottled", "the middle is smoother"),
    "grain": Trait(0.1, "the background is noisier", "the background is less noisy"),
    "agreement": Trait(
        0.02,
        "the mask agrees with a threshold of the image",
        "the mask does not agree with a threshold of the image",
    ),
}


def describe(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Describe one section by the numbers of `TRAITS`.

    The mask counts where it exceeds 127, so that a grey border or none makes no difference.

    Parameters
    ----------
    image, mask : ndarray
        uint8, (64, 64); the mask must mark at least one pixel.

    Returns
    -------
    ndarray
        float64, (len(TRAITS),), all finite. Lengths are in pixels; grey levels go from 0 to 255;
        ratios of grey levels, and noise, are logarithms; the rest are shares.
    """
    found = {**_outline(mask > 127), **_light(image, mask > 127)}
    return np.array([found[name] for name in TRAITS], np.float64)


def describe_all(images: Iterable[np.ndarray], masks: Iterable[np.ndarray]) -> np.ndarray:
    """Describe sections, N of (64, 64) to (N, len(TRAITS))."""
    found = [describe(image, mask) for image, mask in zip(images, masks, strict=True)]
    return np.array(found).reshape(-1, len(TRAITS))


def _outline(inside: np.ndarray) -> dict[str, float]:
    from skimage.measure import perimeter

    area = float(inside.sum())
    places = np.argwhere(inside)
    low, high = places.min(axis=0), places.max(axis=0)
    last = np.array(inside.shape) - 1
    # A pixel is a square, whose own second moment is 1/12.
    spread = np.linalg.eigvalsh(np.cov(places.T) if area > 2 else np.zeros((2, 2))) + 1 / 12
    filled = float(ndimage.binary_fill_holes(inside).sum())
    length = max(float(perimeter(inside)), 1.0)
    return {
        "size": np.sqrt(area),
        "elongation": 0.5 * np.log(spread[1] / spread[0]),
        "solidity": area / _hull_area(places),
        "circularity": min(4 * np.pi * area / length**2, 2.0),
        "offset": float(np.hypot(*((low + high - last) / 2))),
        "margin": float(min(*low, *(last - high))),
        "one_piece": float(pieces_of(inside)[1].max()) / area,
        "holes": (filled - area) / filled,
    }


def _light(image: np.ndarray, inside: np.ndarray) -> dict[str, float]:
    from skimage.filters import threshold_otsu

    grey = image.astype(float)
    # Distances to the border: inwards (the image's edge counts as one), and outwards.
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    beyond = ndimage.distance_transform_edt(~inside) if not inside.all() else np.zeros(inside.shape)
    background = beyond > 2
    middle = depth > depth.max() / 2
    rim, ring = _between(depth, 0, 3), _between(beyond, 0, 3)
    level, dark = _mean(grey, inside), _mean(grey, background)
    floor = float(np.median(grey[background])) if background.any() else 0.0
    excess = np.clip(grey - floor, 0, None)
    light = float(excess.sum()) + 1.0

    smooth = ndimage.gaussian_filter(grey, 1.0)
    rest = grey - smooth
    band = ndimage.gaussian_filter(grey, 1.5) - ndimage.gaussian_filter(grey, 4.0)
    slope = np.stack(np.gradient(smooth))
    steepness = np.hypot(*slope) + 1e-6
    inwards = np.stack(np.gradient(ndimage.gaussian_filter(depth - beyond, 1.0)))
    inwards /= np.hypot(*inwards) + 1e-6
    border = (depth <= 2) & (beyond <= 2)

    bright = grey > (threshold_otsu(image) if image.min() < image.max() else 255)
    bright = ndimage.binary_fill_holes(bright)
    return {
        "inside_level": level,
        "outside_level": np.log1p(dark),
        "contrast": _log_ratio(level, dark),
        "inside_spread": _spread(grey, inside) / (level + 1),
        "outside_spread": np.log1p(_spread(grey, background)),
        "brightest": float(np.quantile(grey, 0.995)),
        "light_inside": float(excess[beyond <= 2].sum()) / light,
        "rim_to_middle": _log_ratio(_mean(grey, rim), _mean(grey, middle)),
        "rim_to_outside": _log_ratio(_mean(grey, rim), _mean(grey, ring)),
        "outer_rim": _log_ratio(
            _mean(grey, _between(depth, 0, 2)), _mean(grey, _between(depth, 2, 5))
        ),
        "darkening": float((slope * inwards).sum(axis=0)[border].sum())
        / max(float(steepness[border].sum()), 1e-6),
        "edges_on_border": float(steepness[border].sum() / steepness.sum()),
        "depth_of_light": float((excess * depth).sum()) / light / float(depth.max()),
        "detail": _spread(rest, depth > 2) / (_spread(grey, inside) + 1),
        "mottle": _spread(band, depth > 5) / (level + 1),
        "grain": np.log1p(_spread(rest, background)),
        "agreement": 2 * float((bright & inside).sum()) / float(bright.sum() + inside.sum()),
    }


def _between(distance: np.ndarray, low: float, high: float) -> np.ndarray:
    return (distance > low) & (distance <= high)


def _mean(grey: np.ndarray, where: np.ndarray) -> float:
    return float(grey[where].mean()) if where.any() else 0.0


def _spread(grey: np.ndarray, where: np.ndarray) -> float:
    return float(grey[where].std()) if where.sum() > 3 else 0.0


def _log_ratio(above: float, below: float) -> float:
    return float(np.log((above + 1) / (below + 1)))


def _hull_area(places: np.ndarray) -> float:
    """Area of the convex hull of pixels as unit squares."""
    from scipy.spatial import ConvexHull

    corners = np.concatenate([places + np.array([dy, dx]) for dy in (0, 1) for dx in (0, 1)])
    return float(ConvexHull(corners).volume)
