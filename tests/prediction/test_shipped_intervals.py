import dispr
from dispr.intervals.rules import calibrated
from dispr.morphology.features import SHAPE_FEATURES


def test_what_is_shipped_covers_all_measures():
    found = dispr.load(device="cpu").intervals
    assert (found.level, found.cells) == (0.9, 59)
    assert list(found.rules) == [2, 3, 4, 5]
    for rules in found.rules.values():
        assert set(rules) == {feature.name for feature in SHAPE_FEATURES}
    assert calibrated(found, 5) == "all"
