"""The script that makes the shipped weights calls commands that exist, in an order that works."""

import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dispr.cli.main import cli
from dispr.model.config import ModelConfig
from dispr.model.weights import Weights, load_weights, save_weights
from dispr.network.shape_decoder import ShapeDecoderConfig

MODEL = ModelConfig(ShapeDecoderConfig(channels=2), None)
SCRIPTS = Path(__file__).parents[2] / "scripts"


def value(call, option):
    return str(call[call.index(option) + 1])


@pytest.fixture
def release(monkeypatch, tmp_path):
    """Give a function: run the script without what it would run; the commands of that."""
    calls = []

    def note(command):
        calls.append(command[1:])
        name = Path(command[1]).name
        if name == "pack_cells.py":
            Path(value(command, "-o")).write_bytes(b"")
        if name == "train_fast.py":
            run, seed = Path(value(command, "-o")), int(value(command, "--seed"))
            for part, add in (("first", 1), ("second", 2)):
                state = {"parameter": torch.full((2,), 10.0 * seed + add)}
                about = {"name": run.name, "at": part, "steps": add, "training": {"seed": seed}}
                save_weights(run / f"{part}.safetensors", Weights(MODEL, state, about))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", note)

    def run(*arguments, code=0):
        calls.clear()
        script = SCRIPTS / "release_weights.py"
        command = [str(script), "cells", "-o", str(tmp_path / "out"), *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(script), run_name="__main__")
        assert end.value.code == code
        return list(calls)

    return run


def test_every_command_can_be_parsed(release, tmp_path):
    calls = release("--init", tmp_path / "old.safetensors")
    scripts = {}
    for program, *arguments in calls:
        if program == "-m":
            name, *arguments = arguments[1:]
            command = cli.get_command(None, name)
        else:
            namespace = scripts.setdefault(program, runpy.run_path(program))
            command = namespace["main"]
        command.make_context("name", [str(part) for part in arguments])  # raises on an unknown one


def test_each_part_begins_with_what_the_one_before_it_made(release, tmp_path):
    pack, one, two, calibrate, ship = release()
    names = [Path(call[0]).name for call in (pack, one, two)]
    assert names == ["pack_cells.py", "train_fast.py", "train_fast.py"]
    assert pack[1] == "cells"
    assert one[1] == two[1] == value(pack, "-o")
    assert (value(one, "--seed"), value(two, "--seed")) == ("11", "12")
    assert calibrate[:3] == ["-m", "dispr", "calibrate"]
    mean = load_weights(calibrate[3])
    # The first run's end of its first part, 111, and the second run's of its second, 122.
    assert mean.state["parameter"].tolist() == [0.75 * 111 + 0.25 * 122] * 2
    assert mean.about["name"] == "fast"
    assert mean.about["mean_of"] == [
        {"run": "one", "at": "first", "steps": 1, "seed": 11, "share": 0.75},
        {"run": "two", "at": "second", "steps": 2, "seed": 12, "share": 0.25},
    ]
    assert Path(ship[0]).name == "ship_weights.py"
    assert ship[1] == value(calibrate, "-o")


def test_cells_are_not_packed_again(release):
    release("--no-ship")
    assert [Path(call[0]).name for call in release("--no-ship")] == [
        "train_fast.py",
        "train_fast.py",
        "-m",
    ]


def test_options_reach_the_parts(release):
    _, one, two, calibrate, _ = release(
        "--seeds", 3, 4, "--minutes", 2, "--first-weight", 0.5, "--init", "old.safetensors"
    )
    assert [value(call, "--seed") for call in (one, two)] == ["3", "4"]
    assert {value(call, "--minutes") for call in (one, two)} == {"2.0"}
    assert {value(call, "--init") for call in (one, two)} == {"old.safetensors"}
    assert load_weights(calibrate[3]).state["parameter"].tolist() == [(31 + 42) / 2] * 2


def test_the_trainings_can_be_shown_for_another_machine(release, capsys):
    assert release("--show") == []
    shown = [shlex.split(line)[1:] for line in capsys.readouterr().out.splitlines()]
    assert shown == release()[1:3]


def test_tiny_and_unwanted_weights_are_not_shipped(release):
    for option in ("--tiny", "--no-ship"):
        assert not any("ship_weights.py" in str(call[0]) for call in release(option))


def test_a_share_beyond_one_is_refused(release, capsys):
    release("--first-weight", 1.5, code=2)
    assert "first-weight must be from 0 to 1, not 1.5." in capsys.readouterr().err
