"""Probabilities of classes that mean what they say."""

import numpy as np
import pytest

from dispr.errors import ConfigError
from dispr.recognition.calibration import (
    UNSURE,
    Calibration,
    calibration_error,
    calibration_from,
    cross_fitted,
    fit_calibration,
    named,
)


def made_up(n, seed, slope=1.0, shifts=(0.0, 0.0, 0.0)):
    """True probabilities of three classes, cells drawn by them, and what a classifier says."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet((4, 4, 4), n)
    truth = np.array([rng.choice(3, p=row) for row in true])
    said = np.exp(slope * np.log(true) + shifts)
    return true, said / said.sum(axis=1, keepdims=True), truth


def test_a_classifier_too_sure_of_itself_is_set_right():
    true, said, truth = made_up(4000, 0, slope=3.0, shifts=(0.0, 1.0, -1.0))
    calibration = fit_calibration(said, truth)
    assert calibration.slope == pytest.approx(1 / 3, abs=0.03)
    shifts = np.array(calibration.shifts)
    np.testing.assert_allclose(shifts - shifts.mean(), [0, -1 / 3, 1 / 3], atol=0.1)

    true, said, truth = made_up(4000, 1, slope=3.0, shifts=(0.0, 1.0, -1.0))
    right = calibration(said)
    np.testing.assert_allclose(right.sum(axis=1), 1)
    assert calibration_error(said, truth) > 0.15
    assert calibration_error(right, truth) < 0.03
    assert np.abs(right - true).max() < 0.1


def test_what_is_right_already_stays():
    _, said, truth = made_up(4000, 2)
    calibration = fit_calibration(said, truth)
    assert calibration.slope == pytest.approx(1, abs=0.06)
    assert np.ptp(calibration.shifts) < 0.15


def test_a_part_is_set_right_by_the_others_alone():
    _, said, truth = made_up(300, 3, slope=2.0)
    parts = np.arange(300) % 3
    found = cross_fitted(said, truth, parts)
    spoiled = np.where(parts == 1, (truth + 1) % 3, truth)
    again = cross_fitted(said, spoiled, parts)
    np.testing.assert_array_equal(found[parts == 1], again[parts == 1])
    assert not np.allclose(found[parts == 0], again[parts == 0])
    np.testing.assert_array_equal(cross_fitted(said, truth, np.zeros(300)), said)


def test_cells_of_other_classes_are_left_out():
    _, said, truth = made_up(200, 4)
    more = np.concatenate([said, [[0.9, 0.05, 0.05]] * 50])
    marked = np.concatenate([truth, [-1] * 50])
    assert fit_calibration(more, marked) == fit_calibration(said, truth)


def test_no_class_is_named_below_the_level():
    rows = np.array([[0.5, 0.3, 0.2], [0.45, 0.45, 0.1], [0.1, 0.1, 0.8]])
    assert named(rows, ("a", "b", "c"), 0.5) == ["a", UNSURE, "c"]
    assert named(rows, ("a", "b", "c"), 0.0) == ["a", "a", "c"]


def test_the_error_of_a_calibration():
    # Ten cells given 0.8, of which six are right; ten given 0.6, of which six are.
    rows = np.array([[0.8, 0.2]] * 10 + [[0.6, 0.4]] * 10)
    truth = np.array([0] * 6 + [1] * 4 + [0] * 6 + [1] * 4)
    assert calibration_error(rows, truth) == pytest.approx(0.1)


def test_it_is_kept_as_json():
    calibration = Calibration(0.5, (0.1, -0.1))
    assert calibration_from(calibration.to_dict(), 2) == calibration
    for values in (None, {}, {"slope": 0, "shifts": [0, 0]}, {"slope": 1, "shifts": [0]}):
        with pytest.raises(ConfigError):
            calibration_from(values, 2)
