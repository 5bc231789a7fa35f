"""Commands that are stopped and run again end as if they had not been: a short run of the harness.

`make fault-test` is the long one.
"""

import random
import sys
import time
from pathlib import Path

import pytest

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


def test_what_is_stopped_goes_on(faults, tmp_path):
    names = ("simulate", "simulate, fields", "predict", "measure, cells", "prepare")
    commands = [command for command in faults.COMMANDS if command.name in names]
    told = []
    with faults.servers(0, 1) as found:
        until = time.monotonic() + 20
        counts = faults.campaign(found, commands, ["kills"], tmp_path, 1, 2, until, told.append)
    assert {name for _, name in counts} == set(names)
    assert sum(found["faults"] for found in counts.values()) >= 5
    wrong = faults.faulty(counts)
    del wrong["left over"]  # what was being written as a run was killed
    assert not any(wrong.values()), told


def test_differences_are_told(faults, tmp_path):
    from faults_compare import differences, state

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.csv").write_text("x\n1\n2\n")
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


def test_a_trial_depends_on_its_seed_alone(faults):
    chance = [random.Random(f"{seed} predict 3").random() for seed in (1, 1, 2)]
    assert chance[0] == chance[1] != chance[2]
