import numpy as np
import pytest

import dispr
from dispr.intervals.rules import Rule, calibrated
from dispr.morphology.features import SHAPE_FEATURES
from dispr.prediction.choices import DISTANCES

NAMES = {feature.name for feature in SHAPE_FEATURES}


@pytest.fixture(scope="module")
def found():
    return dispr.load(device="cpu").intervals


def test_what_is_shipped_covers_all_measures(found):
    assert (found.level, found.cells) == (0.9, 59)
    assert list(found.rules) == [2, 3, 4, 5]
    for rules in found.rules.values():
        assert set(rules) == NAMES
    assert calibrated(found, 5) == "all"


def test_those_of_one_section_are_as_they_were_first_calibrated(found):
    assert found.rules[5]["volume"] == Rule(3.4009, 0.016188, log=True)


def test_what_is_shipped_covers_further_planes(found):
    assert tuple(found.further) == DISTANCES
    widths = []
    for distance in (*DISTANCES, None):
        its = found.given(distance)
        assert its.cells >= 55  # a small cell may have no planes so close together
        assert [set(rules) for rules in its.rules.values()] == [NAMES] * 4
        value, true = its.pairs("volume")
        error = np.nanmean(np.abs(np.log(value / true)))
        # Where the samples differ by about the errors of these cells.
        samples = 20000 * np.exp(error * np.array([-1.2, -0.6, 0, 0.6, 1.2]))
        widths.append(np.diff(its.rules[5]["volume"].interval(samples)))
    # The more is known, the narrower they are.
    assert widths[0] < widths[1] < widths[2] < 0.5 * widths[-1]
    assert max(widths[3:-1]) < widths[-1]
