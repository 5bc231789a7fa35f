import csv
from pathlib import Path

import pytest

from dispr.errors import ArrayError, ConfigError, FileError
from dispr.failures import Failures, read_failures


def fail(failures, name, error):
    with failures.of(name, [Path("image") / f"{name}.tif", Path("mask") / f"{name}.tif"]):
        raise error


def test_failures_are_listed_with_the_file_at_fault(tmp_path):
    failures = Failures()
    fail(failures, "b", FileError(f"{Path('mask') / 'b.tif'} is damaged."))
    fail(failures, "a", ArrayError("it is empty."))
    fail(failures, "c", MemoryError())
    assert len(failures) == 3
    failures.write(tmp_path / "failures.csv")
    with open(tmp_path / "failures.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["a", "b", "c"]
    assert [Path(row["file"]).parent.name for row in rows] == ["image", "mask", "image"]
    assert rows[1]["reason"] == f"{Path('mask') / 'b.tif'} is damaged."
    assert read_failures(tmp_path / "failures.csv") == sorted(failures.found)
    Failures().write(tmp_path / "failures.csv")
    assert not (tmp_path / "failures.csv").exists()
    assert read_failures(tmp_path / "failures.csv") == []


def test_strict_runs_stop_at_the_first():
    with pytest.raises(FileError, match="is damaged"):
        fail(Failures(strict=True), "a", FileError("a.tif is damaged."))


def test_settings_are_wrong_for_all():
    with pytest.raises(ConfigError):
        fail(Failures(), "a", ConfigError("no such sampler."))


def test_where_nothing_is_done_the_first_is_an_error():
    failures = Failures()
    failures.raise_if_none_left(0)
    fail(failures, "a", FileError("a.tif is damaged."))
    failures.raise_if_none_left(1)
    with pytest.raises(FileError, match=r"^a.tif is damaged\.$"):
        failures.raise_if_none_left(0)
    fail(failures, "b", FileError("b.tif is damaged."))
    with pytest.raises(FileError, match=r"a.tif is damaged\. \(All 2 failed\.\)"):
        failures.raise_if_none_left(0)
