import signal
import warnings

import click
import pytest

from dispr.cli.main import STOPPED, run
from dispr.errors import ConfigError, DisprWarning


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


@pytest.fixture(autouse=True)
def signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


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
