"""The features that cells are told apart by: measures of a shape, a section, and its outline."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping

import numpy as np

from dispr.morphology.outline import outline_values
from dispr.morphology.section import measure_section
from dispr.morphology.shape import measure


def shape_features(body: np.ndarray, published: bool = False) -> dict[str, float]:
    """Measure a 3D shape, bool (Z, Y, X), not empty, in voxels, as `dispr.measure` does.

    The names begin with "shape_" and do not depend on the shape; NaN is what is not defined.
    """
    return _with_prefix("shape_", measure(body, published=published))


def section_features(
    image: np.ndarray, mask: np.ndarray, published: bool = False
) -> dict[str, float]:
    """Measure a section and its mask, uint8 (Y, X), in pixels, as `dispr.measure_section` does.

    The names begin with "section_"; NaN is what is not defined.
    """
    return _with_prefix("section_", measure_section(image, mask, published=published))


def outline_features(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Describe a section and its outline, uint8 (Y, X), by `outline_values`.

    The names begin with "outline_"; NaN is what is not defined.
    """
    return _with_prefix("outline_", outline_values(image, mask > 127))


@functools.cache
def fingerprint(published: bool = False) -> str:
    """Give a checksum of the measures: what they are called, and what they say of one cell.

    Features that were measured before and kept are of no use once the program measures otherwise.
    """
    z, y, x = np.mgrid[:64, :64, :64] - 31.5
    body = (z / 18) ** 2 + (y / 24) ** 2 + (x / 16) ** 2 + 0.02 * x < 1
    mask = np.where(body[32], 255, 0).astype(np.uint8)
    image = np.clip(mask * 0.6 + 2 * (y[32] + x[32]) + 40, 0, 255).astype(np.uint8)
    features = {
        **shape_features(body, published),
        **section_features(image, mask, published),
        **outline_features(image, mask),
    }
    text = "\n".join(f"{name} {value:.6g}" for name, value in features.items())
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _with_prefix(prefix: str, features: Mapping[str, float]) -> dict[str, float]:
    return {prefix + name: float(value) for name, value in features.items()}
