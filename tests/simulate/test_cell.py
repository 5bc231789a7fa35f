import numpy as np
import pytest
from scipy import ndimage

from dispr.cells.classes import TYPES
from dispr.errors import ConfigError
from dispr.scores.shape import convexity
from dispr.simulate.cell import simulate_cell

# Voxels: generous ranges around the medians of the published cells (36 to 53 thousand and so on).
VOLUMES = {
    "-1.00_spherocyte": (25000, 50000),
    "0.00_discocyte": (22000, 48000),
    "1.00_echinocyte_III": (12000, 55000),
    "A_cell_clusters": (25000, 80000),
    "B_keratocytes": (12000, 38000),
}


@pytest.fixture(scope="module")
def cells():
    return {kind: [simulate_cell(kind, 5, i) for i in range(6)] for kind in TYPES}


@pytest.mark.parametrize("kind", TYPES)
def test_cell_is_whole(cells, kind):
    for cell in cells[kind]:
        assert cell.image.shape == cell.mask.shape == (64, 64)
        assert cell.obj.shape == (64, 64, 64)
        assert cell.image.dtype == cell.mask.dtype == cell.obj.dtype == np.uint8
        assert (cell.mask == cell.obj[32]).all()
        assert (cell.mask > 127).sum() > 100
        body = cell.obj > 127
        for axis in range(3):
            assert not np.take(body, [0, 63], axis).any(), "cut off at the edge"
        labels, count = ndimage.label(body)
        largest = np.bincount(labels.ravel())[1:].max() if count else 0
        assert largest > 0.97 * body.sum(), "in pieces"
        # Plane 32 goes through the middle.
        planes = np.flatnonzero(body.any(axis=(1, 2)))
        assert abs(planes[[0, -1]].mean() - 32) < 2.5
        levels = np.unique(cell.obj)
        assert len(levels) > 20, "the border is grey"
        # The stained cell is brighter than what is around it.
        around = ~ndimage.binary_dilation(cell.mask > 0, iterations=3)
        assert cell.image[cell.mask > 127].mean() > 3 * cell.image[around].mean()


def test_same_seed_same_cell():
    a, b, c = (simulate_cell("C_knizocytes", seed) for seed in (3, 3, 4))
    assert (a.obj == b.obj).all()
    assert (a.image == b.image).all()
    assert (a.obj != c.obj).any()


@pytest.mark.parametrize("kind", VOLUMES)
def test_volumes(cells, kind):
    low, high = VOLUMES[kind]
    for cell in cells[kind]:
        assert low < (cell.obj > 127).sum() < high


def test_convexity_falls_from_ball_to_spicules(cells):
    def typical(kind):
        return np.median([convexity(cell.obj > 127) for cell in cells[kind]])

    assert typical("-1.00_spherocyte") > typical("0.00_discocyte") > typical("1.00_echinocyte_III")


def test_discs_lie_flat(cells):
    for cell in cells["0.00_discocyte"]:
        z, y, x = (np.ptp(axis) for axis in np.nonzero(cell.obj > 127))
        assert z < 0.8 * min(y, x)


def test_unknown_type():
    with pytest.raises(ConfigError, match="platelet"):
        simulate_cell("platelet", 0)
