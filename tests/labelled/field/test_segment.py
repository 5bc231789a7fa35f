import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from dispr.errors import ArrayError, NoCellsError
from dispr.labelled.field.segment import segment
from dispr.simulation.field import simulate_field


def agreement(found, true):
    """IoU of each true cell with the found one that is paired with it."""
    pairs = np.zeros((true.max() + 1, found.max() + 1))
    np.add.at(pairs, (true.ravel(), found.ravel()), 1)
    union = pairs.sum(1)[:, None] + pairs.sum(0) - pairs
    iou = (pairs / np.maximum(union, 1))[1:, 1:]
    rows, columns = linear_sum_assignment(-iou)
    return iou[rows, columns]


@pytest.mark.parametrize("scale", [1, 2])
def test_touching_round_cells_are_told_apart(scale):
    field = simulate_field(20, seed=5, shape=(330, 330), types=["-1.00_spherocyte"])
    image = np.kron(field.image, np.ones((scale, scale), np.uint8))
    true = np.kron(field.labels, np.ones((scale, scale), np.uint16))
    found = segment(image, 0.172 / scale)
    assert found.max() == 20
    assert agreement(found, true).min() > 0.85


def test_hollow_cells_are_filled_and_gaps_are_not():
    y, x = np.mgrid[:130, :130]
    image = np.full((130, 130), 5.0)
    for cy, cx in ((40, 40), (40, 81), (81, 40), (81, 81)):  # four rings about a gap
        away = np.hypot(y - cy, x - cx)
        image[(away < 21) & (away > 8)] = 200
    found = segment(image)
    assert found.max() == 4
    assert found[40, 40] > 0
    assert found[60, 60] == 0


def test_nothing_to_see():
    noise = np.random.default_rng(0).normal(100, 1, (60, 60))
    with pytest.raises(ArrayError, match="no cell"):
        segment(noise, 0.02)


def test_two_specks_that_are_no_cells_apart():
    y, x = np.mgrid[:60, :60]
    image = np.full((60, 60), 10.0)
    for middle in (24, 35):  # together as large as a cell, each alone not
        image += 150 * (np.hypot(y - 30, x - middle) <= 6)
    image = image.clip(0, 160) + np.random.default_rng(0).normal(0, 2, image.shape)
    with pytest.raises(NoCellsError, match="no cell"):
        segment(image, 0.172)
