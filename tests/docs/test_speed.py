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
    ours = core("5 shapes, 2 steps")
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
        ("docs/napari.md", r"A cell takes about ([\d.]+) s of a core", "5 shapes, 2 steps", False),
    ],
)
def test_pages_state_what_was_measured(page, pattern, row, per_second):
    (value,) = stated(page, pattern)
    measured = 1 / core(row) if per_second else core(row)
    assert value == pytest.approx(measured, rel=0.06)


def test_limits_are_those_of_the_tables():
    steps = {
        row["name"]: row["core"] for (group, _), row in ROWS.items() if "training step" in group
    }
    times, less, alone, hours = stated(
        "docs/speed.md",
        r"takes ([\d.]+) times less than the plain .*?, and ([\d.]+) times less in a training "
        r"step, .*? voxels takes ([\d.]+) s, so an ensemble of five in 1000 "
        r"steps takes (\d+) hours",
    )
    plain, ours = core("plain re-statement, 48^3 voxels"), core("DISPR, 48^3 voxels")
    assert times == pytest.approx(plain / ours, abs=0.05)
    assert less == pytest.approx(steps["plain re-statement"] / steps["DISPR"], abs=0.05)
    assert alone == pytest.approx(core("DISPR, 64^3 voxels"), abs=0.05)
    assert hours == pytest.approx(alone * 5000 / 3600, abs=0.5)
    fixed, each = stated(
        "docs/speed.md", r"take ([\d.]+) s for what .*?, and ([\d.]+) s for each step"
    )
    assert each == pytest.approx(
        (core("5 shapes, 8 steps") - core("5 shapes, 2 steps")) / 6, abs=0.01
    )
    assert fixed == pytest.approx(core("5 shapes, 2 steps") - 2 * each, abs=0.05)
    best = max(result["peak_gflops"] for result in RESULTS)
    for name, pattern in {
        "denoiser, one step": r"denoiser runs at (\d+) %",
        "refiner": r"fewer channels, at (\d+) %",
        "`shapr`": r"single planes, and runs at (\d+) %",
        "DISPR, 64^3 voxels": r"It runs at (\d+) % of the best",
    }.items():
        (row,) = [row for (_, own), row in ROWS.items() if own == name]
        assert stated("docs/speed.md", pattern) == pytest.approx(
            (100 * row["gflops"] / best,), abs=1.5
        )


def test_what_needs_no_model_starts_at_once():
    said = stated(
        "docs/speed.md",
        r"`import dispr` takes ([\d.]+) s and `dispr --help` ([\d.]+) s of a core, of which Python "
        r"itself takes ([\d.]+) s",
    )
    names = ("`import dispr` alone", "`dispr --help`, files read before", "Python alone")
    assert said == pytest.approx(tuple(map(core, names)), abs=0.005)
    assert said[0] < 0.3
    assert said[1] < 0.5


def test_what_is_around_the_network_is_stated():
    network, around, share = stated(
        "docs/speed.md",
        r"shapes of a cell in ([\d.]+) core seconds. .*? takes ([\d.]+) together, ([\d.]+) times",
    )
    drawn = core("of this, drawing the shapes (the network)")
    folder = core("predict to files (default ensemble)")
    beside = core("measure, 1 process") + core("report, 1 process")
    assert network == pytest.approx(drawn, abs=0.01)
    assert around == pytest.approx(folder - drawn + beside, abs=0.01)
    assert share == pytest.approx(around / network, abs=0.01)
    assert around < 1.2


def test_cores_that_a_gpu_keeps_busy():
    seconds, cores = stated(
        "docs/speed.md", r"takes ([\d.]+) s of a core, so 200 cells a second keep (\d+) cores busy"
    )
    measured = core("predict to files, all but the network")
    assert seconds == pytest.approx(measured, abs=0.001)
    assert cores == pytest.approx(200 * measured, abs=0.5)


def test_compiled_networks_are_not_worth_an_option():
    parts = [
        [row["core"] for (group, _), row in ROWS.items() if group.startswith(f"Compiled: {part}")]
        for part in ("denoiser", "refiner")
    ]
    eager, _, frozen, openvino = (4 * step + last for step, last in zip(*parts, strict=True))
    said = stated(
        "docs/speed.md",
        r"take ([\d.]+) core seconds with PyTorch, ([\d.]+) compiled .*? and ([\d.]+) with "
        r"OpenVINO: ([\d.]+) to ([\d.]+) times less",
    )
    measured = (eager, frozen, openvino, eager / openvino, eager / frozen)
    assert said == pytest.approx(measured, abs=0.05)
    assert max(eager / openvino, eager / frozen) < 1.3
