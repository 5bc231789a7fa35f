"""Distributions that a simulated cell is drawn from, for each published type."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TypeParameters:
    """What is known of a type besides its shape function.

    Attributes
    ----------
    volume : float
        Median volume within the outer surface, in voxels of (0.172 um)^3.
    volume_spread : float
        Standard deviation of the logarithm of the volume.
    tilt : pair of floats or None
        Mean and standard deviation (degrees) of the angle between the cell's axis and the optical
        axis; cells lie either way up. None if cells of the type lie in any orientation.
    stretch_z : float
        Elongation along the optical axis, from the blur.
    warp : float
        Root mean square of the smooth displacement that makes the cell asymmetric, in voxels.
    hollow : float
        Share of the cells whose inside stays dark, so that their segmentation is a shell; discs of
        a type that also stands (`Shape.flat`) are never hollow.
    peak : float
        Median of the brightest grey level.
    membrane : float
        Brightness of the membrane relative to the inside, for cells that are not hollow.
    wall : float
        Median thickness of the shell of a hollow cell, in voxels.
    upward : float or None
        Share of the cells with more of the body above (at higher z than) the middle of their box:
        those that lie on the glass with a preferred side up. None for either way up.
    flattening : pair of floats
        Least and largest depth in voxels by which the glass flattens the cell.
    """

    volume: float
    volume_spread: float
    tilt: tuple[float, float] | None
    stretch_z: float
    warp: float
    hollow: float = 0.0
    peak: float = 230.0
    membrane: float = 0.4
    wall: float = 7.6
    upward: float | None = None
    flattening: tuple[float, float] = (0.0, 2.5)


LYING_FLAT = (0.0, 14.0)
"""Tilt of discs that settled on the glass: mean and standard deviation in degrees."""

# Fitted to the medians of the published training cells: volume and its spread, extents (tilt,
# stretch_z), share of cells with an enclosed hole (hollow), brightness (peak), share of cells with
# more of the body above the section (upward; benchmarks/up_and_down.py).
PARAMETERS: dict[str, TypeParameters] = {
    "-1.00_spherocyte": TypeParameters(38900, 0.10, None, 1.14, 1.0),
    "-0.67_stomatocyte_II": TypeParameters(35000, 0.14, (0, 20), 1.0, 3.0, upward=0.95),
    "-0.33_stomatocyte_I": TypeParameters(29000, 0.16, (0, 22), 1.0, 3.5, upward=0.8),
    "0.00_discocyte": TypeParameters(34500, 0.13, LYING_FLAT, 1.0, 3.0),
    "0.33_echinocyte_I": TypeParameters(32500, 0.16, (0, 26), 1.1, 4.5),
    "0.67_echinocyte_II": TypeParameters(
        30500, 0.12, (0, 22), 1.1, 4.0, peak=236, membrane=1.2, upward=0.8
    ),
    "1.00_echinocyte_III": TypeParameters(
        39500, 0.12, None, 1.05, 2.5, 0.9, 189, 1.2, upward=0.9, flattening=(1.0, 5.0)
    ),
    "A_cell_clusters": TypeParameters(55500, 0.15, None, 1.08, 2.0, 0.05, 208),
    "B_keratocytes": TypeParameters(23800, 0.25, (0, 30), 1.05, 4.0, 0.14, 218, 0.6, upward=0.8),
    "C_knizocytes": TypeParameters(32000, 0.12, (90, 20), 1.06, 3.0, 0.1, 211, 0.8, upward=0.75),
    "D_multilobate_cells": TypeParameters(44000, 0.18, None, 1.14, 2.0, 0.1, 202),
    "E_acanthocytes": TypeParameters(29500, 0.16, None, 1.18, 3.0, 0.4, 197, 0.6, 9.2),
}
"""The parameters of each published type."""
