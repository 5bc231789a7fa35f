"""Results on standard output, notes on standard error, `--quiet` and `--json`."""

import json
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from dispr.cli.main import COMMANDS, cli, run
from dispr.cli.say import PARTLY, note, result, warn, with_output_options


@pytest.fixture
def command():
    @click.command()
    @click.option("--fail", is_flag=True)
    def command(fail):
        note("a note")
        warn("a warning")
        result("3 cells", cells=np.int64(3), share=float("nan"), out=Path("out"), names=("a",))
        if fail:
            raise click.UsageError("no")

    return with_output_options(with_output_options(command))


def test_results_and_notes_have_their_own_streams(command):
    done = CliRunner().invoke(command)
    assert done.stdout == "3 cells\n"
    assert done.stderr == "a note\na warning\n"


def test_quiet(command):
    done = CliRunner().invoke(command, ["--quiet"])
    assert (done.stdout, done.stderr) == ("3 cells\n", "a warning\n")


def test_json(command):
    done = CliRunner().invoke(command, ["--json"])
    assert json.loads(done.stdout) == {"cells": 3, "share": None, "out": "out", "names": ["a"]}
    assert done.stderr == "a note\na warning\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_all_commands_have_them(name):
    command = cli.get_command(None, name)
    for inner in command.commands.values() if isinstance(command, click.Group) else [command]:
        assert {"--quiet", "--json"} <= {text for option in inner.params for text in option.opts}


def test_what_a_simulation_says(tmp_path):
    options = ["simulate", "-o", str(tmp_path / "out"), "-n", "2", "--json", "--quiet"]
    done = CliRunner().invoke(cli, options)
    assert json.loads(done.stdout) == {"train": 2, "test": 0, "out": str(tmp_path / "out")}
    assert done.stderr == ""


def test_partly_done_is_an_exit_code_of_its_own(monkeypatch):
    monkeypatch.setattr("sys.argv", ["c"])
    with pytest.raises(SystemExit) as end:
        run(click.Command("c", callback=lambda: PARTLY), "c")
    assert end.value.code == 3
