"""What the outline of a section and the light along it tell of a cell's kind, free of units.

Neither the size of the cell nor the exposure of the image changes them, but for the rounding to
pixels.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from dispr.morphology.section import section_values

POINTS = 256
"""Points of an outline, at equal distances along it."""

SMOOTHINGS = (3.0, 4.5, 7.0, 10.0, 14.0)
"""Standard deviations that an outline is smoothed by, in points: 1.2 to 5.5 % of its length.

The finest leaves some of the steps of pixels: along a disc with a radius of 20 pixels, the
curvature has a standard deviation of 0.6, and of 0.04 with the third.
"""

QUANTILES = (0, 5, 25, 50, 75, 95, 100)

CORNER = 1.3
"""Curvature of the flattest corner."""

RINGS, WIDTH = 7, 2.0
"""Rings of pixels that the profile of brightness is taken in, and their width in pixels."""

_OF_SURROUNDINGS = ("intensity_mean", "intensity_outside", "contrast")
"""Measures of a section that say nothing here, or depend on what lies around the cell."""


def outline_values(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Describe a section by its form, its outline, and the light in it relative to the mean.

    Parameters
    ----------
    image : ndarray
        (Y, X), grey values.
    mask : ndarray
        bool, (Y, X), not empty.

    Returns
    -------
    dict of str to float
        The measures of `section_values`, grey values as multiples of the mean inside the mask;
        `curvature_S_...` for each of `SMOOTHINGS`, S in points (`curvature_values`);
        `ring_I_mean` and `ring_I_sd`, the light in rings that lie inwards from the outline, as
        multiples of the mean. NaN where something is not defined.
    """
    mean = float(image[mask].mean())
    relative = image / mean if mean > 0 else np.ones(image.shape)
    form = section_values(relative, mask)
    points = outline(mask)
    radius = math.sqrt(np.count_nonzero(mask) / math.pi)
    return {
        **{name: value for name, value in form.items() if name not in _OF_SURROUNDINGS},
        **{
            f"curvature_{smoothing:g}_{name}": value
            for smoothing in SMOOTHINGS
            for name, value in curvature_values(points, radius, smoothing).items()
        },
        **_rings(relative, mask),
    }


def outline(mask: np.ndarray) -> np.ndarray | None:
    """Give the longest outline of a mask, bool (Y, X), at `POINTS` points.

    The mask is smoothed by one pixel (standard deviation) before its outline is followed at one
    half.

    Returns
    -------
    ndarray or None
        complex, (256,): x + iy of points at equal distances along the outline, in pixels; None
        where nothing is left of the mask after smoothing.
    """
    from skimage.measure import find_contours

    smooth = ndimage.gaussian_filter(np.pad(mask, 4).astype(float), 1.0)
    found = find_contours(smooth, 0.5)
    if not found:
        return None
    line = max(found, key=len)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    if length[-1] == 0:
        return None
    at = np.linspace(0, length[-1], POINTS, endpoint=False)
    y, x = (np.interp(at, length, values) for values in line.T)
    points: np.ndarray = x + 1j * y
    return points


def curvature(points: np.ndarray, radius: float, smoothing: float) -> np.ndarray:
    """Give the curvature along a closed line, times a radius: 1 for a circle of this radius.

    Parameters
    ----------
    points : ndarray
        complex, (N,), at equal distances.
    radius : float
        In the unit of the points.
    smoothing : float
        Standard deviation in points that the line is smoothed by first.

    Returns
    -------
    ndarray
        (N,), positive where the line bulges outwards, whichever way it runs.
    """
    smooth = ndimage.gaussian_filter1d(points, smoothing, mode="wrap")
    step = (np.roll(smooth, -1) - np.roll(smooth, 1)) / 2
    bend = np.roll(smooth, -1) - 2 * smooth + np.roll(smooth, 1)
    speed = np.maximum(np.abs(step), 1e-12)
    found: np.ndarray = (np.conj(step) * bend).imag / speed**3 * radius
    return found * (np.sign(found.sum()) or 1.0)


def curvature_values(
    points: np.ndarray | None, radius: float, smoothing: float
) -> dict[str, float]:
    """Describe the `curvature` of an outline.

    Returns
    -------
    dict of str to float
        `q0` to `q100`, its quantiles in percent; `sd`; `concave`, the share of the outline that is;
        `bays`, the number of concave stretches; `corners`, that of maxima above `CORNER`;
        `concavity`, minus the mean of what is negative, over the outline. NaN without an outline.
    """
    names = [*(f"q{q}" for q in QUANTILES), "sd", "concave", "bays", "corners", "concavity"]
    if points is None:
        return dict.fromkeys(names, math.nan)
    found = curvature(points, radius, smoothing)
    inwards = found < 0
    tops = (found > np.roll(found, 1)) & (found > np.roll(found, -1)) & (found > CORNER)
    values = [
        *np.percentile(found, QUANTILES),
        found.std(),
        inwards.mean(),
        np.count_nonzero(inwards & ~np.roll(inwards, 1)),
        np.count_nonzero(tops),
        -np.minimum(found, 0).mean(),
    ]
    return dict(zip(names, map(float, values), strict=True))


def _rings(relative: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Give mean and standard deviation of the light in rings; NaN in rings without pixels."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    found = {}
    for i in range(RINGS):
        light = relative[(depth > i * WIDTH) & (depth <= (i + 1) * WIDTH)]
        found[f"ring_{i}_mean"] = float(light.mean()) if light.size else math.nan
        found[f"ring_{i}_sd"] = float(light.std()) if light.size else math.nan
    return found
