"""The parts of the run on a GPU, with stand-ins for what they start."""

import itertools
import subprocess
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner


@pytest.fixture
def gpu_run(monkeypatch):
    monkeypatch.syspath_prepend("scripts")
    import gpu_run

    yield gpu_run
    sys.modules.pop("gpu_run", None)


def options(command):
    return dict(itertools.pairwise(command))


def test_parts_share_the_time_and_leave_few_files(gpu_run, monkeypatch, tmp_path):
    now, started = [0.0], []
    monkeypatch.setattr(gpu_run.time, "monotonic", lambda: now[0])

    def start(command, timeout):
        started.append((command, timeout))
        folder = gpu_run.Path(options(command)["-o"])
        folder.mkdir(parents=True)
        for name in (*gpu_run.RESULTS[folder.name], "checkpoint.pt"):
            (folder / name).write_text(f"{folder.name} {name}")
        if folder.name == "bench":  # it takes too long
            now[0] += timeout
            raise subprocess.TimeoutExpired(command, timeout)
        now[0] += 60 * float(options(command)["--minutes"])
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(gpu_run.subprocess, "run", start)
    cells, out = tmp_path / "cells.npz", tmp_path / "out"
    cells.write_bytes(b"cells")
    arguments = [str(cells), "-o", str(out), "--work", str(tmp_path / "work"), "--minutes", "10"]
    result = CliRunner().invoke(gpu_run.main, arguments)
    assert result.exit_code == 0, result.output
    assert "bench was stopped after 96 s." in result.output
    assert [options(command).get("--seed") for command, _ in started] == [None, "11", "12"]
    minutes = [float(options(command)["--minutes"]) for command, _ in started[1:]]
    assert minutes == [pytest.approx(8.4 / 2 - 0.3), pytest.approx(8.4 / 2)]
    assert now[0] <= 600
    assert {path.name: path.read_text() for path in out.iterdir()} == {
        "bench_bench.md": "bench bench.md",
        "bench_profile.txt": "bench profile.txt",
        "one_first.safetensors": "one first.safetensors",
        "one_log.jsonl": "one log.jsonl",
        "two_second.safetensors": "two second.safetensors",
        "two_log.jsonl": "two log.jsonl",
    }


def test_cells_must_be_packed_first(gpu_run, tmp_path):
    arguments = [str(tmp_path / "no.npz"), "-o", str(tmp_path), "--work", str(tmp_path)]
    result = CliRunner().invoke(gpu_run.main, arguments)
    assert "make it with scripts/pack_cells.py" in str(result.exception)
