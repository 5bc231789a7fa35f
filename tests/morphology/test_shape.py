"""Measures of shapes against closed forms, and what must hold of any shape."""

import itertools
import math
import re
import warnings

import numpy as np
import pytest

import dispr
from dispr.errors import ArrayError, ConfigError
from dispr.morphology import voxels
from dispr.morphology.features import SHAPE_FEATURES, UNITS
from dispr.morphology.shape import measure, shape_values

SEEDS = (None, 1, 2)

SMOOTH = [
    ("ball", 8.3),
    ("ball", 14.6),
    ("ball", 24),
    ("ellipsoid", 24, 16, 8),
    ("ellipsoid", 14, 12, 7),
    ("ellipsoid", 25, 25, 8),
    ("torus", 18, 6),
    ("torus", 15, 8),
    ("shell", 20, 12),
    ("shell", 26, 14),
]
SMALL = [("ball", 5), ("ellipsoid", 10, 7, 5), ("ellipsoid", 26, 26, 5), ("torus", 10, 4)]
EDGED = [("box", 40, 30, 24), ("box", 20, 20, 20)]


def near(share):
    return lambda value: pytest.approx(value, rel=share)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", SMOOTH, ids=str)
def test_smooth_solids(kind, seed, solid):
    made = solid(*kind)
    known, found = made.known, shape_values(made.voxels(seed))
    assert found["volume"] == near(0.01)(known["volume"])
    assert found["surface"] == near(0.015)(known["surface"])
    assert found["integral_mean_curvature"] == near(0.02)(known["mean_curvature"])
    assert found["euler_number"] == known["euler"]
    # The Gauss-Bonnet theorem: the integral of K is 2 pi times the Euler number of the surface,
    # which is twice that of the body.
    total = found["gaussian_curvature_mean"] * found["surface"] / (4 * math.pi)
    assert total == pytest.approx(known["euler"], abs=0.04)
    assert found["thickness_max"] == pytest.approx(known["thickness"], abs=0.75)
    if "axes" in known:
        axes = [found[f"axis_{name}"] for name in ("longest", "middle", "shortest")]
        assert axes == pytest.approx(known["axes"], rel=0.01)
        assert found["elongation"] == near(0.015)(known["axes"][0] / known["axes"][1])
        assert found["flatness"] == near(0.015)(known["axes"][1] / known["axes"][2])
        assert found["solidity"] > 0.98
        assert found["hull_volume"] == near(0.035)(known["volume"])
    if "bending" in known:
        assert found["bending_energy"] == near(0.04)(known["bending"])
    if "even" in known:
        assert found["thickness_mean"] == pytest.approx(known["thickness"], abs=0.4)
        assert found["thickness_sd"] < 0.4
    sphericity = math.pi ** (1 / 3) * (6 * known["volume"]) ** (2 / 3) / known["surface"]
    assert found["sphericity"] == near(0.02)(sphericity)
    diameter = (6 * known["volume"] / math.pi) ** (1 / 3)
    assert found["equivalent_diameter"] == near(0.005)(diameter)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", SMALL, ids=str)
def test_small_and_thin_solids(kind, seed, solid):
    made = solid(*kind)
    known, found = made.known, shape_values(made.voxels(seed))
    assert found["volume"] == near(0.04)(known["volume"])
    assert found["surface"] == near(0.035)(known["surface"])
    assert found["integral_mean_curvature"] == near(0.07)(known["mean_curvature"])
    assert found["thickness_max"] == pytest.approx(known["thickness"], abs=0.75)
    assert found["euler_number"] == known["euler"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", EDGED, ids=str)
def test_edges_are_rounded(kind, seed, solid):
    made = solid(*kind)
    known, found = made.known, shape_values(made.voxels(seed))
    assert found["volume"] == near(0.01)(known["volume"])
    axes = [found[f"axis_{name}"] for name in ("longest", "middle", "shortest")]
    assert axes == pytest.approx(known["axes"], rel=0.01)
    assert -0.07 < found["surface"] / known["surface"] - 1 < 0.0
    assert found["integral_mean_curvature"] == near(0.06)(known["mean_curvature"])
    assert found["thickness_max"] == pytest.approx(known["thickness"], abs=1.1)


def test_a_stepped_mesh_would_not_pass(solid):
    made = solid("ball", 14.6)
    assert voxels.mesh_surface(made.voxels(1)) > 1.07 * made.known["surface"]


def test_ball_has_one_curvature(solid):
    found = shape_values(solid("ball", 12).voxels(3))
    for name, power in (("mean_curvature", 1), ("gaussian_curvature", 2)):
        for statistic in ("mean", "q50"):
            assert found[f"{name}_{statistic}"] == near(0.04)(1 / 12**power)
    assert found["mean_curvature_sd"] < 0.1 / 12
    assert found["mean_curvature_q05"] > 0.8 / 12
    assert found["mean_curvature_q95"] < 1.2 / 12
    assert found["concave_share"] == 0


def test_curvature_tells_inside_from_outside(solid):
    found = shape_values(solid("shell", 20, 12).voxels())
    assert found["mean_curvature_q05"] == pytest.approx(-1 / 12, abs=0.012)
    assert found["mean_curvature_q95"] == pytest.approx(1 / 20, abs=0.012)
    assert found["concave_share"] == near(0.02)(12**2 / (12**2 + 20**2))
    torus = shape_values(solid("torus", 18, 6).voxels(1))
    # K is negative on the inner half of a torus: from -1 / (6 x 12) to 1 / (6 x 24).
    assert torus["gaussian_curvature_q05"] == pytest.approx(-1 / 72, abs=0.003)
    assert torus["gaussian_curvature_q95"] == pytest.approx(1 / 144, abs=0.002)


@pytest.mark.parametrize("spacing", [(2, 1, 1), (3, 1, 1), (1, 1, 2), (1.5, 1, 0.7)])
@pytest.mark.parametrize("kind", [("ball", 14.6), ("ellipsoid", 24, 16, 12), ("torus", 18, 7)])
def test_voxels_that_are_no_cubes(kind, spacing, solid):
    made = solid(*kind)
    for seed in (1, 2):
        found = shape_values(made.voxels(seed, spacing), spacing)
        known = made.known
        assert found["volume"] == near(0.015)(known["volume"])
        assert found["surface"] == near(0.02)(known["surface"])
        assert found["integral_mean_curvature"] == near(0.03)(known["mean_curvature"])
        assert found["thickness_max"] == pytest.approx(known["thickness"], abs=1.0 * max(spacing))
        if "axes" in known:
            axes = [found[f"axis_{name}"] for name in ("longest", "middle", "shortest")]
            assert axes == pytest.approx(known["axes"], rel=0.015)


def lumpy(seed=0):
    """Make a body without any symmetry, with two parts, in a volume with room around it."""
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    body = ndimage.gaussian_filter(rng.normal(size=(40, 44, 48)), 5)
    body[:6] = body[-6:] = body[:, :6] = body[:, -6:] = body[:, :, :6] = body[:, :, -6:] = -1
    return body > 0.01


POWER = {"none": 0, "length": 1, "area": 2, "volume": 3, "per length": -1, "per area": -2}


@pytest.mark.parametrize("spacing", [1.0, (2.0, 0.8, 1.0)])
def test_each_measure_has_its_dimension(spacing):
    body = lumpy()
    one = dispr.measure(body, spacing)
    half = dispr.measure(body, np.multiply(spacing, 0.5))
    assert one.keys() == half.keys()
    for feature in SHAPE_FEATURES:
        name = feature.column("um")
        power = POWER.get(feature.dimension, 0)
        assert half[name] == pytest.approx(one[name] * 0.5**power, rel=1e-5, abs=1e-9), name


def test_units_in_names():
    body = lumpy()
    with_size, without = measure(body, 0.2), measure(body)
    assert len(with_size) == len(without) == len(SHAPE_FEATURES)
    assert with_size["volume_um3"] == pytest.approx(body.sum() * 0.008)
    assert without["volume_voxels"] == body.sum()
    assert without["surface_voxels2"] == pytest.approx(with_size["surface_um2"] / 0.04)
    assert not any(re.search(r"_um\d?$|per_um", name) for name in without)
    assert [name for name in with_size if "voxel" in name] == [
        "roughness_gauss_voxels",
        "boundary_voxels",
    ]
    units = {unit for units in UNITS.values() for unit in units if unit}
    for feature in SHAPE_FEATURES:
        if feature.dimension == "none":
            assert not any(feature.name.endswith(f"_{unit}") for unit in units)


def test_scores_of_the_field_are_the_same():
    body = lumpy()
    found = measure(body)
    assert found["boundary_voxels"] == voxels.surface(body)
    assert found["roughness_gauss_voxels"] == voxels.roughness(body)
    assert found["convexity"] == pytest.approx(voxels.convexity(body))
    cut = body[:, 10:, :]  # which touches the border
    found = measure(cut)
    assert found["boundary_voxels"] == voxels.surface(cut)
    assert found["roughness_gauss_voxels"] == voxels.roughness(cut)


def test_values_lie_in_their_ranges():
    for body in (lumpy(0), lumpy(1), np.random.default_rng(0).random((20, 20, 20)) > 0.5):
        values = shape_values(body)
        for feature in SHAPE_FEATURES:
            slack = 1e-9
            assert feature.low - slack <= values[feature.name] <= feature.high + slack, feature


def test_turning_by_right_angles_changes_nothing_but_the_axes():
    body = lumpy()
    one = shape_values(body)
    turned = shape_values(np.ascontiguousarray(body.transpose(2, 0, 1)[::-1]))
    for name in ("volume", "boundary", "euler_number", "convexity", "roughness_gauss"):
        assert turned[name] == pytest.approx(one[name])
    for name in ("surface", "hull_volume", "integral_mean_curvature", "bending_energy"):
        assert turned[name] == pytest.approx(one[name], rel=5e-3), name
    assert turned["thickness_mean"] == pytest.approx(one["thickness_mean"], rel=0.02)
    assert turned["extent_z"] == one["extent_x"] != one["extent_z"]


def test_place_in_the_volume_changes_nothing():
    body = lumpy()
    one = shape_values(body)
    moved = shape_values(np.pad(body, ((8, 8), (3, 20), (11, 2))))
    assert moved == pytest.approx(one)


def test_topology(solid):
    body = np.zeros((30, 30, 30), bool)
    body[5:15, 5:15, 5:15] = True
    body[8:12, 8:12, 8:12] = False
    body[20:25, 5:10, 5:10] = True
    found = shape_values(body)
    assert (found["components"], found["cavities"], found["euler_number"]) == (2, 1, 3)
    body[10, 10, 10:15] = False  # a channel opens the cavity
    found = shape_values(body)
    assert (found["components"], found["cavities"], found["euler_number"]) == (2, 0, 2)
    body[10, 10, 5:10] = False  # on both sides: a tunnel
    assert shape_values(body)["euler_number"] == 1


def test_where_the_section_lies():
    body = np.zeros((64, 64, 64), bool)
    body[20:53, 10:20, 10:30] = True  # planes 20 to 52
    body[44:53, 10:20, 10:20] = False
    found = measure(body, (0.5, 0.2, 0.2))
    assert found["section_position"] == (32 - 20) / (52 - 20)
    assert found["section_area_um2"] == pytest.approx(200 * 0.04)
    assert found["section_share"] == 1
    above, below = 11 * 200 + 9 * 100, 12 * 200
    assert found["asymmetry_z"] == pytest.approx((above - below) / (above + below))
    planes = np.arange(20, 53)
    centre = np.average(planes, weights=np.where(planes < 44, 200, 100))
    assert found["centroid_height_um"] == pytest.approx((centre - 32) * 0.5)
    assert [found[f"extent_{axis}_um"] for axis in "zyx"] == pytest.approx([16.5, 2, 4])
    assert found["extent_share"] == pytest.approx((33 * 200 - 900) / (33 * 200))
    turned = measure(body[::-1])
    assert turned["asymmetry_z"] < found["asymmetry_z"]


def test_thickness_of_a_plate():
    # The middle of a plate of even thickness lies between voxels, that of an odd one in them.
    for planes, odd in itertools.product((4, 5, 8, 9), (0, 1)):
        body = np.zeros((20, 50, 50 + odd), bool)
        body[5 : 5 + planes, 3:-3, 3:-3] = True
        found = shape_values(body)
        # Smoothing rounds the rim and moves its share of the volume to the faces.
        assert found["thickness_max"] == pytest.approx(planes, abs=0.9)
        assert found["thickness_mean"] == pytest.approx(planes, abs=0.9)


def test_roughness_grows_with_spikes(solid):
    body = np.pad(solid("ball", 15).voxels(), 8)
    smooth = shape_values(body)
    middle = body.shape[0] // 2
    for axis, sign in itertools.product(range(3), (-1, 1)):
        place = [slice(middle - 1, middle + 2)] * 3
        place[axis] = (
            slice(middle + 14, middle + 20) if sign > 0 else slice(middle - 19, middle - 13)
        )
        body[tuple(place)] = True
    spiky = shape_values(body)
    for name in ("roughness_humphrey", "roughness_gauss", "bending_energy"):
        assert spiky[name] > 1.1 * smooth[name], name
    assert spiky["solidity"] < 0.95 < smooth["solidity"]


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.astype(np.uint8),
        lambda b: b.astype(np.uint8) * 255,
        lambda b: b.astype(np.int32) * 7,
        lambda b: np.where(b, 0.6, 0.5),
        lambda b: b.astype(np.float32),
        lambda b: b.astype(np.float64) * 255,
        lambda b: b.tolist(),
    ],
)
def test_codings_of_one_shape(change):
    body = lumpy()
    assert measure(change(body)) == measure(body)


def test_two_values_may_be_labels_of_two_cells():
    with pytest.raises(ArrayError, match="2 different non-zero values, like labels"):
        measure(np.where(lumpy(), 200, 90).astype(np.uint8))


@pytest.mark.parametrize(
    "place",
    [
        (5, 5, 5),
        (5, 5, slice(3, 20)),
        (5,),
        (slice(0, 5), slice(0, 9), slice(20, 30)),
        (slice(None),),
        (slice(None, None, 29), 5, 5),
    ],
    ids=["voxel", "line", "plane", "corner", "full", "two voxels"],
)
def test_degenerate_shapes_have_finite_measures(place):
    body = np.zeros((30, 30, 30), bool)
    body[place] = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure(body, 0.3)
    assert all(math.isfinite(value) for value in found.values()), found
    assert found["volume_um3"] == pytest.approx(body.sum() * 0.027)
    assert found["surface_um2"] > 0


@pytest.mark.parametrize(
    ("volume", "sentence"),
    [
        (np.zeros((8, 8, 8), bool), "is empty"),
        (np.full((8, 8, 8), 0.5), "no value is above 0.5"),
        (np.ones((8, 8), bool), "a single volume"),
        (np.ones((2, 8, 8, 8), bool), "one by one"),
        (np.full((8, 8, 8), np.nan), "NaN"),
        (np.arange(512).reshape(8, 8, 8), "labels"),
        (np.full((8, 8, 8), 3.0), "scale it to 0 to 1"),
        ("a cell", "real numbers"),
    ],
)
def test_what_is_no_shape_is_refused(volume, sentence):
    with pytest.raises(ArrayError, match=sentence):
        measure(volume)


@pytest.mark.parametrize("spacing", [0, -0.1, np.inf, (1, 1), (1, 0, 1), "small", np.nan])
def test_what_is_no_spacing_is_refused(spacing):
    with pytest.raises(ConfigError, match="one positive number of um, or three"):
        measure(np.ones((4, 4, 4), bool), spacing)
