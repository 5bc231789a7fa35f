"""The tables that the commands write on fixed inputs hold the numbers that were recorded.

    python tests/test_same_numbers.py

records them anew; `git diff tests/same_numbers` then shows every number that a change has moved.
"""

import csv
import math
import os
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from dispr.cli.main import cli

RECORDED = Path(__file__).with_name("same_numbers")

LABELS = "fields/labels/field_000.tif"
COMMANDS = """
simulate -o cells -n 3 --seed 7 --test-fraction 1
simulate -o fields --fields 1 -n 2 --field-size 150 --seed 3
predict cells -o predictions --split test --sampling-steps 2 --pixel-size 0.172 --no-report
predict fields/field_000.tif -o field --labels LABELS --sampling-steps 2 --no-report
measure predictions -o measurements.csv --all --jobs 1
measure field -o field_measurements.csv --all --jobs 1
measure cells -o cells.csv --split test --all --jobs 1
evaluate predictions cells -o metrics.csv --split test --no-report
"""

TABLES = (
    "predictions/predictions.csv",
    "field/cells.csv",
    "measurements.csv",
    "field_measurements.csv",
    "cells.csv",
    "metrics.csv",
    "metrics_summary.csv",
    "metrics_intervals.csv",
)


def run_commands() -> None:
    """Run all commands in the current folder."""
    for line in COMMANDS.strip().splitlines():
        words = line.replace("LABELS", LABELS).split()
        if words[0] == "predict":
            words += ["--precision", "fp32"]  # on all machines
        result = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert result.exit_code == 0, f"{line}: {result.output}"


def read(path: Path) -> list[dict[str, str]]:
    """Read a table as text."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def same(found: str, recorded: str) -> bool:
    """Tell whether two cells of a table hold the same text, or numbers alike on any machine."""
    try:
        return math.isclose(float(found), float(recorded), rel_tol=0.02, abs_tol=0.02)
    except ValueError:
        return found == recorded


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tables of all commands."""
    folder = tmp_path_factory.mktemp("numbers")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_commands()
    return folder


@pytest.mark.parametrize("name", TABLES)
def test_same_numbers(tables, name):
    found, recorded = read(tables / name), read(RECORDED / name.replace("/", "_"))
    assert len(found) == len(recorded) > 0
    assert list(found[0]) == list(recorded[0])
    for row, (is_now, was) in enumerate(zip(found, recorded, strict=True)):
        moved = {key: (was[key], is_now[key]) for key in was if not same(is_now[key], was[key])}
        assert not moved, f"row {row}: recorded and found {moved}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run_commands()
        RECORDED.mkdir(exist_ok=True)
        for table in TABLES:
            (RECORDED / table.replace("/", "_")).write_bytes(Path(table).read_bytes())
