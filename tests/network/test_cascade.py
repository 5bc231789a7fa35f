import dataclasses

import pytest
import torch
import torch.nn.functional as F
from small import CASCADE, randomise

from dispr.errors import ConfigError
from dispr.network.cascade import Cascade
from dispr.network.refiner import SHARPNESS

SMALL = dataclasses.replace(CASCADE, size=32)


@pytest.fixture
def condition():
    return torch.rand(2, 2, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("size", "coarse"), [(32, 8), (64, 16), (32, 4)])
def test_shapes(size, coarse):
    config = dataclasses.replace(SMALL, size=size, coarse=coarse)
    network = randomise(Cascade(config))
    given = network.given(torch.rand(2, 2, size, size))
    x = torch.randn(2, 1, coarse, coarse, coarse)
    with torch.no_grad():
        assert given(x, torch.tensor([3, 7])).shape == x.shape
        refined = given.refine(x)
    assert refined.shape == (2, 1, size, size, size)
    assert refined.dtype == torch.float32


def test_called_as_any_network(condition):
    network = randomise(Cascade(SMALL))
    x, t = torch.randn(2, 1, 8, 8, 8), torch.tensor([3, 7])
    with torch.no_grad():
        given = network.given(condition)
        torch.testing.assert_close(network(condition, x, t), given(x, t))
        occupancy = torch.rand(2, 1, 8, 8, 8)
        shapes = given.finish(occupancy, lambda *shape: torch.zeros(2, *(shape or (1, 8, 8, 8))))
        plain = torch.sigmoid(given.refine(occupancy))[:, 0]
    torch.testing.assert_close(shapes, plain)


def test_condition_time_and_noise_matter(condition):
    network = randomise(Cascade(SMALL))
    x, t = torch.randn(2, 1, 8, 8, 8), torch.tensor([3, 3])
    with torch.no_grad():
        out = network.given(condition)(x, t)
        for other in (
            network.given(1 - condition)(x, t),
            network.given(condition)(-x, t),
            network.given(condition)(x, t + 500),
        ):
            assert (out - other).abs().max() > 1e-3


def test_refinement_begins_as_interpolation(condition):
    """A fresh refiner sharpens the trilinear interpolation of the coarse volume."""
    torch.manual_seed(0)
    given = Cascade(SMALL).given(condition)
    coarse = torch.rand(2, 1, 8, 8, 8)
    expected = F.interpolate(coarse, scale_factor=4.0, mode="trilinear", align_corners=False)
    with torch.no_grad():
        torch.testing.assert_close(given.refine(coarse), SHARPNESS * (expected - 0.5))


def test_refine_some_of_the_cells(condition):
    given = randomise(Cascade(SMALL)).given(condition)
    coarse = torch.rand(2, 1, 8, 8, 8)
    with torch.no_grad():
        whole = given.refine(coarse)
        part = given.refine(coarse[1:], torch.tensor([1]))
    torch.testing.assert_close(part, whole[1:])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coarse": 16}, "divided by 4"),
        ({"coarse": 5}, "divided by 4"),
        ({"coarse": 0}, "divided by 4"),
        ({"features": 12}, "features must be a positive multiple of 8"),
        ({"refine_share": 0.3}, "refine_share"),
        ({"refine_share": 0.0}, "refine_share"),
        ({"refine_noise": -1.0}, "refine_noise"),
        ({"draw_noise": -1.0}, "draw_noise"),
        ({"channels": 40}, "multiple of 32"),
    ],
)
def test_invalid_settings(changes, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(SMALL, **changes)
