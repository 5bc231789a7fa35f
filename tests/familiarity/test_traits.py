import numpy as np
import pytest
from scipy import ndimage

from dispr.familiarity.traits import TRAITS, describe, describe_all

Y, X = np.mgrid[:64, :64] - 31.5


def disc(radius=15.0, dy=0.0, dx=0.0):
    return np.where(np.hypot(Y - dy, X - dx) <= radius, 255, 0).astype(np.uint8)


def traits(image, mask):
    return dict(zip(TRAITS, describe(image, mask), strict=True))


def cell(mask, inside=200, outside=4):
    return np.where(mask > 127, inside, outside).astype(np.uint8)


def test_outline_of_a_disc():
    found = traits(cell(disc(15)), disc(15))
    assert found["size"] == pytest.approx(np.sqrt(np.pi) * 15, rel=0.02)
    assert found["elongation"] == pytest.approx(0, abs=0.01)
    assert found["circularity"] == pytest.approx(1, abs=0.1)
    assert found["solidity"] > 0.95
    assert found["offset"] == 0
    assert found["margin"] == 17
    assert (found["one_piece"], found["holes"]) == (1, 0)


def test_outline_of_an_ellipse_off_the_middle():
    mask = np.where(np.hypot((Y - 4) / 8, (X + 3) / 16) <= 1, 255, 0).astype(np.uint8)
    found = traits(cell(mask), mask)
    assert found["elongation"] == pytest.approx(np.log(2), rel=0.03)
    assert found["offset"] == pytest.approx(5, abs=0.8)


def test_holes_and_pieces():
    ring = disc(20) - disc(10)
    assert traits(cell(ring), ring)["holes"] == pytest.approx(1 / 4, rel=0.05)
    two = np.maximum(disc(10, dx=-15), disc(5, dx=15))
    assert traits(cell(two), two)["one_piece"] == pytest.approx(4 / 5, rel=0.05)


def test_light():
    mask = disc()
    found = traits(cell(mask, 200, 4), mask)
    assert found["inside_level"] == 200
    assert found["contrast"] == pytest.approx(np.log(201 / 5))
    assert found["inside_spread"] == 0
    assert found["light_inside"] == pytest.approx(1, abs=0.001)
    assert found["agreement"] == 1
    assert found["darkening"] > 0.95
    inverse = traits(255 - cell(mask, 200, 4), mask)
    assert inverse["darkening"] < -0.95
    assert inverse["contrast"] < 0


def test_a_rim_is_brighter_than_the_middle():
    mask = disc(16)
    image = np.where(disc(13) > 0, 50, cell(mask)).astype(np.uint8)
    assert traits(image, mask)["rim_to_middle"] > 1
    assert traits(image, mask)["depth_of_light"] < traits(cell(mask), mask)["depth_of_light"]


def test_grain_and_focus():
    rng = np.random.default_rng(0)
    mask = disc()
    clean = cell(mask, 150, 20).astype(float)
    noisy = np.clip(clean + rng.normal(0, 5, clean.shape), 0, 255).astype(np.uint8)
    assert traits(noisy, mask)["grain"] > traits(clean.astype(np.uint8), mask)["grain"] + 0.5
    striped = np.where((mask > 0) & (X % 6 < 3), 90, clean).astype(np.uint8)
    blurred = ndimage.gaussian_filter(striped.astype(float), 3).astype(np.uint8)
    assert traits(blurred, mask)["detail"] < traits(striped, mask)["detail"] / 3


def test_a_mask_beside_the_light():
    image = cell(disc(12, dx=-12))
    found = traits(image, disc(12, dx=12))
    right = traits(image, disc(12, dx=-12))
    for trait in ("light_inside", "agreement", "edges_on_border", "darkening"):
        assert found[trait] < right[trait] - 0.3, trait


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        (np.zeros((64, 64), np.uint8), disc()),
        (np.full((64, 64), 255, np.uint8), disc()),
        (cell(disc()), np.full((64, 64), 255, np.uint8)),
        (cell(disc()), disc(0.8)),
        (cell(disc()), np.where((Y == 0.5) & (X == 0.5), 255, 0).astype(np.uint8)),
        (cell(disc()), np.where(np.abs(Y) < 1, 255, 0).astype(np.uint8)),
    ],
)
def test_anything_gives_finite_numbers(image, mask):
    assert np.isfinite(describe(image, mask)).all()


def test_a_grey_border_makes_no_difference():
    mask = disc()
    grey = mask.copy()
    grey[(grey == 0) & (disc(16) > 0)] = 90
    np.testing.assert_array_equal(describe(cell(mask), mask), describe(cell(mask), grey))


def test_many():
    masks = np.stack([disc(10), disc(20)])
    images = np.stack([cell(mask) for mask in masks])
    many = describe_all(images, masks)
    assert many.shape == (2, len(TRAITS))
    np.testing.assert_array_equal(many[1], describe(images[1], masks[1]))
    assert describe_all(images[:0], masks[:0]).shape == (0, len(TRAITS))
