"""The features that cells are told apart by: what `dispr.measure` says of a shape and a section."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Mapping

import numpy as np

import dispr


def has_published_set() -> bool:
    """Tell whether the published set of features can be measured; if not, all stand for it."""
    return importlib.util.find_spec("dispr.morphology.published") is not None


def shape_features(body: np.ndarray, published: bool = False) -> dict[str, float]:
    """Measure one 3D shape in voxels.

    Parameters
    ----------
    body : ndarray
        bool, (Z, Y, X).
    published : bool
        The published set of features instead of all, where there is one (`has_published_set`).

    Returns
    -------
    dict of str to float
        By names that begin with "shape_" and do not depend on the shape; NaN where a feature is
        not defined.
    """
    if published and has_published_set():
        from dispr.morphology.published import published_shape_features

        return _with_prefix("shape_", published_shape_features(body))
    measure = getattr(dispr, "measure", None)
    found = _fallback_shape(body) if measure is None else measure(body, None)
    return _with_prefix("shape_", found)


def section_features(
    image: np.ndarray, mask: np.ndarray, published: bool = False
) -> dict[str, float]:
    """Measure one section and its mask in pixels.

    Parameters
    ----------
    image, mask : ndarray
        uint8, (Y, X).
    published : bool
        The published set of features instead of all, where there is one (`has_published_set`).

    Returns
    -------
    dict of str to float
        By names that begin with "section_"; NaN where a feature is not defined.
    """
    if published and has_published_set():
        from dispr.morphology.published import published_section_features

        return _with_prefix("section_", published_section_features(image, mask))
    measure = getattr(dispr, "measure_section", None)
    found = _fallback_section(image, mask) if measure is None else measure(image, mask, None)
    return _with_prefix("section_", found)


@functools.cache
def fingerprint(published: bool = False) -> str:
    """Give a checksum of the measures: what they are called, and what they say of one cell.

    Features that were measured before and kept are of no use once the program measures otherwise.
    """
    z, y, x = np.mgrid[:64, :64, :64] - 31.5
    body = (z / 18) ** 2 + (y / 24) ** 2 + (x / 16) ** 2 + 0.02 * x < 1
    mask = np.where(body[32], 255, 0).astype(np.uint8)
    image = np.clip(mask * 0.6 + 2 * (y[32] + x[32]) + 40, 0, 255).astype(np.uint8)
    features = {**shape_features(body, published), **section_features(image, mask, published)}
    text = "\n".join(f"{name} {value:.6g}" for name, value in features.items())
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _with_prefix(prefix: str, features: Mapping[str, float]) -> dict[str, float]:
    return {prefix + name: float(value) for name, value in features.items()}


def _fallback_shape(body: np.ndarray) -> dict[str, float]:
    from skimage.measure import euler_number, regionprops

    from dispr.morphology import voxels

    found = {
        "volume_voxels": voxels.volume(body),
        "surface_voxels": voxels.surface(body),
        "roughness_voxels": voxels.roughness(body),
        "convexity": voxels.convexity(body),
        "mesh_surface_voxels": voxels.mesh_surface(body),
        "euler_number": euler_number(body),
    }
    props = regionprops(body.astype(np.uint8))
    sides = ("z", "y", "x")
    for side, low, high in zip(sides, props[0].bbox[:3], props[0].bbox[3:], strict=True):
        found[f"extent_{side}_voxels"] = high - low
    for i, value in enumerate(props[0].inertia_tensor_eigvals):
        found[f"inertia_{i}"] = value
    found["extent"] = props[0].extent
    return found


def _fallback_section(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    from skimage.measure import regionprops

    inside = mask > 127
    p = regionprops(inside.astype(np.uint8), intensity_image=image)[0]
    return {
        "area_pixels": p.area,
        "perimeter_pixels": p.perimeter,
        "eccentricity": p.eccentricity,
        "solidity": p.solidity,
        "extent": p.extent,
        "major_axis_pixels": p.axis_major_length,
        "minor_axis_pixels": p.axis_minor_length,
        **{f"hu_{i}": v for i, v in enumerate(p.moments_hu)},
        "intensity_mean": image[inside].mean(),
        "intensity_sd": image[inside].std(),
        "intensity_max": image[inside].max(),
    }
