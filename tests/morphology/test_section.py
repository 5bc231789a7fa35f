import math

import numpy as np
import pytest

import dispr
from dispr.errors import ArrayError, ConfigError
from dispr.morphology.features import SECTION_FEATURES
from dispr.morphology.section import measure_section, section_values


def ellipse(a, b, angle=0.0, shape=(64, 70), shift=(0.3, -0.2)):
    y, x = np.indices(shape) - np.reshape(np.array(shape) / 2, (2, 1, 1))
    y, x = y - shift[0], x - shift[1]
    along = y * math.cos(angle) + x * math.sin(angle)
    across = x * math.cos(angle) - y * math.sin(angle)
    return (along / a) ** 2 + (across / b) ** 2 <= 1


def perimeter_of(a, b):
    t = np.linspace(0, 2 * np.pi, 20001)
    return np.hypot(np.diff(a * np.cos(t)), np.diff(b * np.sin(t))).sum()


@pytest.mark.parametrize("angle", [0.0, 0.5, 1.1])
@pytest.mark.parametrize(("a", "b"), [(8, 8), (20, 20), (25, 14), (12, 6)])
def test_ellipses(a, b, angle):
    mask = ellipse(a, b, angle)
    found = measure_section(mask.astype(float), mask)
    assert found["area_pixels"] == pytest.approx(math.pi * a * b, rel=0.015)
    assert found["perimeter_pixels"] == pytest.approx(perimeter_of(a, b), rel=0.02)
    assert found["axis_major_pixels"] == pytest.approx(2 * a, rel=0.02)
    assert found["axis_minor_pixels"] == pytest.approx(2 * b, rel=0.02)
    assert found["aspect_ratio"] == pytest.approx(a / b, rel=0.03)
    if a > b:
        assert found["eccentricity"] == pytest.approx(math.sqrt(1 - (b / a) ** 2), rel=0.02)
    assert found["feret_max_pixels"] == pytest.approx(2 * a, abs=1.5)
    assert found["radius_max_pixels"] == pytest.approx(b, abs=1)
    assert found["solidity"] > 0.94
    assert found["euler_number"] == 1
    form = 4 * math.pi * (math.pi * a * b) / perimeter_of(a, b) ** 2
    assert found["form_factor"] == pytest.approx(form, rel=0.035)


def test_units():
    mask = ellipse(20, 12, 0.4)
    image = np.random.default_rng(0).integers(0, 255, mask.shape)
    pixels, small = dispr.measure_section(image, mask), dispr.measure_section(image, mask, 0.25)
    power = {"length": 1, "area": 2}
    for feature in SECTION_FEATURES:
        one = pixels[feature.column("pixel")]
        scaled = one * 0.25 ** power.get(feature.dimension, 0)
        assert small[feature.column("um")] == pytest.approx(scaled), feature.name
    assert small["area_um2"] == pytest.approx(mask.sum() / 16)
    assert not any("um" in name.split("_") or "um2" in name for name in pixels)


def test_intensities():
    mask = ellipse(20, 20)
    y, x = np.indices(mask.shape)
    radius = np.hypot(y - 32.3, x - 34.8)
    image = np.where(radius > 17, 200.0, 80.0)
    image[~mask] = 20
    found = measure_section(image, mask)
    inside = image[mask]
    assert found["intensity_mean_grey"] == pytest.approx(inside.mean())
    assert found["intensity_sd_grey"] == pytest.approx(inside.std())
    assert found["intensity_q50_grey"] == 80
    assert (found["intensity_min_grey"], found["intensity_max_grey"]) == (80, 200)
    assert found["intensity_outside_grey"] == 20
    assert found["contrast"] == pytest.approx(inside.mean() / 20)
    assert found["border_to_core"] > 1.9
    assert found["mass_displacement_pixels"] < 0.2
    image[mask & (x > 35)] += 100
    assert 2 < measure_section(image, mask)["mass_displacement_pixels"] < 20


def test_grey_values_of_a_camera_are_kept():
    mask = ellipse(20, 12)
    image = np.random.default_rng(0).integers(1000, 5000, mask.shape).astype(np.uint16)
    assert measure_section(image, mask)["intensity_mean_grey"] == pytest.approx(image[mask].mean())


def test_texture():
    mask = ellipse(22, 22)
    y, x = np.indices(mask.shape)
    rng = np.random.default_rng(0)
    flat = measure_section(np.full(mask.shape, 7.0), mask)
    assert flat["glcm_contrast"] == 0
    assert flat["glcm_energy"] == flat["glcm_homogeneity"] == 1
    noise = measure_section(rng.random(mask.shape), mask)
    slope = measure_section(x + y, mask)
    assert abs(noise["glcm_correlation"]) < 0.1
    assert slope["glcm_correlation"] > 0.9
    assert noise["glcm_dissimilarity"] > 5 * slope["glcm_dissimilarity"]
    # Uniform noise on 32 levels: the mean difference is a third of the levels.
    assert noise["glcm_dissimilarity"] == pytest.approx(32 / 3, rel=0.05)
    assert noise["glcm_dissimilarity_5"] == pytest.approx(32 / 3, rel=0.05)
    # Stripes are the same one period further; slanting pairs are 4 pixels apart along each axis.
    stripes = measure_section((x % 5) * 10.0, mask)
    assert stripes["glcm_correlation_5"] > stripes["glcm_correlation"] + 0.2


def test_what_is_outside_of_the_mask_does_not_count():
    mask = ellipse(18, 12)
    image = np.random.default_rng(0).random(mask.shape)
    other = np.where(mask, image, 5.0)
    one, two = section_values(image, mask), section_values(other, mask)
    changed = {name for name in one if one[name] != pytest.approx(two[name])}
    assert changed == {"intensity_outside", "contrast"}


def test_holes_and_parts():
    mask = np.zeros((40, 40), bool)
    mask[5:15, 5:15] = mask[20:35, 20:35] = True
    mask[25:28, 25:28] = False
    found = measure_section(mask.astype(float), mask)
    assert found["euler_number"] == 1  # two parts, one hole
    assert found["area_pixels"] == 100 + 225 - 9


@pytest.mark.parametrize("place", [(20, 20), (20, slice(3, 30)), (slice(None),)])
def test_degenerate_masks(place):
    mask = np.zeros((40, 40), bool)
    mask[place] = True
    found = measure_section(np.random.default_rng(0).random((40, 40)), mask)
    undefined = {name for name, value in found.items() if not math.isfinite(value)}
    allowed = ("glcm", "intensity_core", "intensity_outside", "border_to_core", "contrast")
    assert all(name.startswith(allowed) for name in undefined)
    assert found["area_pixels"] == mask.sum()


@pytest.mark.parametrize(
    ("image", "mask", "sentence"),
    [
        (np.zeros((20, 20)), np.zeros((20, 20)), "mask is empty"),
        (np.zeros((20, 20)), np.ones((20, 21)), "cropped in the same way"),
        (np.zeros((20, 20, 3)), np.ones((20, 20)), "colour"),
        (np.zeros((4, 4)), np.ones((4, 4)), "at least 8 x 8"),
        (np.full((20, 20), np.nan), np.ones((20, 20)), "NaN"),
    ],
)
def test_bad_sections(image, mask, sentence):
    with pytest.raises(ArrayError, match=sentence):
        measure_section(image, mask)


def test_bad_pixel_sizes():
    for size in (0, -1, "small", math.inf, (1, 1)):
        with pytest.raises(ConfigError, match="a pixel size must be a positive number"):
            measure_section(np.ones((20, 20)), np.ones((20, 20)), size)
