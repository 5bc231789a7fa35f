import base64
import zlib

import numpy as np

from dispr.report.coding import (
    BLOCK,
    mask_bits,
    packed,
    probability_bytes,
    shape_planes,
    spread_bytes,
)
from dispr.surface.spread import surface_spread

GRID = np.indices((64, 64, 64)) - 31.5


def ball(radius):
    return np.sqrt((GRID**2).sum(0)) <= radius


def test_shapes_are_exact():
    rng = np.random.default_rng(0)
    shapes = [rng.random((64, 64, 64)) > 0.5 for _ in range(11)]
    planes = np.frombuffer(shape_planes(shapes), np.uint8).reshape(2, 64, 64, 64)
    for k, shape in enumerate(shapes):
        np.testing.assert_array_equal((planes[k // 8] >> (k % 8)) & 1, shape)
    assert planes[1].max() < 8


def test_packed():
    data = zlib.decompress(base64.b64decode(packed([b"ab", b"", b"c"])))
    assert data == b"abc"


def test_mask():
    mask = np.zeros((64, 64), bool)
    mask[0, 1] = mask[63, 63] = True
    bits = np.unpackbits(np.frombuffer(mask_bits(mask), np.uint8)).reshape(64, 64)
    np.testing.assert_array_equal(bits, mask)


def test_probability_is_left_out_where_samples_tell_it():
    samples = np.stack([ball(10), ball(12), ball(13)])
    assert probability_bytes(samples.mean(0, dtype=np.float32), samples) == b""


def test_probability_keeps_the_consensus():
    rng = np.random.default_rng(0)
    probability = rng.random((64, 64, 64)).astype(np.float32)
    probability.flat[:4] = 0.5, 0.5001, 0.499, 0.501
    coded = np.frombuffer(probability_bytes(probability, probability[None] > 0.5), np.uint8)
    grey = coded.reshape(64, 64, 64) / 255
    np.testing.assert_array_equal(grey > 0.5, probability > 0.5)
    assert np.abs(grey - probability).max() < 0.005


def test_spread_near_the_surfaces():
    samples = [ball(15), ball(17), ball(19)]
    spread = surface_spread(np.stack(samples))
    coded, step = spread_bytes(spread, samples)
    blocks = np.frombuffer(coded, np.uint8).reshape(32, 32, 32) * step
    centres = (np.indices((32, 32, 32)) * BLOCK + 0.5) - 31.5
    radius = np.sqrt((centres**2).sum(0))
    near = np.abs(radius - 17) < 2.5
    assert np.abs(blocks[near] - 2.0).max() < 0.5
    assert (blocks[radius < 6] == 0).all()
    assert (blocks[radius > 28] == 0).all()
    assert len(packed([coded])) < 6000
