import os
import signal
import subprocess
import sys
import time
import warnings

import click
import pytest

from dispr.cli.main import STOPPED, run
from dispr.errors import ConfigError, DisprWarning


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


@pytest.fixture(autouse=True)
def signals():
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGTERM, signal.SIGINT)}
    yield
    for kind, handler in before.items():
        signal.signal(kind, handler)


def ended(error, capsys):
    """Run a command that ends in this error: its exit code and what it says."""

    @click.command()
    def command():
        if error is not None:
            raise error

    with pytest.raises(SystemExit) as end:
        run(command, "dispr")
    return end.value.code, capsys.readouterr().err


@pytest.fixture(autouse=True)
def no_arguments(monkeypatch):
    monkeypatch.setattr("sys.argv", ["dispr"])


def test_success(capsys):
    assert ended(None, capsys) == (0, "")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_interruption(error, capsys):
    code, said = ended(error, capsys)
    assert (code, said.strip()) == (130, STOPPED)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConfigError("the seed is odd."), "Error: the seed is odd.\n"),
        (FileNotFoundError(2, "No such file", "a.tif"), "Error: a.tif: No such file.\n"),
        (OSError(28, "No space"), "Error: the disk is full; free some space and run again.\n"),
        (OSError("strange"), "Error: a file: strange.\n"),
    ],
)
def test_bad_input(error, said, capsys):
    assert ended(error, capsys) == (2, said)


def test_wrong_options(capsys):
    code, said = ended(click.UsageError("No such option: --od"), capsys)
    assert code == 2
    assert "No such option: --od" in said


@pytest.mark.parametrize("error", [OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_full_memory(error, capsys):
    code, said = ended(error, capsys)
    assert code == 2
    assert "lower --batch-size" in said


def test_warnings_are_lines(capsys):
    @click.command()
    def warned():
        warnings.warn("Fewer at once.", DisprWarning, stacklevel=1)

    with pytest.raises(SystemExit):
        run(warned, "dispr")
    assert capsys.readouterr().err == "Warning: Fewer at once.\n"


def test_what_is_a_fault_of_the_program_is_not_hidden(capsys):
    with pytest.raises(RuntimeError, match="odd"):
        ended(RuntimeError("odd"), capsys)


SECOND = """
import atexit, os, signal, time
import click
from dispr.cli.main import run

@atexit.register
def linger():
    os.kill(os.getpid(), getattr(signal, "{second}"))
    time.sleep(1)

@click.command()
def command():
    print("begun")
    os.kill(os.getpid(), getattr(signal, "{first}"))
    time.sleep(1)

run(command, "dispr")
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has other signals")
@pytest.mark.parametrize("first", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("second", ["SIGINT", "SIGTERM"])
def test_a_second_signal_while_the_program_ends(first, second):
    code = SECOND.format(first=first, second=second)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 130
    assert found.stdout == "begun\n"
    assert found.stderr.strip() == STOPPED


WAITING = """
import os, time
import click
from dispr.cli.main import run
from dispr.processes import map_in_processes

def task(number):
    os.write(1, b"begun\\n")
    time.sleep(60)

@click.command()
def command():
    list(map_in_processes(task, range(8), 2))

run(command, "dispr")
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has other signals")
def test_a_second_interruption_does_not_wait_for_processes():
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    code = [sys.executable, "-c", WAITING]
    with subprocess.Popen(code, start_new_session=True, **options) as process:
        for _ in range(2):
            assert process.stdout.readline() == "begun\n"
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 130
        assert said.strip() == STOPPED
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
