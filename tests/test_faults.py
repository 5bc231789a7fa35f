"""Commands that are stopped and run again end as if they had not been: a short run of the harness.

`make fault-test` is the long one.
"""

import io
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc and fork, as Linux has them")


@pytest.fixture(scope="module")
def faults():
    """The harness, with the modules beside it."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        import faults

        yield faults
        for name in set(sys.modules) - before:
            if name.startswith("faults"):
                del sys.modules[name]


def test_faults_leave_nothing_lost(faults, tmp_path):
    names = ("simulate", "simulate fields", "predict", "prepare")
    commands = [command for command in faults.COMMANDS if command.name in names]
    kinds, told = list(faults.TRIALS), []
    with faults.servers(0) as found:
        *_, counts = faults.campaign(found, commands, kinds, tmp_path, 1, 1, 0.0, told.append)
    assert set(counts) == {(kind, name) for kind in kinds for name in names}
    for kind in kinds:
        assert sum(counts[kind, name]["faults"] for name in names) >= 2
    wrong = faults.faulty(counts)
    assert not any(wrong.values()), told


@pytest.mark.parametrize("kind", ["truncate", "flip", "swap", "delete", "zero"])
def test_damage_changes_the_content(faults, kind):
    from faults_damage import damage

    content = b"name,volume\na,1\nb,2\nc,3\n"
    chance = random.Random(0)
    assert any(damage(content, kind, chance) != content for _ in range(5))


def test_differences_are_told(faults, tmp_path):
    from faults_compare import differences, state

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.csv").write_text("x\n1\n2\n")
        lines = ["1\n", "2\n"] if name == "a" else ["2\n", "1\n"]
        (tmp_path / name / "cells.jsonl").write_text("".join(lines))
        (tmp_path / name / "kept.tif").write_bytes(b"1")
    expected = state(tmp_path / "a")
    assert not differences(expected, state(tmp_path / "b"))
    (tmp_path / "b" / "same.csv").write_text("x\n1\n")
    (tmp_path / "b" / "kept.tif").write_bytes(b"2")
    (tmp_path / "b" / ".writing-x.tif").touch()
    (tmp_path / "b" / "more.tif").touch()
    found = differences(expected, state(tmp_path / "b"))
    assert found == [
        ("different", "kept.tif"),
        ("doubled", "more.tif"),
        ("left over", ".writing-x.tif"),
        ("lost", "same.csv"),
    ]
    assert differences(state(tmp_path / "b"), expected)[-2:] == [
        ("lost", ".writing-x.tif"),
        ("lost", "more.tif"),
    ]


def test_rounding_is_no_difference_in_occupancies_alone(faults):
    from faults_compare import differences

    def content(value):
        file = io.BytesIO()
        tifffile.imwrite(file, np.full((4, 4), value, np.float32))
        return file.getvalue()

    for name, more, expected in (
        ("out/probability/a.tif", 1e-6, []),
        ("out/probability/a.tif", 1e-3, [("different", "out/probability/a.tif")]),
        ("out/samples/a.tif", 1e-6, [("different", "out/samples/a.tif")]),
    ):
        assert differences({name: content(0.5)}, {name: content(0.5 + more)}) == expected


def test_a_trial_depends_on_its_seed_alone(faults):
    chance = [random.Random(f"{seed} predict 3").random() for seed in (1, 1, 2)]
    assert chance[0] == chance[1] != chance[2]
