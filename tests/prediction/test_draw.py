"""Shapes of a network whose answer is known, by every sampler: nothing is moved or left out."""

import dataclasses

import numpy as np
import pytest
import torch
from small import CASCADE, OCCUPANCY

from dispr.diffusion.config import DiffusionConfig
from dispr.diffusion.streams import Stream
from dispr.model.config import ModelConfig
from dispr.model.weights import build_network
from dispr.network.cascade import GivenCells
from dispr.network.config import UNetConfig
from dispr.prediction.draw import draw_occupancy
from dispr.prediction.prediction import Prediction

# In blocks of 8 x 8 x 8 coarse voxels, and in voxels.
BLOCK = (slice(3, 6), slice(1, 5), slice(4, 7))
VOXELS = tuple(slice(8 * part.start, 8 * part.stop) for part in BLOCK)


def model(planes=False, **settings):
    network = dataclasses.replace(CASCADE, planes=planes, **settings)
    return ModelConfig(network, OCCUPANCY, sampler="dpm-solver", sampling_steps="3")


@pytest.fixture
def answered(monkeypatch):
    """Make the coarse network answer with a block that lies off all planes of symmetry."""
    logit = torch.full((1, 1, 8, 8, 8), -30.0)
    logit[0, 0][BLOCK] = 30.0
    monkeypatch.setattr(
        GivenCells, "__call__", lambda self, x, t: logit.expand(len(x), -1, -1, -1, -1)
    )


@pytest.fixture
def refined(monkeypatch):
    """Catch what the refiner is given."""
    seen = []
    refine = GivenCells.refine

    def catch(self, coarse, rows=None, grain=None):
        seen.append((coarse, grain))
        return refine(self, coarse, rows, grain)

    monkeypatch.setattr(GivenCells, "refine", catch)
    return seen


def condition(mask=None):
    planes = torch.zeros(1, 2, 64, 64)
    if mask is not None:
        planes[0, 0] = mask
    return planes


@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpm-solver"])
def test_the_shape_stands_where_the_network_puts_it(answered, planes, sampler):
    config = model(planes, draw_noise=0.0)
    network = build_network(config).eval()
    mask = torch.zeros(64, 64)
    mask[VOXELS[1:]] = 1
    drawn = draw_occupancy(network, config, condition(mask), [Stream(1)], sampler=sampler)
    shape = drawn[0].numpy() > 0.5
    middle = [(part.start + part.stop) // 2 for part in VOXELS]
    for axis, part in enumerate(VOXELS):  # the corners are rounded by interpolation
        line = np.moveaxis(shape, axis, 0)[(slice(None), *np.delete(middle, axis))]
        np.testing.assert_array_equal(np.flatnonzero(line), np.arange(part.start, part.stop))
    outside = shape.copy()
    outside[VOXELS] = False
    assert not outside.any()


def test_known_planes_are_kept_to_the_voxel_and_the_others_are_drawn(answered):
    config = model(planes=True, draw_noise=0.0)
    network = build_network(config).eval()
    known = torch.full((1, 64, 64, 64), -1.0)
    known[:, 20] = 0
    known[:, 20, 5:9, 50:60] = 1
    drawn = draw_occupancy(network, config, condition(), [Stream(1)], known=known)[0].numpy()
    assert set(np.unique(drawn[20])) == {0, 1}
    assert (drawn[20] > 0.5).sum() == (drawn[20, 5:9, 50:60] > 0.5).sum() == 40
    assert (drawn[[19, 21]] < 0.5).all()
    assert (drawn[31][VOXELS[1:]] > 0.5).sum() > 0.9 * 32 * 24
    # The mask of the section is what is known where nothing else is said.
    mask = torch.zeros(64, 64)
    mask[1:3, 7:12] = 1
    drawn = draw_occupancy(network, config, condition(mask), [Stream(1)])[0].numpy()
    np.testing.assert_array_equal(drawn[32], mask)
    for plane in (31, 33):
        assert not (drawn[plane, 1:3, 7:12] > 0.5).any()
        assert (drawn[plane][VOXELS[1:]] > 0.5).sum() > 0.9 * 32 * 24


def test_the_refiner_is_given_its_noise(answered, refined):
    config = model(planes=True, draw_noise=0.2)
    network = build_network(config).eval()
    draw_occupancy(network, config, condition(), [Stream(1)])
    ((coarse, grain),) = refined
    block = torch.zeros(1, 1, 8, 8, 8)
    block[0, 0][BLOCK] = 1
    noise = (coarse - block) / 0.2
    assert 0.9 < float(noise.std()) < 1.1
    assert abs(float(noise.mean())) < 0.15
    assert grain.shape == (1, 1, 32, 32, 32)
    assert 0.97 < float(grain.std()) < 1.03
    refined.clear()
    without = model(planes=False, draw_noise=0.0)
    draw_occupancy(build_network(without).eval(), without, condition(), [Stream(1)])
    ((coarse, grain),) = refined
    torch.testing.assert_close(coarse, block)
    assert grain is None


def test_the_grain_of_a_shape_is_drawn_from_its_noise():
    config = model(planes=True, draw_noise=0.0)
    network = build_network(config).eval().requires_grad_(False)
    torch.manual_seed(0)
    for module in (network.refiner.grain, network.refiner.out[2]):
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    features = network.given(condition())
    coarse = torch.full((1, 1, 8, 8, 8), 0.5)
    plain = features.refine(coarse)
    grained = features.refine(coarse, grain=torch.randn(1, 1, 32, 32, 32))
    assert float((plain - grained).abs().mean()) > 0.1
    torch.testing.assert_close(plain, features.refine(coarse, grain=torch.zeros(1, 1, 32, 32, 32)))


def test_occupancies_go_from_0_to_1():
    config = ModelConfig(
        UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic"),
        DiffusionConfig(steps=50),
        sampling_steps="2",
    )
    torch.manual_seed(0)
    network = build_network(config).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    drawn = draw_occupancy(network, config, condition(), [Stream(1)])
    assert float(drawn.min()) == 0
    assert float(drawn.max()) <= 1


def test_half_of_the_samples_are_no_consensus():
    samples = np.zeros((2, 64, 64, 64), bool)
    samples[0, :, :, :10] = True
    samples[1, :, :, :5] = True
    p = Prediction(samples, samples.mean(0, dtype=np.float32))
    assert p.consensus[:, :, :5].all()
    assert not p.consensus[:, :, 5:].any()
