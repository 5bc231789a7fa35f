"""What one 3D shape measures, by names that end in their units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from dispr.cells.arrays import as_body
from dispr.cells.box import bounding_box
from dispr.cells.spacing import Spacing, as_spacing
from dispr.morphology import voxels
from dispr.morphology.features import SHAPE_FEATURES, Unit
from dispr.morphology.thickness import local_thickness
from dispr.surface.surface import Surface, surface_of

UNIT: Spacing = (1.0, 1.0, 1.0)


def measure(
    volume: Any, spacing: float | Sequence[float] | None = None, *, published: bool = False
) -> dict[str, float]:
    """Measure one 3D shape.

    Parameters
    ----------
    volume : array-like
        (Z, Y, X), of any size: bool; float from 0 to 1, occupied above 0.5; or uint8 from 0 to
        255, occupied above 127. All occupied voxels count as one shape, also if they are not
        connected; a shape that touches the border of the volume is closed there.
    spacing : float or (float, float, float), optional
        Voxel size in um, or voxel sizes along Z, Y and X. Without it, lengths, areas and volumes
        are in voxels.
    published : bool
        Return the 126 features of the published study instead (see `dispr.morphology.published`),
        always in voxels.

    Returns
    -------
    dict of str to float
        Measures, with names that end in the unit, such as `volume_um3` or, without spacing,
        `volume_voxels`; measures without a unit are dimensionless. Definitions are in
        `dispr.morphology.features.SHAPE_FEATURES` and in docs/measurements.md.

    Raises
    ------
    ArrayError
        If it is not a single 3D volume, or is empty.
    ConfigError
        If the spacing is not one or three positive numbers.

    Examples
    --------
    >>> import numpy as np, dispr
    >>> body = np.zeros((64, 64, 64), bool)
    >>> body[20:40, 20:50, 20:50] = True
    >>> dispr.measure(body, spacing=0.5)["volume_um3"]
    2250.0
    """
    body, edges = as_body(volume), as_spacing(spacing)
    if published:
        from dispr.morphology.published import published_shape_features

        return published_shape_features(body)
    values = shape_values(body, edges or UNIT)
    unit: Unit = "voxel" if edges is None else "um"
    return {feature.column(unit): values[feature.name] for feature in SHAPE_FEATURES}


def shape_values(body: np.ndarray, spacing: Spacing = UNIT) -> dict[str, float]:
    """Measure a boolean volume (Z, Y, X), by names without units.

    An empty one has no voxel, boundary or surface, and NaN for all that cannot be said of it.
    """
    if not body.any():
        nothing = {"volume": 0.0, "boundary": 0.0, "surface": 0.0}
        return {feature.name: nothing.get(feature.name, math.nan) for feature in SHAPE_FEATURES}
    box = body[bounding_box(body)]
    mesh = surface_of(box, spacing)
    count = voxels.volume(box)
    volume = count * math.prod(spacing)
    inside, area = mesh.volume, mesh.area
    rough = voxels.roughness(body)
    found = {
        "volume": volume,
        "surface": area,
        "equivalent_diameter": (6 * volume / math.pi) ** (1 / 3),
        "sphericity": math.pi ** (1 / 3) * (6 * inside) ** (2 / 3) / area,
        "surface_to_volume": area / volume,
        "convexity": voxels.convexity(box),
        "roughness_humphrey": mesh.humphrey_displacement(),
        "roughness_gauss": float(rough),
        "roughness_gauss_share": rough / count,
        "boundary": float(voxels.surface(body)),
        **_axes(box, spacing),
        **_hull(mesh),
        **_curvature(mesh),
        **_topology(box),
        **_thickness(mesh),
        **_box(box, spacing),
        **_about_section(body, spacing),
    }
    return {name: float(value) for name, value in found.items()}


def _axes(body: np.ndarray, spacing: Spacing) -> dict[str, float]:
    """Full axes of the ellipsoid with the second moments of the voxels, taken as boxes."""
    points = np.argwhere(body) * np.array(spacing)
    off = points - points.mean(axis=0)
    covariance = off.T @ off / len(off) + np.diag(np.square(spacing)) / 12
    # A solid ellipsoid of half-axis a has the second moment a^2 / 5.
    shortest, middle, longest = 2 * np.sqrt(5 * np.linalg.eigvalsh(covariance))
    return {
        "axis_longest": longest,
        "axis_middle": middle,
        "axis_shortest": shortest,
        "elongation": longest / middle,
        "flatness": middle / shortest,
    }


def _hull(mesh: Surface) -> dict[str, float]:
    hull = mesh.hull_volume()
    return {"hull_volume": hull, "solidity": mesh.volume / hull}


def _curvature(mesh: Surface) -> dict[str, float]:
    found: dict[str, float] = {}
    mean, gaussian = mesh.curvatures()
    weights = mesh.weights
    area = weights.sum()
    for name, values in (("mean_curvature", mean), ("gaussian_curvature", gaussian)):
        centre = (values * weights).sum() / area
        found[f"{name}_mean"] = centre
        found[f"{name}_sd"] = math.sqrt(((values - centre) ** 2 * weights).sum() / area)
        low, median, high = _weighted_quantiles(values, weights, (0.05, 0.5, 0.95))
        found |= {f"{name}_q05": low, f"{name}_q50": median, f"{name}_q95": high}
    found["integral_mean_curvature"] = (mean * weights).sum()
    found["bending_energy"] = (mean**2 * weights).sum() / (4 * math.pi)
    found["concave_share"] = weights[mean < 0].sum() / area
    return found


def _weighted_quantiles(values: np.ndarray, weights: np.ndarray, shares: Any) -> np.ndarray:
    """Quantiles of values that count by their weights, interpolated between the middles of them."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) - weights[order] / 2
    return np.interp(shares, below / weights.sum(), values[order])


def _topology(body: np.ndarray) -> dict[str, float]:
    """Count parts and cavities; the body's voxels touch by corners, those outside by faces."""
    from skimage.measure import euler_number

    box = np.pad(body, 1)
    components = ndimage.label(box, np.ones((3, 3, 3), bool))[1]
    cavities = ndimage.label(~box)[1] - 1
    return {
        "euler_number": euler_number(box, connectivity=3),
        "components": components,
        "cavities": cavities,
    }


def _thickness(mesh: Surface) -> dict[str, float]:
    thickness = local_thickness(mesh)
    return {
        "thickness_mean": thickness.mean(),
        "thickness_sd": thickness.std(),
        "thickness_q05": np.quantile(thickness, 0.05),
        "thickness_max": thickness.max(),
    }


def _box(box: np.ndarray, spacing: Spacing) -> dict[str, float]:
    found = {
        f"extent_{axis}": n * edge for axis, n, edge in zip("zyx", box.shape, spacing, strict=True)
    }
    found["extent_share"] = voxels.volume(box) / box.size
    return found


def _about_section(body: np.ndarray, spacing: Spacing) -> dict[str, float]:
    """Relate the shape to the plane that was imaged, Z // 2."""
    section = body.shape[0] // 2
    planes = body.sum(axis=(1, 2))
    occupied = np.flatnonzero(planes)
    first, last = occupied[0], occupied[-1]
    below, above = planes[:section].sum(), planes[section + 1 :].sum()
    projected = np.count_nonzero(body.any(axis=0))
    height = (planes * np.arange(len(planes))).sum() / planes.sum() - section
    return {
        "section_area": planes[section] * spacing[1] * spacing[2],
        "section_share": planes[section] / projected,
        "section_position": (section - first) / (last - first) if last > first else 0.5,
        "centroid_height": height * spacing[0],
        "asymmetry_z": (above - below) / (above + below) if above + below else 0.0,
    }
