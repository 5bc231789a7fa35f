"""The script that makes the shipped weights calls commands that exist, in an order that works."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dispr.cli.main import cli
from dispr.model.config import ModelConfig
from dispr.model.weights import Weights, load_weights, save_weights

MODEL = ModelConfig()


def value(call, option):
    return str(call[call.index(option) + 1])


SCRIPT = Path(__file__).parents[2] / "scripts" / "release_weights.py"


@pytest.fixture
def commands(monkeypatch):
    """Give what the script would run, without running it."""
    calls = []

    def note(command):
        calls.append(command[1:])
        if "train" in command:
            steps = int(value(command, "--steps"))
            run = Path(value(command, "-o"))
            state = {"parameter": torch.full((2,), float(steps))}
            save_weights(run / "weights.safetensors", Weights(MODEL, state, {"steps": steps}))
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
    assert [c[2] for c in calls[:-1]] == ["simulate", *["train"] * 4, "calibrate"]
    simulate, real, mixed, half, detail, calibrate, ship = calls
    assert value(mixed, "--extra") == value(simulate, "-o")
    assert value(mixed, "--init") == str(Path(value(real, "-o")) / "weights.safetensors")
    assert value(detail, "--init") == str(Path(value(mixed, "-o")) / "weights.safetensors")
    assert half[:-1] == detail[:-1]
    assert (half[-1], detail[-1]) == ("1500", "3000")
    mean = load_weights(calibrate[3])
    assert mean.state["parameter"].tolist() == [2250, 2250]
    assert mean.about["mean_of_steps"] == [1500, 3000]
    assert Path(ship[0]).name == "ship_weights.py"
    assert ship[1] == value(calibrate, "-o")


def test_half_of_the_last_part_is_not_made_again(commands, tmp_path):
    commands("cells", "-o", str(tmp_path))
    before = (tmp_path / "half.safetensors").read_bytes()
    again = commands("cells", "-o", str(tmp_path))[7:]
    assert [call[2] for call in again[:-1]] == ["simulate", *["train"] * 3, "calibrate"]
    assert (tmp_path / "half.safetensors").read_bytes() == before


def test_not_shipped_if_not_asked_for(commands, tmp_path):
    assert commands("cells", "-o", str(tmp_path), "--no-ship")[-1][2] == "calibrate"
