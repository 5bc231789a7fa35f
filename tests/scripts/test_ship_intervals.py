"""The script that ships intervals says whether those of one section change."""

import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from dispr.intervals.rules import from_dict
from dispr.model.shipped import FOLDER, shipped_weights
from dispr.model.weights import load_weights, save_weights
from dispr.records import read_json

SCRIPT = Path(__file__).parents[2] / "scripts" / "ship_intervals.py"


@pytest.fixture
def ship(tmp_path):
    """Give a function that ships these intervals to a copy of the folder, and what it printed."""
    for name in ("index.json", "fast_intervals.json"):
        shutil.copy(FOLDER / name, tmp_path / name)
    command = runpy.run_path(str(SCRIPT))["main"]
    weights = load_weights(shipped_weights("fast")[0])

    def run(intervals):
        path = tmp_path / "calibrated.safetensors"
        save_weights(path, replace(weights, about={"intervals": intervals.to_dict()}))
        result = CliRunner().invoke(command, [str(path), "--folder", str(tmp_path)])
        assert result.exit_code == 0, result.output
        return result.output, from_dict(read_json(tmp_path / "fast_intervals.json"))

    return run


def test_what_is_shipped_is_what_was_calibrated(ship):
    now = from_dict(read_json(FOLDER / "fast_intervals.json"))
    told, found = ship(now)
    assert found == now
    assert "those of one section are the same as before, with 5 classes" in told
    told, found = ship(now.of_sections())
    assert found == now.of_sections()
    assert "those of one section are the same as before, alone" in told
    others = now.further[1.0]
    told, found = ship(replace(now, known=others, further={}))
    assert found.known == others
    assert "those of one section are new, alone" in told
