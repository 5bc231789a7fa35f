import math
from dataclasses import replace

import numpy as np
import pytest

from dispr.intervals.ensemble import measure_ensemble, summarise
from dispr.intervals.rules import ANY, Intervals, Rule, calibrated, containing, sample_range
from dispr.morphology.features import SHAPE_FEATURES, Feature
from dispr.morphology.shape import measure
from dispr.prediction.prediction import Prediction

LENGTH = Feature("length", "length", "", "", 0.0)


def test_range_holds_samples_and_consensus():
    assert sample_range([3.0, 5.0, math.nan, 4.0], 4.5) == (3, 5)
    assert sample_range([3.0, 5.0], 2.0) == (2, 5)
    assert sample_range([3.0, 5.0], 6.0) == (3, 6)
    assert sample_range([3.0, 5.0], math.nan) == (3, 5)
    assert all(math.isnan(end) for end in sample_range([1.0, math.nan], 1.0))


def test_intervals_hold_the_value_beside_them():
    assert containing((2.0, 3.0), 2.5) == (2, 3)
    assert containing((2.0, 3.0), 1.0) == (1, 3)
    assert containing((2.0, 3.0), 4.0) == (2, 4)
    assert math.isnan(containing((math.nan, math.nan), 4.0)[0])
    samples = [{"length": 1.0}, {"length": 1.1}]
    rules = Intervals(0.9, 20, {2: {"length": Rule(1.0, 0.01)}})
    row = summarise([LENGTH], {"length": 0.5}, samples, rules)
    assert row["length_low_voxels"] == 0.5
    assert 1.05 < row["length_high_voxels"] < 1.2
    known = summarise([LENGTH], {"length": 9.5}, samples, rules)
    assert 0.9 < known["length_low_voxels"] < 1.05
    assert known["length_high_voxels"] == 9.5


def test_what_is_calibrated():
    rules = Intervals(0.9, 20, {3: {}, 5: {}})
    assert [calibrated(rules, n) for n in (1, 2, 3, 4, 5, 9)] == ["none"] * 2 + ["all"] * 4
    assert [rules.size_for(n) for n in (2, 3, 4, 5, 9)] == [None, 3, 3, 5, 5]
    earlier = Intervals(0.9, 20, {ANY: {}})
    assert [calibrated(earlier, n) for n in (1, 2, 5)] == ["none", "volume", "volume"]
    assert calibrated(None, 5) == "none"


def test_summary():
    samples = [{"length": 1.0}, {"length": 3.0}, {"length": math.nan}]
    row = summarise([LENGTH], {"length": 2.5}, samples, unit="um")
    assert list(row) == [
        *("length_um", "length_mean_um", "length_sd_um"),
        *("length_min_um", "length_max_um", "length_low_um", "length_high_um"),
    ]
    assert row["length_um"] == 2.5
    assert row["length_mean_um"] == 2
    assert row["length_sd_um"] == pytest.approx(math.sqrt(2))
    assert (row["length_min_um"], row["length_max_um"]) == (1, 3)
    assert math.isnan(row["length_low_um"])  # nothing was calibrated
    assert math.isnan(row["length_high_um"])


def boxes(*heights):
    bodies = np.zeros((len(heights), 64, 64, 64), bool)
    for body, height in zip(bodies, heights, strict=True):
        body[30 : 30 + height, 20:40, 20:40] = True
    return bodies


def test_prediction_measures_itself():
    samples = boxes(10, 12, 14)
    rules = {"volume": Rule(2.0, 0.1, True), "boundary": Rule(2.0, 0.1, True)}
    intervals = Intervals(0.9, 50, {3: rules})
    prediction = Prediction(samples, samples.mean(0), intervals, voxel_size=0.5)
    found = prediction.measure()
    assert len(found) == 7 * len(SHAPE_FEATURES)
    assert found["volume_um3"] == 12 * 400 / 8
    assert found["volume_mean_um3"] == pytest.approx(600)
    assert found["volume_sd_um3"] == pytest.approx(100)
    low, high = prediction.interval()
    assert (found["volume_low_um3"], found["volume_high_um3"]) == pytest.approx((low / 8, high / 8))
    assert found["boundary_low_voxels"] == pytest.approx(prediction.interval("boundary")[0])
    surfaces = [measure(sample, 0.5)["surface_um2"] for sample in samples]
    assert math.isnan(found["surface_low_um2"])
    assert found["surface_min_um2"] == pytest.approx(min(surfaces))
    assert found["surface_max_um2"] == pytest.approx(max(surfaces))
    warned = replace(prediction, warning="Odd.")
    assert all(math.isnan(end) for end in warned.interval())
    more = Intervals(0.9, 50, {3: {**rules, "surface": Rule(1.0, 1.0)}})
    assert replace(prediction, intervals=more).measure()["surface_low_um2"] < min(surfaces)
    told = replace(warned, intervals=more).measure()
    assert math.isnan(told["volume_low_um3"])
    assert math.isnan(told["surface_low_um2"])
    assert (told["volume_min_um3"], told["volume_max_um3"]) == (500, 700)
    assert warned.sample_range() == (4000, 5600)
    without = Prediction(samples, samples.mean(0)).measure()
    assert without["volume_voxels"] == 4800
    assert not [name for name in without if "um" in name.split("_")]


def test_empty_shapes_have_no_volume_and_no_form():
    samples = boxes(10, 12)
    samples[1] = False
    found = measure_ensemble(samples[1], samples)
    assert found["volume_voxels"] == 0
    assert math.isnan(found["sphericity"])
    assert found["volume_mean_voxels"] == 2000
    assert found["extent_z_mean_voxels"] == 10
    assert math.isnan(found["extent_z_sd_voxels"])
