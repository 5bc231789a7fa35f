"""A simulated confocal microscope: one section through a stained cell."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SECTION = 32
"""Plane of the volume that is in focus."""

DEPTH = 6
"""Planes above and below whose light still reaches the section."""


def section_image(distance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Image plane 32 of a cell with a stained membrane.

    Membrane and cytosol shine, the section is blurred more along Z than in the plane, and photon
    and camera noise are added. The ranges are fitted by eye to the published images: black
    background, a rim that is brighter than or as bright as the inside.

    Parameters
    ----------
    distance : ndarray
        (Z, Y, X), signed distance from the surface in voxels, negative inside.
    rng : numpy.random.Generator
        Draws stain, blur, exposure and noise.

    Returns
    -------
    ndarray
        (Y, X) uint8.
    """
    slab = distance[SECTION - DEPTH : SECTION + DEPTH + 1]
    membrane = rng.uniform(0.2, 1.0) * np.exp(-0.5 * ((slab + 2) / rng.uniform(1.5, 3.0)) ** 2)
    cytosol = np.clip(0.5 - slab / 2, 0, 1) * rng.uniform(0.5, 1.0)
    light = membrane + cytosol
    axial = np.exp(-0.5 * (np.arange(-DEPTH, DEPTH + 1) / rng.uniform(1.8, 3.2)) ** 2)
    focus = np.tensordot((axial / axial.sum()).astype(np.float32), light, axes=1)
    focus = ndimage.gaussian_filter(focus, rng.uniform(0.9, 1.8))
    exposed = focus / max(float(focus.max()), 1e-6) * rng.uniform(150, 250)
    photons = rng.uniform(3.0, 15.0)  # a grey value's worth
    noisy = rng.poisson(exposed * photons) / photons + rng.normal(2.5, 0.7, exposed.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
