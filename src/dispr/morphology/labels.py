"""What measures are called for people."""

from __future__ import annotations

STATISTICS = {
    "mean": "mean",
    "sd": "standard deviation",
    "q05": "5 % quantile",
    "q50": "median",
    "q95": "95 % quantile",
}

LABELS = {
    "axis_longest": "Longest axis",
    "axis_middle": "Middle axis",
    "axis_shortest": "Shortest axis",
    "hull_volume": "Volume of the convex hull",
    **{
        f"{kind}_curvature_{key}": f"{kind.capitalize()} curvature, {words}"
        for kind in ("mean", "gaussian")
        for key, words in STATISTICS.items()
    },
    "integral_mean_curvature": "Integral of the mean curvature",
    "concave_share": "Concave share of the surface",
    "roughness_humphrey": "Roughness by smoothing of the mesh",
    "roughness_gauss": "Roughness in voxels",
    "roughness_gauss_share": "Roughness",
    "boundary": "Boundary voxels",
    "thickness_mean": "Mean thickness",
    **{f"thickness_{key}": f"Thickness, {STATISTICS[key]}" for key in ("sd", "q05")},
    "thickness_max": "Largest thickness",
    **{f"extent_{axis}": f"Extent along {axis.upper()}" for axis in "zyx"},
    "extent_share": "Filled share of the box",
    "section_area": "Area of the section",
    "section_share": "Area of the section over that of the projection",
    "section_position": "Position of the section",
    "asymmetry_z": "Asymmetry along Z",
}
"""What measures are called where their name is not what one would say."""


def label_of(name: str, *, inside: bool = False) -> str:
    """Give the label of a measure, such as "Longest axis" of "axis_longest".

    Parameters
    ----------
    name : str
        Of a `Feature`.
    inside : bool
        Begin with a small letter, as inside a sentence.
    """
    label = LABELS.get(name, name.replace("_", " ").capitalize())
    return label[0].lower() + label[1:] if inside else label
