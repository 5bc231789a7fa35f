"""Curvature and light along outlines of known form."""

import math

import numpy as np
import pytest

from dispr.morphology.outline import (
    SMOOTHINGS,
    curvature,
    curvature_values,
    outline,
    outline_values,
)

Y, X = np.mgrid[:64, :64] - 31.5


def disc(radius):
    return radius**2 > Y**2 + X**2


def wave(angle, lobes=5, depth=0.2, radius=18.0):
    """Give a circle whose radius goes up and down."""
    return radius * (1 + depth * np.cos(lobes * angle)) * np.exp(1j * angle)


@pytest.mark.parametrize("smoothing", SMOOTHINGS[1:])
def test_a_circle_has_the_curvature_of_its_radius(smoothing):
    found = curvature_values(outline(disc(20)), 20.0, smoothing)
    assert found["q50"] == pytest.approx(1, abs=0.06)
    assert found["sd"] < {4.5: 0.3, 7.0: 0.1}.get(smoothing, 0.05)
    assert found["concave"] == found["bays"] == found["concavity"] == 0


def test_an_ellipse_has_its_curvature():
    """From b / a^2 to a / b^2, times the radius of a circle of its area."""
    a, b = 24.0, 12.0
    mask = (Y / b) ** 2 + (X / a) ** 2 < 1
    found = curvature_values(outline(mask), math.sqrt(a * b), 7.0)
    assert found["q0"] == pytest.approx(math.sqrt(a * b) * b / a**2, abs=0.08)
    assert found["q100"] == pytest.approx(math.sqrt(a * b) * a / b**2, rel=0.12)
    assert found["corners"] == 2


@pytest.mark.parametrize("turn", [1, -1])
def test_the_way_round_does_not_matter(turn):
    angle = turn * np.linspace(0, 2 * np.pi, 256, endpoint=False)
    found = curvature(wave(angle, depth=0.0), 18.0, 2.0)
    np.testing.assert_allclose(found, 1, atol=0.01)


def test_bays_and_corners_are_counted():
    angle = np.linspace(0, 2 * np.pi, 4000)
    line = wave(angle)
    length = np.concatenate([[0], np.cumsum(np.abs(np.diff(line)))])
    points = np.interp(np.linspace(0, length[-1], 256, endpoint=False), length, line)
    found = curvature_values(points, 18.0, 3.0)
    assert found["bays"] == found["corners"] == 5
    assert 0.2 < found["concave"] < 0.45
    assert found["concavity"] > 0


def test_light_in_rings():
    depth = 20 - np.hypot(Y, X)
    mask = disc(20)
    image = np.where(depth < 2, 200.0, 100.0) * mask
    found = outline_values(image, mask)
    mean = image[mask].mean()
    assert found["ring_0_mean"] == pytest.approx(200 / mean, rel=0.06)
    assert found["ring_3_mean"] == pytest.approx(100 / mean)
    assert found["ring_3_sd"] == 0


def test_neither_exposure_nor_turning_nor_surroundings_matter():
    rng = np.random.default_rng(0)
    mask = (Y / 14) ** 2 + (X / 22) ** 2 + 0.004 * X * np.abs(Y) < 1
    image = rng.integers(40, 120, (64, 64)).astype(float)
    found = outline_values(image, mask)
    assert all(math.isfinite(value) for value in found.values())
    for other in (outline_values(2 * image, mask), outline_values(image * mask, mask)):
        assert other == pytest.approx(found)
    # The points begin elsewhere on a turned outline.
    other = outline_values(np.rot90(image), np.rot90(mask))
    assert other.keys() == found.keys()
    for name, value in found.items():
        near = 0.3 if name.startswith("curvature_3_") else 0.08
        assert other[name] == pytest.approx(value, rel=0.02, abs=near), name


@pytest.mark.parametrize("size", [1, 2, 4])
def test_small_masks_have_what_is_defined(size):
    mask = np.zeros((64, 64), bool)
    mask[10 : 10 + size, 10 : 10 + size] = True
    found = outline_values(np.full((64, 64), 5.0), mask)
    assert found.keys() == outline_values(np.full((64, 64), 5.0), disc(20)).keys()
    assert found["ring_0_mean"] == 1
    assert math.isnan(found["ring_6_mean"])
    assert math.isnan(found["curvature_3_q50"]) == (outline(mask) is None)
