"""The script that makes the shipped weights calls commands that exist, in an order that works."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from dispr.cli.main import cli

SCRIPT = Path(__file__).parents[2] / "scripts" / "release_weights.py"


@pytest.fixture
def commands(monkeypatch):
    """Give what the script would run, without running it."""
    calls = []

    def note(command):
        calls.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", note)

    def release(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        assert end.value.code == 0
        return calls

    return release


def test_every_command_can_be_parsed(commands, tmp_path):
    calls = commands("cells", "-o", str(tmp_path))
    for module, program, name, *arguments in calls[:-1]:
        assert (module, program) == ("-m", "dispr")
        command = cli.get_command(None, name)
        command.make_context(name, list(arguments))  # raises on an unknown option


def test_each_part_begins_with_what_the_one_before_it_made(commands, tmp_path):
    calls = commands("cells", "-o", str(tmp_path))
    assert [call[2] for call in calls[:-1]] == ["simulate", "train", "train", "calibrate"]
    simulate, real, mixed, calibrate, ship = calls

    def value(call, option):
        return call[call.index(option) + 1]

    assert value(mixed, "--extra") == value(simulate, "-o")
    assert value(mixed, "--init") == str(Path(value(real, "-o")) / "weights.safetensors")
    assert calibrate[3] == str(Path(value(mixed, "-o")) / "weights.safetensors")
    assert Path(ship[0]).name == "ship_weights.py"
    assert ship[1] == value(calibrate, "-o")


def test_not_shipped_if_not_asked_for(commands, tmp_path):
    assert commands("cells", "-o", str(tmp_path), "--no-ship")[-1][2] == "calibrate"
