import numpy as np
import pytest
import torch

from dispr.prediction.hold_section import depth_table, hold_section
from dispr.prediction.planes import SECTION, hold_planes
from dispr.simulation.cell import simulate_cell


def held(shapes, mask):
    given = torch.from_numpy(np.stack(shapes)), torch.from_numpy(np.stack([mask] * len(shapes)))
    return hold_section(*given, depth_table()).numpy()


def test_shapes_are_those_of_the_prediction():
    """Voxel by voxel, also where sums of distances are 0 but for rounding."""
    rng = np.random.default_rng(0)
    cells = [simulate_cell(name, 3).obj > 127 for name in ("0.00_discocyte", "B_keratocytes")]
    noisy = [cell ^ (rng.random(cell.shape) < 0.02) for cell in cells]
    touching = np.ones((64, 64, 64), bool)
    touching[:, 20:30, 40:] = False
    shapes = [*cells, *noisy, touching, np.zeros_like(touching)]
    for mask in (*(cell[SECTION] for cell in cells), np.roll(cells[0][40], 5, axis=1)):
        expected = np.stack([hold_planes(shape, {SECTION: mask}) for shape in shapes])
        assert (expected != np.stack(shapes)).any()
        assert (held(shapes, mask) == expected).all()


@pytest.mark.parametrize("fill", [False, True])
def test_masks_of_one_value(fill):
    cell = simulate_cell("0.00_discocyte", 3).obj > 127
    mask = np.full((64, 64), fill)
    assert (held([cell], mask)[0] == hold_planes(cell, {SECTION: mask})).all()


def test_a_moved_outline():
    """A box, whose section is known to be two pixels wider: worked out by hand."""
    box = np.zeros((64, 64, 64), bool)
    box[20:45, 24:40, 24:40] = True
    mask = np.zeros((64, 64), bool)
    mask[24:40, 24:42] = True
    after = held([box], mask)[0]
    assert (after[SECTION] == mask).all()
    # The first pixel beyond the box is half a pixel outside of it, and one and a half inside the
    # mask: it is moved by 2 times a share that fades from 1 to 0 over ten planes, so that it is
    # inside for shares above 1/4; the next one for those above 3/4.
    row = [int(after[z, 32].sum()) for z in range(20, 45)]
    assert row == [16] * 5 + [17] * 5 + [18] * 5 + [17] * 5 + [16] * 5
