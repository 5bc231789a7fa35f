import math

import numpy as np
import pytest

from dispr.errors import FileError
from dispr.files import write_csv
from dispr.scores.intervals import fair_crps, interval_scores, stated_intervals


def row(name, cell_class, volume, true=100):
    return {
        "name": name,
        "class": cell_class,
        "volume_voxels": volume,
        "true_volume_voxels": true,
        "boundary_voxels": volume,
        "true_boundary_voxels": true,
    }


def test_read_and_score(tmp_path):
    table = [
        {"name": "a", "volume_low_voxels": 90, "volume_high_voxels": 120},
        {"name": "b", "volume_low_voxels": 101, "volume_high_voxels": 111},
        {"name": "c", "volume_low_voxels": "", "volume_high_voxels": ""},
    ]
    write_csv(tmp_path / "predictions.csv", table)
    intervals = stated_intervals(tmp_path)
    assert intervals == {"a": {"volume": (90.0, 120.0)}, "b": {"volume": (101.0, 111.0)}}
    rows = [row(*cell, v) for cell in (("a", "x"), ("b", "y"), ("c", "y")) for v in (95, 105)]
    everything, x, y = interval_scores(rows, intervals)
    assert (everything["class"], everything["cells"], everything["held"]) == ("all", 2, 0.5)
    assert everything["width"] == pytest.approx(0.2)
    assert (x["class"], x["held"], y["class"], y["held"]) == ("x", 1.0, "y", 0.0)


def test_no_table(tmp_path):
    assert stated_intervals(tmp_path) == {}
    assert interval_scores([row("a", "x", 90)], {}) == []


@pytest.mark.parametrize("content", [b"name,volume_low_voxels,volume_high_voxels\na,b,3", b"\xff"])
def test_damaged_table(content, tmp_path):
    (tmp_path / "predictions.csv").write_bytes(content)
    with pytest.raises(FileError, match=r"predictions\.csv is damaged"):
        stated_intervals(tmp_path)


def test_crps():
    assert fair_crps([1.0, 3.0], 2.0) == pytest.approx(1 - 1)
    assert fair_crps([5.0, 5.0], 2.0) == pytest.approx(3)
    assert math.isnan(fair_crps([5.0], 2.0))


def test_crps_does_not_depend_on_the_size_of_the_ensemble():
    """The fair form is that of the distribution, on average."""
    rng = np.random.default_rng(0)
    small = np.mean([fair_crps(rng.standard_normal(3), 0.5) for _ in range(20000)])
    large = np.mean([fair_crps(rng.standard_normal(300), 0.5) for _ in range(200)])
    assert small == pytest.approx(large, abs=0.02)


@pytest.mark.parametrize(
    ("low", "high", "held"),
    [(90, 110, 1), (100, 110, 1), (90, 100, 1), (90, 99, 0), (101, 110, 0), (50, 60, 0)],
)
def test_the_ends_are_held(low, high, held):
    rows = [row("a", "x", value, true=100.0) for value in (80, 110)]
    (found,) = interval_scores(rows, {"a": {"volume": (low, high)}})
    assert found["quantity"] == "volume"
    assert found["held"] == held
    assert found["width"] == pytest.approx((high - low) / 100)
    # (20 + 10) / 2 from the truth, less a quarter of twice 30.
    assert found["crps"] == pytest.approx((15 - 15) / 100)
    (twice,) = interval_scores(
        [row("a", "x", value, true=50.0) for value in (80, 110)], {"a": {"volume": (low, high)}}
    )
    assert twice["crps"] == pytest.approx((45 - 15) / 50)


def test_classes_come_in_order():
    names = ["e", "b", "d", "a", "c"]
    rows = [row(name, name, value) for name in names for value in (80, 110)]
    found = interval_scores(rows, {name: {"boundary": (90, 110)} for name in names})
    assert [line["class"] for line in found] == ["all", "a", "b", "c", "d", "e"]
    assert {line["quantity"] for line in found} == {"boundary"}
