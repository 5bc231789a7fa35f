import math
from dataclasses import replace

import numpy as np
import pytest

from dispr.errors import ConfigError
from dispr.intervals.ensemble import summarise
from dispr.intervals.fit import KnownCell, fit_intervals
from dispr.intervals.quantiles import conformal_rank
from dispr.intervals.rules import Intervals, Rule, from_calibration, from_dict, intervals_of
from dispr.morphology.features import SHAPE_FEATURES

BY_NAME = {feature.name: feature for feature in SHAPE_FEATURES}


def ensembles(cells, seed, shrink=0.3, bias=0.5):
    """Make samples that are too alike by `shrink`, and off by `bias` of the true spread."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(cells):
        centre, spread = rng.uniform(20, 40), rng.uniform(1, 4)
        true = rng.normal(centre, spread)
        drawn = rng.normal(centre + bias * spread, shrink * spread, 5)
        found.append(known(drawn, true))
    return found


def known(drawn, true):
    """Give all measures of a cell the same values."""
    samples = [dict.fromkeys(BY_NAME, float(value)) for value in drawn]
    mean = float(np.nanmean(drawn))
    return KnownCell("cell", samples, dict.fromkeys(BY_NAME, mean), dict.fromkeys(BY_NAME, true))


def held(intervals, feature, cells, size=5):
    found = []
    for cell in cells:
        values = [sample[feature.name] for sample in cell.samples[:size]]
        low, high = intervals.interval(feature, values)
        found.append(low <= cell.true[feature.name] <= high)
    return np.mean(found)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_new_cells_are_held_as_often_as_stated(level):
    fitted = fit_intervals(ensembles(200, 0)).at(level)
    assert fitted == fit_intervals(ensembles(200, 0), level)
    assert (fitted.cells, fitted.level) == (200, level)
    assert list(fitted.rules) == [2, 3, 4, 5]
    cells = ensembles(2000, 1)
    for size in (2, 4, 5):
        for name in ("surface", "mean_curvature_mean"):
            share = held(fitted, BY_NAME[name], cells, size)
            assert share == pytest.approx(level + 0.02, abs=0.05)


@pytest.mark.parametrize("count", [9, 19, 20, 59])
def test_the_scale_reaches_to_the_error_of_its_rank(count):
    """The samples agree, so that the interval reaches to the error of the cautious rank."""
    errors = np.random.default_rng(count).permutation(np.linspace(0.1, 5, count))
    fitted = fit_intervals([known([30.0] * 3, 30 + error) for error in errors])
    rules = fitted.rules[3]
    rank = conformal_rank(count, 0.9)
    reached = np.sort(errors)[rank - 1]
    linear, log = rules["sphericity"], rules["surface"]
    assert (linear.log, log.log) == (False, True)
    # Each error is in units of the floor of the other cells, nearly that of all.
    assert linear.scale * linear.floor == pytest.approx(reached, rel=0.2)
    assert log.scale * log.floor == pytest.approx(math.log(1 + reached / 30), rel=0.2)
    for rule, name in ((linear, "sphericity"), (log, "surface")):
        sizes = np.sort(np.abs(fitted.known.errors[3][name].residuals))
        factor = fitted.known.errors[3][name].factor
        assert rule.scale == pytest.approx(factor * sizes[rank - 1], rel=1e-3)


def test_spread_alone_would_not_hold_them():
    naive = Intervals(0.9, 1, {5: {"surface": Rule(2.335, 1e-9)}})
    assert held(naive, BY_NAME["surface"], ensembles(500, 1)) < 0.7


@pytest.mark.parametrize(
    ("name", "power"), [("surface", 2), ("axis_longest", 1), ("hull_volume", 3), ("flatness", 0),
                        ("mean_curvature_sd", -1), ("gaussian_curvature_sd", -2)]
)  # fmt: skip
@pytest.mark.parametrize("log", [True, False])
def test_intervals_go_with_the_units(name, power, log):
    feature = BY_NAME[name]
    fitted = Intervals(0.9, 50, {3: {name: Rule(2.0, 0.3, log)}})
    values = np.array([10.0, 11.0, 12.0])
    low, high = fitted.interval(feature, values)
    edge = 0.25
    scaled = fitted.interval(feature, values * edge**power, edge)
    assert scaled == pytest.approx((low * edge**power, high * edge**power))


def test_ends_stay_among_possible_values():
    fitted = Intervals(0.9, 50, {2: {"solidity": Rule(2.0, 0.3)}})
    assert fitted.interval(BY_NAME["solidity"], [0.8, 0.9]) == (pytest.approx(0.234, abs=0.01), 1)
    assert all(math.isnan(end) for end in fitted.interval(BY_NAME["solidity"], [0.8]))
    assert all(math.isnan(end) for end in fitted.interval(BY_NAME["surface"], [0.8, 0.9]))


def test_intervals_in_a_summary():
    fitted = Intervals(0.9, 50, {2: {"volume": Rule(2.0, 0.1, True), "surface": Rule(2.0, 0.1)}})
    samples = [dict.fromkeys(BY_NAME, value) for value in (1.0, 2.0)]
    row = summarise(SHAPE_FEATURES, samples[0], samples, fitted, unit="um")
    half = 2 * math.hypot(math.log(2) / math.sqrt(2), 0.1)
    ends = math.exp(math.log(2) / 2 - half), math.exp(math.log(2) / 2 + half)
    assert (row["volume_low_um3"], row["volume_high_um3"]) == pytest.approx(ends)
    assert row["surface_high_um2"] == pytest.approx(1.5 + 2 * math.hypot(math.sqrt(0.5), 0.1))
    assert math.isnan(row["axis_longest_high_um"])  # neither known nor fitted
    assert (row["axis_longest_min_um"], row["axis_longest_max_um"]) == (1, 2)


def test_undefined_values_are_left_out():
    cells = ensembles(30, 0)
    for cell in cells:
        cell.samples[0].update(dict.fromkeys(BY_NAME, math.nan))
    for cell in cells[:25]:
        cell.true["surface"] = math.nan
    rules = fit_intervals(cells).rules[5]
    assert "surface" not in rules  # 5 cells are too few
    assert rules["volume"].scale > 0


def test_json():
    fitted = fit_intervals(ensembles(20, 0))
    assert intervals_of({"intervals": fitted.to_dict()}) == fitted
    assert intervals_of({}) is None
    bad = [[], {}, {"rules": {"volume": 3}}, {**fitted.to_dict(), "level": 2}]
    bad += [{"level": 0.9, "cells": 20, "rules": {"5": {"volume": [1, -1, True]}}}]
    content = fitted.to_dict()["known"]
    floor, factor, log, residuals = content["errors"]["5"]["volume"]
    wrong = [[-1, factor, log, residuals], [floor, 0, log, residuals], [floor, factor, log, "1.0"]]
    wrong += [[floor, factor, log, f"inf {residuals.split(' ', 1)[1]}"], [floor, factor, log]]
    wrong += [[floor, factor, log, f"x {residuals.split(' ', 1)[1]}"], [floor, factor, log, [1.0]]]
    bad += [
        {"level": 0.9, "known": {**content, "errors": {"5": {"volume": entry}}}} for entry in wrong
    ]
    bad += [{"level": 0.9, "known": {**content, "blocks": content["blocks"][1:]}}]
    bad += [{"level": 0.9, "known": {**content, "truth": {}}}]
    for values in bad:
        with pytest.raises(ConfigError):
            from_dict(values)


def test_calibration_of_earlier_weights():
    """exp(m +- scale sqrt(s^2 + floor^2)) of volume and boundary, for ensembles of any size."""
    values = {"volume_scale": 2.0, "volume_floor": 0.1, "surface_scale": 1.5, "surface_floor": 0.2}
    found = from_calibration({"level": 0.9, "cells": 50, **values})
    volumes = np.array([90.0, 100.0, 110.0, 120.0])
    for count in (2, 4):
        logs = np.log(volumes[:count])
        half = 2 * math.hypot(logs.std(ddof=1), 0.1)
        ends = found.interval(BY_NAME["volume"], volumes[:count])
        assert ends == pytest.approx((math.exp(logs.mean() - half), math.exp(logs.mean() + half)))
        diameters = (6 * volumes[:count] / math.pi) ** (1 / 3)
        low, high = found.interval(BY_NAME["equivalent_diameter"], diameters)
        assert (math.pi / 6 * low**3, math.pi / 6 * high**3) == pytest.approx(ends)
    low, high = found.interval(BY_NAME["boundary"], volumes)
    logs = np.log(volumes)
    assert math.log(high / low) / 2 == pytest.approx(1.5 * math.hypot(logs.std(ddof=1), 0.2))
    with pytest.raises(ConfigError, match="calibration is damaged"):
        from_calibration({**values, "level": 0.9})


def test_too_few_cells():
    with pytest.raises(ConfigError, match="8 cells with shapes are too few"):
        fit_intervals(ensembles(8, 0))


def test_ensembles_of_other_sizes():
    """A larger ensemble has the intervals of its first samples; a smaller one its own or none."""
    values = [10.0, 11.0, 12.0, 13.0, 90.0]
    rules = {3: {"volume": Rule(40.0, 1.0)}, 4: {"volume": Rule(2.0, 1.0)}}
    fitted, volume = Intervals(0.9, 50, rules), BY_NAME["volume"]
    of_four = Rule(2.0, 1.0).interval(values[:4])
    assert fitted.interval(volume, values) == fitted.interval(volume, values[:4]) == of_four
    low, high = Rule(40.0, 1.0).interval(values[:3])
    assert fitted.interval(volume, values[:3]) == (max(low, 0), high)
    assert math.isnan(fitted.interval(volume, values[:2])[0])


def test_any_level_from_one_calibration():
    fitted = fit_intervals(ensembles(200, 0))
    values = [29.0, 30.0, 32.0]
    widths = []
    for level in (0.5, 0.68, 0.9, 0.95):
        low, high = fitted.at(level).interval(BY_NAME["surface"], values)
        widths.append(high - low)
    assert widths == sorted(widths)
    assert fitted.at(0.9) == fitted.at(0.5).at(0.9) == fitted
    lower = fitted.at(0.9, "lower").interval(BY_NAME["surface"], values)
    assert fitted.interval(BY_NAME["surface"], values)[0] <= lower[0]
    assert lower[1] == math.inf
    upper = fitted.at(0.9, "upper").interval(BY_NAME["surface"], values)
    assert upper[0] == 0
    for wrong in (0.0, 1.0, 0.999):
        with pytest.raises(ConfigError, match="level"):
            fitted.at(wrong)
    with pytest.raises(ConfigError, match="side must be one of both, lower, upper"):
        fitted.at(0.9, "left")


def test_intervals_that_hold_together():
    """Errors of three measures are independent: apart 90 % each, together 73 %."""
    rng = np.random.default_rng(3)
    names = ("surface", "volume", "thickness_mean")

    def draw(count):
        found = []
        for _ in range(count):
            cell = known(rng.normal(30, 1, 5), 30.0)
            true = dict(zip(names, rng.normal(30, 3, 3), strict=True))
            found.append(replace(cell, true={**cell.true, **true}))
        return found

    def all_held(intervals, cells):
        inside = []
        for cell in cells:
            ends = [
                intervals.interval(BY_NAME[n], [sample[n] for sample in cell.samples])
                for n in names
            ]
            pairs = zip(names, ends, strict=True)
            inside.append(all(low <= cell.true[n] <= high for n, (low, high) in pairs))
        return np.mean(inside)

    fitted, new = fit_intervals(draw(400)), draw(1000)
    assert all_held(fitted, new) < 0.82
    together = fitted.at(0.9, together=names)
    assert all_held(together, new) == pytest.approx(0.91, abs=0.04)
    assert set(together.rules[5]) == set(names)
    assert fitted.at(0.9, together=["surface"]).rules[5]["surface"] == fitted.rules[5]["surface"]
    with pytest.raises(ConfigError, match='does not have the measure "weight"'):
        fitted.at(0.9, together=["weight"])


def test_predicted_and_true_values_are_kept():
    cells = ensembles(20, 0)
    fitted = fit_intervals(cells)
    value, true = fitted.pairs("volume")
    assert value == pytest.approx([cell.consensus["volume"] for cell in cells], rel=1e-3)
    assert true == pytest.approx([cell.true["volume"] for cell in cells], rel=1e-3)
    assert fitted.blocks.tolist() == list(range(20))
    old = Intervals(0.9, 50, {3: {"volume": Rule(2.0, 0.3)}})
    with pytest.raises(ConfigError, match="calibrated by an earlier version"):
        old.pairs("volume")
    with pytest.raises(ConfigError, match=r"level of 0\.9 only"):
        old.at(0.5)
    assert old.at(0.9) is old


def with_distances(count=60):
    """Cells whose errors are ten times as small near to known planes, and twice in between."""
    cells = ensembles(count, 1)

    def nearer(factor):
        found = []
        for cell in cells:
            mean = cell.consensus["volume"]
            true = mean * (cell.true["volume"] / mean) ** factor
            found.append(replace(cell, true={**cell.true, "volume": true}))
        return found

    return cells, {0.2: nearer(0.1), 0.4: nearer(0.5)}


def width(intervals, values=(29.0, 30.0, 31.0)):
    low, high = intervals.interval(BY_NAME["volume"], values)
    return math.log(high / low)


def test_intervals_depend_on_the_distance_from_known_planes():
    cells, further = with_distances()
    found = fit_intervals(cells, further=further)
    alone = fit_intervals(cells)
    assert found.rules == alone.rules  # those of one section stay as they are
    assert found.given(None) is found
    narrow, middle, wide = (found.given(distance) for distance in (0.2, 0.2001, 0.4001))
    assert found.given(0.01) is narrow
    assert found.given(0.4) is middle
    assert wide is found  # nothing was calibrated with such distances
    assert narrow.rules == fit_intervals(further[0.2]).rules
    assert middle.rules == fit_intervals(further[0.4]).rules
    assert width(narrow) < width(middle) < width(wide)
    assert width(found.at(0.5).given(0.1)) < width(narrow)
    assert found.at(0.5).given(0.1).rules == narrow.at(0.5).rules
    _, true = narrow.pairs("volume")
    assert true == pytest.approx([cell.true["volume"] for cell in further[0.2]], rel=1e-3)


def test_distances_that_too_few_cells_were_calibrated_with_take_larger_ones():
    cells, further = with_distances(60)
    found = fit_intervals(cells, further={0.2: further[0.2][:8], 0.4: further[0.4][:20]})
    assert list(found.further) == [0.4]
    assert found.given(0.1).rules == fit_intervals(further[0.4][:20]).rules
    assert found.at(0.95).given(0.1).cells == 20
    assert found.at(0.98).given(0.1).cells == 60  # 20 cells do not allow this level


def test_distances_in_json():
    cells, further = with_distances(20)
    found = fit_intervals(cells, further=further)
    read = from_dict(found.to_dict())
    assert read == found
    assert read.given(0.3).rules == found.given(0.3).rules
    assert found.of_sections().to_dict() == fit_intervals(cells).to_dict()
    for wrong in ("x", "0", "1.5", "nan"):
        content = found.to_dict()
        content["further"][wrong] = content["further"].pop("0.2")
        with pytest.raises(ConfigError, match="not intervals"):
            from_dict(content)
