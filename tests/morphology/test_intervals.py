import math

import numpy as np
import pytest

from dispr.errors import ConfigError, FileError
from dispr.morphology.ensemble import summarise
from dispr.morphology.features import SHAPE_FEATURES
from dispr.morphology.intervals import (
    MeasureIntervals,
    Rule,
    fit_intervals,
    load_intervals,
    save_intervals,
)

BY_NAME = {feature.name: feature for feature in SHAPE_FEATURES}


def ensembles(cells, seed, shrink=0.3, bias=0.5):
    """Make samples that are too alike by `shrink`, and off by `bias` of the true spread."""
    rng = np.random.default_rng(seed)
    samples, truth = [], []
    for _ in range(cells):
        centre, spread = rng.uniform(20, 40), rng.uniform(1, 4)
        true = rng.normal(centre, spread)
        drawn = rng.normal(centre + bias * spread, shrink * spread, 5)
        samples.append([dict.fromkeys(BY_NAME, value) for value in drawn])
        truth.append(dict.fromkeys(BY_NAME, true))
    return samples, truth


def held(intervals, feature, samples, truth, edge=1.0):
    found = []
    for cell, true in zip(samples, truth, strict=True):
        values = [sample[feature.name] for sample in cell]
        low, high = intervals.interval(feature, values, edge)
        found.append(low <= true[feature.name] <= high)
    return np.mean(found)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_new_cells_are_held_as_often_as_stated(level):
    fitted = fit_intervals(*ensembles(400, 0), model="m", level=level)
    assert (fitted.cells, fitted.level, fitted.model) == (400, level, "m")
    assert fitted.samples == 5
    share = held(fitted, BY_NAME["surface"], *ensembles(2000, 1))
    assert share == pytest.approx(level, abs=0.05)


@pytest.mark.parametrize(("count", "rank"), [(9, 9), (19, 18), (20, 19), (29, 27), (30, 28)])
def test_the_scale_reaches_to_the_error_of_its_rank(count, rank):
    """Rank (n + 1) x level, rounded up, of the errors; the samples agree."""
    errors = np.random.default_rng(count).permutation(np.linspace(0.1, 5, count))
    samples = [[dict.fromkeys(BY_NAME, 30.0)] * 3] * count
    truth = [dict.fromkeys(BY_NAME, 30 + error) for error in errors]
    rule = fit_intervals(samples, truth, model="m", level=0.9).rules["surface"]
    reached = np.sort(errors)[rank - 1]
    assert rule.scale * rule.floor == pytest.approx(reached, rel=1e-4)


def test_spread_alone_would_not_hold_them():
    samples, truth = ensembles(500, 1)
    naive = MeasureIntervals(0.9, 1, "", 5, {"surface": Rule(2.335, 1e-9)})
    assert held(naive, BY_NAME["surface"], samples, truth) < 0.7


@pytest.mark.parametrize(
    ("name", "power"), [("surface", 2), ("axis_longest", 1), ("hull_volume", 3), ("flatness", 0),
                        ("mean_curvature_sd", -1), ("gaussian_curvature_sd", -2)]
)  # fmt: skip
def test_intervals_go_with_the_units(name, power):
    feature = BY_NAME[name]
    fitted = MeasureIntervals(0.9, 50, "", 2, {name: Rule(2.0, 0.3)})
    values = np.array([10.0, 11.0, 12.0])
    low, high = fitted.interval(feature, values)
    edge = 0.25
    scaled = fitted.interval(feature, values * edge**power, edge)
    assert scaled == pytest.approx((low * edge**power, high * edge**power))


def test_ends_stay_among_possible_values():
    fitted = MeasureIntervals(0.9, 50, "", 2, {"solidity": Rule(2.0, 0.3)})
    assert fitted.interval(BY_NAME["solidity"], [0.8, 0.9]) == (pytest.approx(0.234, abs=0.01), 1)
    assert all(math.isnan(end) for end in fitted.interval(BY_NAME["solidity"], [0.8]))
    assert all(math.isnan(end) for end in fitted.interval(BY_NAME["surface"], [0.8, 0.9]))


def test_order_of_intervals_in_a_summary():
    fitted = MeasureIntervals(0.9, 50, "", 2, {"volume": Rule(2.0, 0.1), "surface": Rule(2.0, 0.1)})
    samples = [dict.fromkeys(BY_NAME, value) for value in (1.0, 2.0)]
    row = summarise(SHAPE_FEATURES, samples[0], samples, {"volume": (0.5, 9.0)}, True, fitted)
    assert (row["volume_low_um3"], row["volume_high_um3"]) == (0.5, 9)
    assert row["surface_high_um2"] == pytest.approx(1.5 + 2 * math.hypot(math.sqrt(0.5), 0.1))
    assert math.isnan(row["axis_longest_high_um"])  # neither known nor fitted
    assert (row["axis_longest_min_um"], row["axis_longest_max_um"]) == (1, 2)


def test_undefined_values_are_left_out():
    samples, truth = ensembles(30, 0)
    for cell in samples:
        cell[0] = dict.fromkeys(BY_NAME, math.nan)
    for true in truth[:25]:
        true["surface"] = math.nan
    fitted = fit_intervals(samples, truth, "m")
    assert "surface" not in fitted.rules  # 5 cells are too few
    assert fitted.rules["volume"].scale > 0


def test_files(tmp_path):
    fitted = fit_intervals(*ensembles(20, 0), model="m")
    save_intervals(tmp_path / "i.json", fitted)
    assert load_intervals(tmp_path / "i.json") == fitted
    for text in ("{", "[]", '{"rules": {"volume": 3}}', '{"rules": []}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(FileError, match=r"bad\.json is damaged"):
            load_intervals(tmp_path / "bad.json")
    with pytest.raises(FileError, match="does not exist"):
        load_intervals(tmp_path / "none.json")


def test_too_few_cells():
    with pytest.raises(ConfigError, match="8 cells with shapes are too few"):
        fit_intervals(*ensembles(8, 0), model="m")


def test_intervals_of_other_ensembles_are_not_used():
    samples = [dict.fromkeys(BY_NAME, 10.0 + k) for k in range(5)]
    fitted = MeasureIntervals(0.9, 50, "m", 5, {"volume": Rule(40.0, 1.0)})
    features = [BY_NAME["volume"]]

    def width(count):
        row = summarise(features, samples[0], samples[:count], intervals=fitted)
        (low,) = (value for name, value in row.items() if "_low" in name)
        (high,) = (value for name, value in row.items() if "_high" in name)
        return high - low

    assert width(5) > 50
    assert math.isnan(width(4))
