"""The microscope: a blurred, noisy confocal section through the middle of a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dispr.cells.arrays import SECTION


@dataclass(frozen=True)
class Microscope:
    """What turns a cell into an image; lengths in voxels, brightness in grey levels of 255.

    The defaults were fitted to the published images: the profile across the border of spherocytes
    (12 grey levels at 3 voxels outside, 46 at 1 outside, 141 at 1 inside, 204 at 5 inside), the
    background in the corners, and the noise in the interior of flat regions.

    Attributes
    ----------
    blur_xy, blur_z : float
        Standard deviations of the point spread function in the plane and along the optical axis.
    membrane_width : float
        Standard deviation of the stained layer about the surface.
    swelling : float
        How far the border of the segmentation, which is the surface of `obj`, lies outside the
        stained surface.
    unevenness : float
        Relative standard deviation of the brightness of the stain, from place to place.
    background : float
        Grey level far from the cell.
    gain : float
        Variance of the shot noise per grey level of signal.
    read_noise : float
        Standard deviation of the noise that does not depend on the signal.
    """

    blur_xy: float = 1.4
    blur_z: float = 4.0
    membrane_width: float = 1.4
    swelling: float = 1.0
    unevenness: float = 0.09
    background: float = 3.0
    gain: float = 0.05
    read_noise: float = 0.2


def occupancy(depth: np.ndarray) -> np.ndarray:
    """Turn depths (voxels, positive inside) into grey occupancy, uint8 of the same shape.

    The border is a ramp one voxel wide: so wide that `obj > 0` is 8 to 11 % larger than
    `obj > 127`, as in the published cells. They have 45 to 59 grey levels; here 52.
    """
    ramp = np.clip(depth + np.float32(0.5), 0, 1)
    levels = np.rint(ramp * np.float32(51)) * np.float32(5)
    return levels.astype(np.uint8)


def confocal_section(
    depth: np.ndarray,
    membrane: float,
    cytosol: float,
    peak: float,
    rng: np.random.Generator,
    microscope: Microscope | None = None,
) -> np.ndarray:
    """Make the image of plane 32.

    Parameters
    ----------
    depth : (64, 64, 64) float array, ZYX
        Distance to the outer surface of the cell in voxels, positive inside.
    membrane, cytosol : float
        Brightness of the stained surface and of the inside; only their ratio matters.
    peak : float
        Grey level of the brightest parts, 1 to 255.
    rng : numpy.random.Generator
        Source of the noise.
    microscope : Microscope or None
        The microscope; the default one if None.

    Returns
    -------
    (64, 64) uint8 array, YX
    """
    from scipy.ndimage import gaussian_filter

    scope = microscope or Microscope()
    # Only one plane is asked for, so the blur along z is one weighted sum over the planes near it.
    reach = int(np.ceil(3 * scope.blur_z))
    planes = np.arange(max(SECTION - reach, 0), min(SECTION + reach + 1, depth.shape[0]))
    weights = np.exp(-0.5 * ((planes - SECTION) / scope.blur_z) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    slab = depth[planes[0] : planes[-1] + 1] - np.float32(scope.swelling)
    layer = np.exp(np.square(slab * np.float32(1 / scope.membrane_width)) * np.float32(-0.5))
    emission = np.float32(membrane) * layer
    emission += np.float32(cytosol) * np.clip(slab + np.float32(0.5), 0, 1)
    light = np.tensordot(weights, emission, axes=1)
    light = gaussian_filter(light, scope.blur_xy, mode="constant")
    patches = gaussian_filter(rng.standard_normal(light.shape, dtype=np.float32), 6, mode="wrap")
    light *= 1 + patches * np.float32(scope.unevenness / max(float(patches.std()), 1e-6))
    top = max(float(np.quantile(light, 0.995)), 1e-6)
    signal = light * np.float32((peak - scope.background) / top) + np.float32(scope.background)
    # With many photons a pixel, the Poisson distribution is normal with variance gain x signal.
    deviation = np.sqrt(np.float32(scope.gain) * signal + np.float32(scope.read_noise**2))
    noisy = signal + deviation * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
