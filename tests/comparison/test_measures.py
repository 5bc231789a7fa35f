import math
from xml.etree import ElementTree

import numpy as np
import pytest

from dispr.comparison.condition import Condition, common_edge, common_unit
from dispr.comparison.known import prediction_powered
from dispr.comparison.measures import Question, answer, row
from dispr.comparison.relation import fit_relation
from dispr.comparison.sample import Sample
from dispr.comparison.violins import violins_svg
from dispr.errors import ConfigError

EDGE = 0.2


class Calibration:
    """As `Intervals` of a model with calibration cells."""

    blocks = np.repeat(np.arange(10), 6)

    def pairs(self, name):
        random = np.random.default_rng(5)
        predicted = random.normal(30_000, 6_000, 60)
        return predicted, 1_000 + 0.9 * predicted + random.normal(0, 500, 60)


def condition(label="a", shift=0.0, seed=0, count=40, known=0, donors=(), edge=EDGE):
    """Cells whose volumes are given, and are twice as large as predicted."""
    random = np.random.default_rng(seed)
    volumes = random.normal(30_000, 3_000, count) + shift
    values = [{"volume": v, "sphericity": 0.5 + v / 1e6} for v in volumes]
    errors = 100 * random.normal(size=known)
    true = [{"volume": 2 * v + e} for v, e in zip(volumes[:known], errors, strict=True)]
    return Condition(
        label,
        [f"c{i}" for i in range(count)],
        values,
        np.full(count, edge),
        [""] * count,
        [donors[i % len(donors)] if donors else "" for i in range(count)],
        values[:known],
        true,
        np.full(known, edge),
        [f"c{i}" for i in range(known)],
        [donors[i % len(donors)] if donors else "" for i in range(known)],
    )


def volume(a, b, intervals=None, **asked):
    return answer((a, b), Question(("volume",), **asked), intervals)[0]


def test_calibration_cells_are_brought_to_the_unit_of_the_cells():
    a, b = condition(), condition("b", 4_000, 1)
    found = volume(a, b, Calibration())
    assert (found.method, found.column) == ("calibration", "volume_um3")
    predicted, true = Calibration().pairs("volume")
    line = fit_relation(predicted, true, Calibration.blocks)
    samples = [Sample(np.array([v["volume"] for v in one.values])) for one in (a, b)]
    in_voxels = line.compare(*samples).difference
    difference = found.found.difference
    assert difference.value == pytest.approx(in_voxels.value * EDGE**3)
    assert difference.high == pytest.approx(in_voxels.high * EDGE**3)
    assert found.claim() == "larger"


def test_without_a_voxel_size_values_are_in_voxels():
    a, b = condition(edge=math.nan), condition("b", 4_000, 1, edge=math.nan)
    assert common_unit((a, b)) == "voxel"
    found = volume(a, b, Calibration())
    assert found.column == "volume_voxels"
    assert found.method == "calibration"
    assert found.found.difference.value == pytest.approx(
        volume(condition(), condition("b", 4_000, 1), Calibration()).found.difference.value
        / EDGE**3
    )


def test_known_cells_are_preferred():
    a, b = condition(known=8), condition("b", 4_000, 1, known=8)
    found = volume(a, b, Calibration())
    assert found.method == "known cells"
    expected = prediction_powered(found.a, found.b)
    assert found.found == expected
    assert found.found.slope == pytest.approx(2, abs=0.05)
    assert found.found.difference.value / EDGE**3 == pytest.approx(8_000, rel=0.5)


def test_without_known_or_calibration_cells_nothing_is_claimed():
    found = volume(condition(), condition("b", 9_000, 1))
    assert found.method == "predictions only"
    assert found.claim() == "no claim"
    assert found.found.difference.value > 0
    cells = row(found, ("a", "b"))
    assert cells["p"] == cells["difference_low"] == cells["hedges_g"] == ""
    assert cells["doubt"] == "the model has no calibration cells"


def test_cells_beyond_the_calibration_cells_are_no_ground_for_a_claim():
    found = volume(condition(), condition("b", 40_000, 1), Calibration())
    assert found.claim() == "no claim"
    assert found.doubt == "100% of the cells of a condition lie beyond the calibration cells"
    assert math.isnan(found.adjusted)


def test_voxels_of_several_sizes_have_no_relation_to_the_calibration_cells():
    a, b = condition(), condition("b", edge=0.3)
    assert common_edge((a, b)) is None
    found = volume(a, b, Calibration())
    assert (found.method, found.claim()) == ("predictions only", "no claim")
    assert "several sizes" in found.doubt
    assert common_edge((a, condition())) == pytest.approx(EDGE)


def test_measured_shapes_have_no_error_of_prediction():
    found = volume(condition(), condition("b", 4_000, 1), predicted=False)
    assert found.method == "measured"
    assert found.found.error_sd == 0
    assert found.claim() == "larger"


def test_p_values_are_adjusted_for_all_measures_with_a_claim():
    a, b = condition(), condition("b", 2_000, 1)
    found = answer((a, b), Question(("volume", "sphericity"), predicted=False), None)
    p = [one.found.difference.p for one in found]
    assert p[0] == pytest.approx(p[1])  # one is a linear function of the other
    assert [one.adjusted for one in found] == pytest.approx([2 * p[0], 2 * p[0]])


def test_a_difference_that_only_its_own_p_value_shows_is_called_so():
    a, b = condition(count=12), condition("b", 1_200, 1, count=12)
    alone = answer((a, b), Question(("volume",), predicted=False), None)[0]
    assert 0.025 < alone.found.difference.p < 0.05
    assert alone.claim() == "larger"
    both = answer((a, b), Question(("volume", "sphericity"), predicted=False), None)
    assert {one.claim() for one in both} == {"not after adjustment"}


def test_pairs_keep_the_donors_that_both_have():
    a = condition(donors=("x", "y", "z"))
    b = condition("b", 4_000, 1, donors=("w", "x", "z"))
    found = volume(a, b, predicted=False, by_donor=True, paired=True)
    assert list(found.a.units) == list(found.b.units) == ["x", "z"]
    cells = row(found, ("a", "b"))
    assert (cells["donors_a"], cells["cells_a"], cells["cells_b"]) == (2, 27, 26)


def test_a_doubt_about_the_whole_withholds_every_claim():
    found = volume(condition(), condition("b", 9_000, 1), predicted=False, doubt="one donor")
    assert found.claim() == "no claim"
    assert math.isfinite(found.found.difference.low)


def test_a_measure_without_values_is_left_open():
    found = answer((condition(), condition("b")), Question(("surface",)), Calibration())[0]
    assert found.claim() == "no claim"
    assert row(found, ("a", "b"))["mean_a"] == ""


def test_a_measure_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="volume_um3 is not a measure"):
        answer((condition(), condition("b")), Question(("volume_um3",)), None)


def test_pictures_are_valid_with_any_label():
    pair = condition(), condition("b", 2_000, 1)
    found = answer(pair, Question(("volume", "surface"), predicted=False), None)
    text = violins_svg(found, ["<a> & b", "c"])
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "&lt;a&gt; &amp; b" in text
    assert "nan" not in text
    assert "no values" in text  # of the surface
