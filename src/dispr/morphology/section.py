"""What one section and its mask measure, by names that end in their units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import ndimage

from dispr.cells.arrays import section_pair
from dispr.cells.spacing import as_pixel_size
from dispr.morphology.features import SECTION_FEATURES

LEVELS = 32
"""Grey levels of the co-occurrence."""

ANGLES = (0.0, math.pi / 4, math.pi / 2, 3 * math.pi / 4)


def measure_section(
    image: Any, mask: Any, pixel_size: float | None = None, *, published: bool = False
) -> dict[str, float]:
    """Measure one section and its mask.

    Parameters
    ----------
    image : array-like
        (Y, X), of any size from 8 x 8 pixels, with any grey values; intensities are in these grey
        values.
    mask : array-like
        (Y, X): boolean, with one non-zero value, uint8 from 0 to 255 or float from 0 to 1; values
        above half of the range are inside. All parts count as one object.
    pixel_size : float, optional
        Pixel size in um. Without it, lengths and areas are in pixels.
    published : bool
        Return the features of the published study instead (see `dispr.morphology.published`):
        always in pixels, and for image and mask at 64 x 64.

    Returns
    -------
    dict of str to float
        Measures, with names that end in the unit, such as `area_um2` or, without a pixel size,
        `area_pixels`; NaN if a measure is not defined. Definitions are in
        `dispr.morphology.features.SECTION_FEATURES` and in docs/measurements.md.

    Raises
    ------
    ArrayError
        If image or mask cannot be used, or have different shapes.
    ConfigError
        If the pixel size is not a positive number.
    """
    edge = as_pixel_size(pixel_size)
    if published:
        from dispr.cells.arrays import canonical_pair
        from dispr.errors import ArrayError
        from dispr.morphology.published import published_section_features

        images, masks, single = canonical_pair(image, mask)
        if not single:
            raise ArrayError("image and mask are batches; measure the sections one by one.")
        return published_section_features(images[0], masks[0])
    values = section_values(*section_pair(image, mask), edge or 1.0)
    return {
        feature.column("pixel" if edge is None else "um"): values[feature.name]
        for feature in SECTION_FEATURES
    }


def section_values(image: np.ndarray, mask: np.ndarray, edge: float = 1.0) -> dict[str, float]:
    """Measure an image (Y, X) in a boolean mask that is not empty, by names without units."""
    found = {**_form(mask, edge), **_intensity(image, mask, edge), **_texture(image, mask)}
    return {name: float(value) for name, value in found.items()}


def _form(mask: np.ndarray, edge: float) -> dict[str, float]:
    from skimage.measure import perimeter_crofton, regionprops

    padded = np.pad(mask, 1)  # so that a border along the image's edge counts
    region = regionprops(padded.astype(np.uint8))[0]
    area = float(np.count_nonzero(mask))
    perimeter = perimeter_crofton(padded, directions=4)
    # Pixels as squares: a single one has an extent, too.
    rows, columns = np.nonzero(mask)
    moments = np.cov(np.stack([rows, columns]), bias=True) + np.eye(2) / 12
    minor, major = 4 * np.sqrt(np.linalg.eigvalsh(moments))
    smooth = ndimage.gaussian_filter(mask.astype(np.float32), 2.0) > 0.5
    boundary = mask & ndimage.binary_dilation(~mask, np.ones((3, 3), bool))
    hu = {
        f"hu_{i}": math.copysign(math.log10(1 + abs(h) / 1e-7), h)
        for i, h in enumerate(region.moments_hu, 1)
    }
    return {
        "area": area * edge**2,
        "perimeter": perimeter * edge,
        "equivalent_diameter": math.sqrt(4 * area / math.pi) * edge,
        "axis_major": major * edge,
        "axis_minor": minor * edge,
        "eccentricity": math.sqrt(max(1 - (minor / major) ** 2, 0)),
        "aspect_ratio": major / minor,
        "form_factor": 4 * math.pi * area / perimeter**2,
        "solidity": region.solidity,
        "extent_share": region.extent,
        "feret_max": region.feret_diameter_max * edge,
        # Distances are from middle to middle; the border is half a pixel nearer.
        "radius_max": (ndimage.distance_transform_edt(padded).max() - 0.5) * edge,
        "roughness_gauss": np.count_nonzero(smooth != mask),
        "boundary": np.count_nonzero(boundary),
        "euler_number": region.euler_number,
        **hu,
    }


def _intensity(image: np.ndarray, mask: np.ndarray, edge: float) -> dict[str, float]:
    values = image[mask]
    mean, sd = values.mean(), values.std()
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    rim = max(0.1 * math.sqrt(4 * len(values) / math.pi), 1.0)
    border, core = image[mask & (depth <= rim)], image[mask & (depth > rim)]
    border_mean = border.mean()
    core_mean = core.mean() if core.size else math.nan
    outside = image[~mask].mean() if not mask.all() else math.nan
    shares = (5, 25, 50, 75, 95)
    quantiles = np.percentile(values, shares)
    light = values - min(values.min(), 0)
    places = np.argwhere(mask)
    centre = places.mean(axis=0)
    bright = (places * light[:, None]).sum(axis=0) / light.sum() if light.any() else centre
    return {
        "intensity_mean": mean,
        "intensity_sd": sd,
        "intensity_min": values.min(),
        **{f"intensity_q{q:02d}": v for q, v in zip(shares, quantiles, strict=True)},
        "intensity_max": values.max(),
        "intensity_skewness": ((values - mean) ** 3).mean() / sd**3 if sd else 0.0,
        "intensity_border": border_mean,
        "intensity_core": core_mean,
        "border_to_core": _ratio(border_mean, core_mean),
        "intensity_outside": outside,
        "contrast": _ratio(mean, outside),
        "mass_displacement": np.linalg.norm(bright - centre) * edge,
    }


def _texture(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Haralick's measures of pairs of pixels that both lie in the mask."""
    from skimage.feature import graycomatrix, graycoprops

    values = image[mask]
    low, high = values.min(), values.max()
    scaled = (image - low) * (LEVELS / (high - low)) if high > low else np.zeros(image.shape)
    # Level 0 marks what is outside, and is taken off the table.
    levels = np.where(mask, 1 + np.clip(scaled, 0, LEVELS - 1).astype(np.uint8), 0)
    table = graycomatrix(
        levels.astype(np.uint8), [1, 5], ANGLES, levels=LEVELS + 1, symmetric=True
    )[1:, 1:]
    counts = table.sum(axis=(0, 1)).sum(axis=1)
    found: dict[str, float] = {}
    near = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")
    for place, suffix, kinds in ((0, "", near), (1, "_5", ("dissimilarity", "correlation"))):
        for kind in kinds:
            # Directions in which there is no pair, as across a line of pixels, say nothing.
            said = table[:, :, place].sum(axis=(0, 1)) > 0
            of_all = graycoprops(table[:, :, [place]].astype(float), kind)[0]
            found[f"glcm_{kind}{suffix}"] = of_all[said].mean() if counts[place] else math.nan
    return found


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan
