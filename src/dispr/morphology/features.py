"""The registry of measures: name, unit, formula and source of each, in the order of the tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Dimension = Literal[
    "none", "length", "area", "volume", "per length", "per area", "voxels", "pixels", "grey"
]

Unit = Literal["um", "px", "voxel", "pixel"]
"""Unit of lengths: um, or pixels of a field of view, where voxels are known in these; else edges
of a voxel, or of a pixel of a section."""

UNITS: dict[str, dict[Unit, str]] = {
    dimension: dict(zip(("um", "px", "voxel", "pixel"), names, strict=True))
    for dimension, names in {
        "none": ("", "", "", ""),
        "length": ("um", "px", "voxels", "pixels"),
        "area": ("um2", "px2", "voxels2", "pixels"),
        "volume": ("um3", "px3", "voxels", ""),
        "per length": ("per_um", "per_px", "per_voxel", "per_pixel"),
        "per area": ("per_um2", "per_px2", "per_voxel2", ""),
        "voxels": ("voxels", "voxels", "voxels", ""),
        "pixels": ("pixels", "pixels", "", "pixels"),
        "grey": ("grey", "grey", "", "grey"),
    }.items()
}
"""By dimension and unit of lengths: what the names of columns end in.

Without a voxel size, a length in voxels is one in edges of a voxel, and a volume a number of them.
"""


POWERS = {"length": 1, "area": 2, "volume": 3, "per length": -1, "per area": -2}
"""Power of the voxel's edge that a dimension goes with; 0 for all others."""

WHOLE = ("euler_number", "components", "cavities")
"""Numbers of parts, and their sum."""


@dataclass(frozen=True)
class Feature:
    """What is known of a measure.

    Attributes
    ----------
    name : str
        Its name without the unit.
    dimension : str
        A key of `UNITS`. "voxels", "pixels" and "grey" are counts and grey values, which a voxel
        size does not change.
    formula : str
        How it is computed.
    source : str
        Where the definition comes from.
    low, high : float
        The values that it can take.
    """

    name: str
    dimension: Dimension
    formula: str
    source: str
    low: float = -math.inf
    high: float = math.inf

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return self.dimension in ("voxels", "pixels") or self.name in WHOLE

    @property
    def power(self) -> int:
        """Power of the voxel's edge that its values go with."""
        return POWERS.get(self.dimension, 0)

    def column(self, unit: Unit, statistic: str = "") -> str:
        """Give the name with its unit.

        Parameters
        ----------
        unit : "um", "px", "voxel" or "pixel"
            Of lengths.
        statistic : str
            What of an ensemble's values this is, such as "mean"; stands before the unit.
        """
        return "_".join(
            part for part in (self.name, statistic, UNITS[self.dimension][unit]) if part
        )

    def unit(self, unit: Unit) -> str:
        """Give the unit in words, for people."""
        text = UNITS[self.dimension][unit].replace("_", " ")
        text = text.replace("per ", "1/").replace("um", "µm")
        return text.replace("2", "²").replace("3", "³") or "-"


VOXELS = "count of voxels"
MESH = (
    "marching cubes (Lewiner et al. 2003) on the shape smoothed by a Gaussian of 0.85 voxels, at "
    "the level that preserves the volume"
)
CURVATURE = "implicit surfaces (Goldman 2005, Comput. Aided Geom. Des. 22:632)"
MINKOWSKI = "Minkowski functionals (Mecke 2000)"
ELLIPSOID = "ellipsoid with the same second moments"
LOCAL = "local thickness (Hildebrand and Rüegsegger 1997, J. Microsc. 185:67)"
FIELD = "published score (Waibel et al. 2022)"
TOPOLOGY = "digital topology, 26-connected shape"
BOX = "axis-aligned bounding box"
SECTION = "this project: the section is plane Z // 2, 32 of 64"

POSITIVE = (0.0, math.inf)
SHARE = (0.0, 1.0)


def _curvature_features() -> list[Feature]:
    kinds = (
        ("mean_curvature", "per length", "H = (k1 + k2) / 2, positive where convex"),
        ("gaussian_curvature", "per area", "K = k1 k2"),
    )
    statistics = (
        ("mean", "mean over the surface"),
        ("sd", "standard deviation over the surface"),
        ("q05", "5 % quantile over the surface"),
        ("q50", "median over the surface"),
        ("q95", "95 % quantile over the surface"),
    )
    return [
        Feature(
            f"{kind}_{statistic}",
            dimension,  # type: ignore[arg-type]
            f"{words} of {formula}",
            CURVATURE,
            0.0 if statistic == "sd" else -math.inf,
        )
        for kind, dimension, formula in kinds
        for statistic, words in statistics
    ]


SHAPE_FEATURES: tuple[Feature, ...] = (
    Feature("volume", "volume", "V: number of voxels times the voxel volume", VOXELS, *POSITIVE),
    Feature("surface", "area", "S: area of the surface mesh", MESH, *POSITIVE),
    Feature(
        "equivalent_diameter", "length", "(6 V / pi)^(1/3)", "sphere of the same volume", *POSITIVE
    ),
    Feature(
        "sphericity",
        "none",
        "pi^(1/3) (6 Vm)^(2/3) / S, with Vm the volume of the mesh",
        "Wadell 1935, J. Geol. 43:250",
        *SHARE,
    ),
    Feature("surface_to_volume", "per length", "S / V", VOXELS, *POSITIVE),
    Feature("axis_longest", "length", "a: longest full axis", ELLIPSOID, *POSITIVE),
    Feature("axis_middle", "length", "b: middle full axis", ELLIPSOID, *POSITIVE),
    Feature("axis_shortest", "length", "c: shortest full axis", ELLIPSOID, *POSITIVE),
    Feature("elongation", "none", "a / b", "as in MorphoLibJ (Legland et al. 2016)", 1.0),
    Feature("flatness", "none", "b / c", "as in MorphoLibJ (Legland et al. 2016)", 1.0),
    Feature("hull_volume", "volume", "Vh: volume of the mesh's convex hull", "Qhull", *POSITIVE),
    Feature("solidity", "none", "Vm / Vh", MESH, *SHARE),
    Feature(
        "convexity",
        "none",
        "number of voxels divided by the volume of the convex hull of the voxels (as cubes)",
        FIELD,
        *SHARE,
    ),
    *_curvature_features(),
    Feature("integral_mean_curvature", "length", "integral of H over the surface", MINKOWSKI),
    Feature(
        "bending_energy",
        "none",
        "integral of H^2 over the surface, divided by 4 pi; 1 for a sphere",
        "Helfrich 1973, Z. Naturforsch. 28c:693",
        0.0,
    ),
    Feature("concave_share", "none", "fraction of the surface where H < 0", CURVATURE, *SHARE),
    Feature(
        "roughness_humphrey",
        "length",
        "root mean square displacement of the mesh vertices along the normal in ten steps of HC "
        "smoothing (alpha 0.1, beta 0.5)",
        "Vollmer et al. 1999, Comput. Graph. Forum 18:131, as in trimesh; used in earlier scores",
        *POSITIVE,
    ),
    Feature(
        "roughness_gauss",
        "voxels",
        "number of voxels that change by smoothing with a Gaussian of 2 voxels and thresholding "
        "at 1/2",
        FIELD,
        *POSITIVE,
    ),
    Feature(
        "roughness_gauss_share",
        "none",
        "roughness_gauss_voxels divided by the number of voxels of the shape",
        FIELD,
        0.0,
    ),
    Feature(
        "boundary",
        "voxels",
        "number of voxels with an empty voxel among their 26 neighbours; the surface in "
        "published scores",
        FIELD,
        *POSITIVE,
    ),
    Feature("euler_number", "none", "components + cavities - tunnels", TOPOLOGY),
    Feature("components", "none", "number of connected parts", TOPOLOGY, 0.0),
    Feature("cavities", "none", "number of enclosed cavities", TOPOLOGY, 0.0),
    Feature(
        "thickness_mean",
        "length",
        "mean over the shape of t, the diameter of the largest inscribed sphere that contains the "
        "point",
        LOCAL,
        *POSITIVE,
    ),
    Feature("thickness_sd", "length", "standard deviation of t over the shape", LOCAL, *POSITIVE),
    Feature("thickness_q05", "length", "5 % quantile of t over the shape", LOCAL, *POSITIVE),
    Feature("thickness_max", "length", "diameter of the largest inscribed sphere", LOCAL, 0.0),
    Feature("extent_z", "length", "occupied planes", BOX, *POSITIVE),
    Feature("extent_y", "length", "occupied rows", BOX, *POSITIVE),
    Feature("extent_x", "length", "occupied columns", BOX, *POSITIVE),
    Feature("extent_share", "none", "V divided by the volume of the bounding box", BOX, *SHARE),
    Feature("section_area", "area", "area of the section", SECTION, *POSITIVE),
    Feature(
        "section_share",
        "none",
        "area of the section divided by that of the projection along Z",
        SECTION,
        *SHARE,
    ),
    Feature(
        "section_position",
        "none",
        "position of the section between the first (0) and the last plane (1) of the cell",
        SECTION,
    ),
    Feature("centroid_height", "length", "height of the centre of mass above the section", SECTION),
    Feature(
        "asymmetry_z",
        "none",
        "(Va - Vb) / (Va + Vb), with the volumes Va above and Vb below the section",
        SECTION,
        -1.0,
        1.0,
    ),
)

MASK = "mask at its original size"
REGION = "scikit-image regionprops"
GLCM = (
    "grey-level co-occurrence matrix of pixel pairs in the mask, 32 levels from the smallest to "
    "the largest grey value, symmetric, mean of four directions (Haralick et al. 1973)"
)
INSIDE = "pixels in the mask"

SECTION_FEATURES: tuple[Feature, ...] = (
    Feature("area", "area", "A: number of pixels times the pixel area", MASK, *POSITIVE),
    Feature(
        "perimeter",
        "length",
        "P: perimeter by the Crofton formula with four directions",
        "scikit-image perimeter_crofton",
        *POSITIVE,
    ),
    Feature("equivalent_diameter", "length", "(4 A / pi)^(1/2)", MASK, *POSITIVE),
    Feature("axis_major", "length", "a: full axis", "ellipse of the same moments", *POSITIVE),
    Feature("axis_minor", "length", "b: full axis", "ellipse of the same moments", *POSITIVE),
    Feature("eccentricity", "none", "(1 - b^2 / a^2)^(1/2)", REGION, *SHARE),
    Feature("aspect_ratio", "none", "a / b", REGION, 1.0),
    Feature("form_factor", "none", "4 pi A / P^2; 1 for a disc", "Cox 1927", *POSITIVE),
    Feature("solidity", "none", "A divided by the area of the convex hull", REGION, *SHARE),
    Feature("extent_share", "none", "A divided by the area of the bounding box", REGION, *SHARE),
    Feature("feret_max", "length", "largest distance between two border points", REGION, *POSITIVE),
    Feature(
        "radius_max",
        "length",
        "radius of the largest disc in the mask centred on a pixel",
        MASK,
        *POSITIVE,
    ),
    Feature(
        "roughness_gauss",
        "pixels",
        "number of pixels that change by smoothing with a Gaussian of 2 pixels and thresholding "
        "at 1/2",
        FIELD,
        *POSITIVE,
    ),
    Feature(
        "boundary",
        "pixels",
        "number of pixels with an empty pixel among their 8 neighbours",
        FIELD,
        0.0,
    ),
    Feature("euler_number", "none", "components - holes, 8-connected", "digital topology"),
    *(
        Feature(
            f"hu_{i}",
            "none",
            f"invariant moment {i} of the mask, as sign(h) log10(1 + |h| / 10^-7)",
            "Hu 1962, IRE Trans. Inf. Theory 8:179",
        )
        for i in range(1, 8)
    ),
    Feature("intensity_mean", "grey", "mean", INSIDE),
    Feature("intensity_sd", "grey", "standard deviation", INSIDE, 0.0),
    Feature("intensity_min", "grey", "minimum", INSIDE),
    *(
        Feature(f"intensity_q{q:02d}", "grey", f"{q} % quantile", INSIDE)
        for q in (5, 25, 50, 75, 95)
    ),
    Feature("intensity_max", "grey", "maximum", INSIDE),
    Feature("intensity_skewness", "none", "m3 / m2^(3/2)", INSIDE),
    Feature(
        "intensity_border",
        "grey",
        "mean of the pixels closer to the border than a tenth of the equivalent diameter",
        INSIDE,
    ),
    Feature("intensity_core", "grey", "mean of the other pixels in the mask", INSIDE),
    Feature("border_to_core", "none", "ratio of the two", INSIDE),
    Feature(
        "intensity_outside",
        "grey",
        "mean outside the mask; NaN if the mask fills the image",
        "pixels outside the mask",
    ),
    Feature("contrast", "none", "mean inside divided by mean outside", "all pixels"),
    Feature(
        "mass_displacement",
        "length",
        "distance between the centre of the mask and the intensity-weighted centre",
        "CellProfiler (Carpenter et al. 2006)",
        *POSITIVE,
    ),
    Feature("glcm_contrast", "none", "mean of (i - j)^2 of pixels 1 apart", GLCM, 0.0),
    Feature("glcm_dissimilarity", "none", "mean of |i - j| of pixels 1 apart", GLCM, 0.0),
    Feature("glcm_homogeneity", "none", "mean of 1 / (1 + (i - j)^2), 1 apart", GLCM, *SHARE),
    Feature("glcm_energy", "none", "root of the sum of p^2, 1 apart", GLCM, *SHARE),
    Feature("glcm_correlation", "none", "correlation of i and j, 1 apart", GLCM, -1.0, 1.0),
    Feature("glcm_dissimilarity_5", "none", "mean of |i - j| of pixels 5 apart", GLCM, 0.0),
    Feature("glcm_correlation_5", "none", "correlation of i and j, 5 apart", GLCM, -1.0, 1.0),
)

MAIN_SHAPE = (
    "volume",
    "surface",
    "equivalent_diameter",
    "sphericity",
    "axis_longest",
    "axis_middle",
    "axis_shortest",
    "extent_z",
    "thickness_mean",
    "thickness_max",
    "convexity",
    "roughness_gauss_share",
)
"""Measures of shapes that are shown first: in tables, reports and napari."""

MAIN_SECTION = (
    "area",
    "perimeter",
    "equivalent_diameter",
    "axis_major",
    "axis_minor",
    "eccentricity",
    "form_factor",
    "solidity",
    "intensity_mean",
    "intensity_sd",
)
"""The same of sections."""
