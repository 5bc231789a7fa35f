"""The features that cells are told apart by: what `dispr.measure` says of a shape and a section."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def shape_features(body: np.ndarray, published: bool = False) -> dict[str, float]:
    """Measure one 3D shape in voxels.

    Parameters
    ----------
    body : ndarray
        bool, (Z, Y, X).
    published : bool
        The published set of features instead of all.

    Returns
    -------
    dict of str to float
        By names that do not depend on the shape; NaN where a feature is not defined.
    """
    return _with_prefix("shape_", _fallback_shape(body))


def section_features(
    image: np.ndarray, mask: np.ndarray, published: bool = False
) -> dict[str, float]:
    """Measure one section and its mask in pixels.

    Parameters
    ----------
    image, mask : ndarray
        uint8, (Y, X).
    published : bool
        The published set of features instead of all.
    """
    return _with_prefix("section_", _fallback_section(image, mask))


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
