import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from dispr.cli import main as program
from dispr.cli.data import command
from dispr.errors import FileError


@pytest.fixture
def cells(tmp_path):
    """Two cells without volumes."""
    rng = np.random.default_rng(0)
    for name in ("0.00_discocyte000001", "mine"):
        mask = np.zeros((64, 64), np.uint8)
        mask[16:48, 16:48] = 255
        image = rng.integers(0, 256, (64, 64)).astype(np.uint8)
        for kind, array in (("image", image), ("mask", mask)):
            (tmp_path / "train" / kind).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(tmp_path / "train" / kind / f"{name}.tif", array)
    return tmp_path


def run(monkeypatch, *arguments):
    """Run the program as the shell does; give its exit code."""
    monkeypatch.setattr(sys, "argv", ["dispr", *map(str, arguments)])
    try:
        program.main()
    except SystemExit as end:
        return end.code or 0
    return 0


def test_check_counts_a_sound_data_set(cells, monkeypatch, capsys):
    assert run(monkeypatch, "data", "check", cells) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["SDE", "1"] in lines
    assert ["other", "1"] in lines
    assert ["total", "2"] in lines
    assert lines[-1] == ["No", "faults."]


def test_check_prints_each_fault_on_its_line_and_ends_with_2(cells, monkeypatch, capsys):
    (cells / "train" / "mask" / "mine.tif").unlink()
    (cells / "train" / "image" / "mine.tif").write_bytes(b"x")
    assert run(monkeypatch, "data", "check", cells) == 2
    out, err = capsys.readouterr()
    faults = [line for line in out.splitlines() if line.startswith("fault: ")]
    assert len(faults) == 2
    assert "No faults" not in out
    assert (
        err.splitlines()[-1] == f"Error: {cells} has 2 faults; correct the files and check again."
    )


def test_check_of_nothing_is_one_sentence(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, "data", "check", tmp_path / "nowhere") == 2
    assert "nowhere is not a folder" in capsys.readouterr().err


def test_fetch_prints_where_the_cells_are(tmp_path, monkeypatch):
    asked = []

    def fake(destination, progress):
        asked.append((destination, progress))
        return Path("found") / "here"

    monkeypatch.setattr("dispr.cells.fetch.fetch", fake)
    result = CliRunner().invoke(command, ["fetch", "-o", str(tmp_path)])
    assert result.output.strip() == str(Path("found") / "here")
    assert asked == [(tmp_path, True)]


def test_errors_of_fetch_pass_through(monkeypatch):
    def fake(destination, progress):
        raise FileError("zenodo.org cannot be reached.")

    monkeypatch.setattr("dispr.cells.fetch.fetch", fake)
    assert run(monkeypatch, "data", "fetch") == 2


def test_help_does_not_import_torch():
    code = (
        "import sys; import dispr.cli.data, dispr.cells.folder, dispr.cells.classes;"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
