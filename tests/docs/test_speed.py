"""What the pages say of speed is what `make bench` measured: `docs/speed.json`."""

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = json.loads((ROOT / "docs" / "speed.json").read_text(encoding="utf-8"))
ROWS = {(row["group"], row["name"]): row for result in RESULTS for row in result["rows"]}


def text(page: str) -> str:
    return re.sub(r"\s+", " ", (ROOT / page).read_text(encoding="utf-8"))


def core(name: str) -> float:
    """Give the core seconds of a row with this name, which is of one group."""
    (found,) = [row["core"] for (_, own), row in ROWS.items() if own == name]
    return found


def test_tables_of_the_page_are_those_of_the_results(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from bench_table import put_into

    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert put_into(page, RESULTS) == page
    del sys.modules["bench_table"]


def stated(page: str, pattern: str) -> tuple[float, ...]:
    found = re.search(pattern, text(page))
    assert found, (page, pattern)
    return tuple(float(value.replace(",", "")) for value in found.groups())


def test_readme_states_what_was_measured():
    seconds, memory, times = stated(
        "README.md",
        r"takes ([\d.]+) s of one core .*? \(([\d.]+) GB of memory\).*?about ([\d,]+) times",
    )
    ours = core("5 shapes, 4 steps")
    assert seconds == pytest.approx(ours, abs=0.05)
    used = ROWS["Peak memory of a process", "first cell predicted: 5 shapes"]["median"]
    assert memory == pytest.approx(used / 1000, abs=0.05)
    published = 5 * 1000 * core("DISPR, 64^3 voxels")
    assert times == pytest.approx(published / ours, rel=0.03)


@pytest.mark.parametrize(
    ("page", "pattern", "row", "per_second"),
    [
        (
            "docs/simulator.md",
            r"simulates about ([\d.]+) cells per second",
            "simulate a cell",
            True,
        ),
        (
            "docs/measurements.md",
            r"about ([\d.]+) s of a core for five",
            "measure, 1 process",
            False,
        ),
        ("docs/napari.md", r"A cell takes about ([\d.]+) s of a core", "5 shapes, 4 steps", False),
    ],
)
def test_pages_state_what_was_measured(page, pattern, row, per_second):
    (value,) = stated(page, pattern)
    measured = 1 / core(row) if per_second else core(row)
    assert value == pytest.approx(measured, rel=0.06)
