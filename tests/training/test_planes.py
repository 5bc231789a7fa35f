import numpy as np
import pytest
import torch

from dispr.cells.planes import DRAWS, choose_planes, spread_planes
from dispr.training.planes import extent


def test_half_know_the_section_alone():
    draws = np.random.default_rng(0).random((400, DRAWS))
    chosen = [choose_planes(12, 50, 64, row) for row in draws]
    alone = sum(planes == [32] for planes in chosen)
    assert 170 < alone < 230
    assert all(32 in planes and planes == sorted(set(planes)) for planes in chosen)
    assert all(planes[0] >= 0 and planes[-1] <= 63 for planes in chosen)
    assert max(map(len, chosen)) == 9


def test_some_are_on_one_side():
    draws = [0.9, 0.99, 0.9, 0.1, *np.linspace(0.1, 1, 8)]
    assert min(choose_planes(12, 50, 64, draws)) == 32
    draws[3] = 0.9
    assert max(choose_planes(12, 50, 64, draws)) == 32


@pytest.mark.parametrize(
    ("count", "planes"),
    [(1, [32]), (2, [32, 42]), (3, [17, 32, 45]), (5, [14, 22, 32, 40, 48])],
)
def test_spread_planes(count, planes):
    assert spread_planes(10, 52, count, 32) == planes


def test_two_planes_below():
    assert spread_planes(10, 52, 2, 32, up=False) == [21, 32]


def test_extent():
    obj = torch.zeros(8, 4, 4, dtype=torch.bool)
    assert extent(obj) == (4, 4)
    obj[2, 1, 1] = obj[5, 0, 0] = True
    assert extent(obj) == (2, 5)
