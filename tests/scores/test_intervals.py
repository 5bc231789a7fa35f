import pytest

from dispr.errors import FileError
from dispr.files import write_csv
from dispr.intervals.quantiles import exact_bounds
from dispr.scores.intervals import (
    Stated,
    interval_scores,
    stated_intervals,
)


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
    assert intervals.ends == {"a": {"volume": (90.0, 120.0)}, "b": {"volume": (101.0, 111.0)}}
    rows = [row(*cell, v) for cell in (("a", "x"), ("b", "y"), ("c", "y")) for v in (95, 105)]
    everything, x, y = interval_scores(rows, intervals)
    assert (everything["group"], everything["cells"], everything["held"]) == ("all", 2, 0.5)
    assert everything["width"] == pytest.approx(0.2)
    assert (x["group"], x["held"], y["group"], y["held"]) == ("x", 1.0, "y", 0.0)


def test_no_table(tmp_path):
    assert stated_intervals(tmp_path) == Stated({})
    assert interval_scores([row("a", "x", 90)], Stated({})) == []


@pytest.mark.parametrize("content", [b"name,volume_low_voxels,volume_high_voxels\na,b,3", b"\xff"])
def test_damaged_table(content, tmp_path):
    (tmp_path / "predictions.csv").write_bytes(content)
    with pytest.raises(FileError, match=r"predictions\.csv is damaged"):
        stated_intervals(tmp_path)


@pytest.mark.parametrize(
    ("low", "high", "held"),
    [(90, 110, 1), (100, 110, 1), (90, 100, 1), (90, 99, 0), (101, 110, 0), (50, 60, 0)],
)
def test_the_ends_are_held(low, high, held):
    rows = [row("a", "x", value, true=100.0) for value in (80, 110)]
    (found,) = interval_scores(rows, Stated({"a": {"volume": (low, high)}}))
    assert found["quantity"] == "volume"
    assert found["held"] == held
    assert found["width"] == pytest.approx((high - low) / 100)


def test_groups_and_bounds():
    """Of 30 cells the ten smallest and the less familiar half have wrong intervals."""
    rows = [row(f"c{i:02d}", "x", 100 + i, true=100.0) for i in range(30)]
    ends = {f"c{i:02d}": {"volume": (50.0, 90.0 if i < 10 else 110.0)} for i in range(30)}
    familiarity = {f"c{i:02d}": i / 100 for i in range(30)}
    found = interval_scores(rows, Stated(ends, 0.68, familiarity))
    assert {line["level"] for line in found} == {0.68}
    shares = {line["group"]: (line["cells"], line["held"]) for line in found}
    assert shares == {
        "all": (30, pytest.approx(2 / 3)),
        "smallest third (predicted volume)": (10, 0),
        "middle third (predicted volume)": (10, 1),
        "largest third (predicted volume)": (10, 1),
        "less familiar half": (15, pytest.approx(1 / 3)),
        "more familiar half": (15, 1),
    }
    assert exact_bounds(0, 10) == (0, pytest.approx(1 - 0.025 ** (1 / 10)))
    assert exact_bounds(10, 10) == (pytest.approx(0.025 ** (1 / 10)), 1)
    # Tabulated by Clopper and Pearson (1934) to three digits: 5 of 10 at 95 %.
    assert exact_bounds(5, 10) == (pytest.approx(0.187, abs=5e-4), pytest.approx(0.813, abs=5e-4))
