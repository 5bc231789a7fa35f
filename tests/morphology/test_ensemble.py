import math

import numpy as np
import pytest
from scipy import stats

from dispr.model.calibration import Calibration
from dispr.morphology.ensemble import calibrated, measure_ensemble, spread_interval, summarise
from dispr.morphology.features import SHAPE_FEATURES, Feature
from dispr.morphology.shape import measure
from dispr.prediction.model import Prediction

LENGTH = Feature("length", "length", "", "", 0.0)


def test_interval_is_students():
    values = [3.0, 5.0, 4.0, 8.0, 5.5]
    low, high = spread_interval(values)
    t = stats.t.ppf(0.95, 4)
    half = t * np.std(values, ddof=1) * math.sqrt(1.2)
    assert (low, high) == pytest.approx((5.1 - half, 5.1 + half))
    assert spread_interval(values, level=0.5)[0] > low


@pytest.mark.parametrize("count", [2, 5, 20])
def test_interval_holds_one_more_draw_as_often_as_stated(count):
    draws = np.random.default_rng(0).normal(3, 2, (4000, count + 1))
    held = []
    for row in draws:
        low, high = spread_interval(row[:-1])
        held.append(low <= row[-1] <= high)
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)


def test_interval_stays_among_possible_values():
    assert spread_interval([0.1, 0.9], 0.0, 1.0) == (0, 1)
    assert spread_interval([1.0, 1.0], 0.0) == (1, 1)
    assert all(math.isnan(end) for end in spread_interval([1.0]))


def test_summary():
    samples = [{"length": 1.0}, {"length": 3.0}, {"length": math.nan}]
    row = summarise([LENGTH], {"length": 2.5}, samples, physical=True)
    assert list(row) == [
        "length_um", "length_mean_um", "length_sd_um", "length_low_um", "length_high_um",
    ]  # fmt: skip
    assert row["length_um"] == 2.5
    assert row["length_mean_um"] == 2
    assert row["length_sd_um"] == pytest.approx(math.sqrt(2))
    assert row["length_low_um"] == 0  # cut off
    known = summarise([LENGTH], {"length": 2.5}, samples, {"length": (1.5, 9.0)})
    assert (known["length_low_voxels"], known["length_high_voxels"]) == (1.5, 9.0)


def test_calibrated_intervals_have_the_units_of_their_measures():
    found = calibrated((1000, 8000), (500, 900), 0.5**3)
    assert found["volume"] == (125, 1000)
    assert found["boundary"] == (500, 900)
    low, high = found["equivalent_diameter"]
    assert high / low == pytest.approx(2)
    assert math.pi / 6 * low**3 == pytest.approx(125)


def boxes(*heights):
    bodies = np.zeros((len(heights), 64, 64, 64), bool)
    for body, height in zip(bodies, heights, strict=True):
        body[30 : 30 + height, 20:40, 20:40] = True
    return bodies


def test_prediction_measures_itself():
    samples = boxes(10, 12, 14)
    calibration = Calibration(0.9, 2.0, 0.1, 2.0, 0.1, 50)
    prediction = Prediction(samples, samples.mean(0), calibration, voxel_size=0.5)
    found = prediction.measure()
    assert len(found) == 5 * len(SHAPE_FEATURES)
    assert found["volume_um3"] == 12 * 400 / 8
    assert found["volume_mean_um3"] == pytest.approx(600)
    assert found["volume_sd_um3"] == pytest.approx(100)
    low, high = prediction.interval()
    assert (found["volume_low_um3"], found["volume_high_um3"]) == pytest.approx((low / 8, high / 8))
    assert found["boundary_low_voxels"] == pytest.approx(prediction.interval("surface")[0])
    surfaces = [measure(sample, 0.5)["surface_um2"] for sample in samples]
    assert found["surface_low_um2"] == pytest.approx(spread_interval(surfaces)[0])
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
