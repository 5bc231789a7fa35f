import numpy as np
import pytest

from dispr.simulation.grid import Grid, Pose
from dispr.simulation.imaging import Microscope, confocal_section, occupancy
from dispr.simulation.solids import ellipsoid

AXIS = np.arange(64, dtype=np.float32) - 32
SPHERE = ellipsoid(Grid((AXIS, AXIS, AXIS), Pose(np.eye(3))).points, (20, 20, 20))


def section(membrane: float, cytosol: float, **microscope: float) -> np.ndarray:
    scope = Microscope(**microscope)
    return confocal_section(SPHERE, membrane, cytosol, 200, np.random.default_rng(0), scope)


def test_occupancy_is_grey_at_the_border_and_half_at_the_surface():
    grey = occupancy(np.float32([-3, -0.6, -0.01, 0.01, 0.6, 3]))
    assert grey.dtype == np.uint8
    assert list(grey[[0, 1, -2, -1]]) == [0, 0, 255, 255]
    assert grey[2] <= 127 < grey[3] + 5


def test_threshold_of_the_occupancy_is_the_surface():
    inside = SPHERE > 0.02
    assert np.array_equal(
        (occupancy(SPHERE) > 127)[np.abs(SPHERE) > 0.02], inside[np.abs(SPHERE) > 0.02]
    )


def test_stained_inside_is_bright_and_stained_membrane_is_a_ring():
    solid, ring = section(0.3, 1.0), section(1.0, 0.05)
    assert solid[32, 32] > 150
    assert ring[32, 32] < 40 < 120 < ring[32, 32 + 19]
    for image in (solid, ring):
        assert image.dtype == np.uint8
        assert image.shape == (64, 64)
        assert image[2:5, 2:5].mean() == pytest.approx(3, abs=1)


def test_blur_softens_the_border():
    sharp, soft = section(0, 1, blur_xy=0.5), section(0, 1, blur_xy=3.0)
    assert sharp[32, 32 + 23] < soft[32, 32 + 23]


def test_noise_grows_with_the_signal():
    clean = section(0, 1, gain=0, read_noise=0).astype(float)
    noise = section(0, 1) - clean
    assert noise[26:38, 26:38].std() > 4 * noise[:10].std()
    assert noise[26:38, 26:38].std() == pytest.approx(np.sqrt(0.05 * clean[32, 32]), rel=0.3)


def test_the_section_is_of_plane_32():
    """Of three balls the one in the plane is the brightest; 9 above and below are equal."""
    depth = np.full((64, 64, 64), -40.0, np.float32)
    for z, x in ((32, 32), (41, 12), (23, 52)):
        ball = ellipsoid(
            Grid((AXIS + 32 - z, AXIS, AXIS + 32 - x), Pose(np.eye(3))).points, (6, 6, 6)
        )
        depth = np.maximum(depth, ball)
    scope = Microscope(gain=0, read_noise=0, unevenness=0)
    image = confocal_section(depth, 0, 1, 200, np.random.default_rng(0), scope).astype(float)
    middle, above, below = (image[30:35, x - 2 : x + 3].mean() for x in (32, 12, 52))
    assert middle > 1.5 * above
    assert above == pytest.approx(below, abs=2)
