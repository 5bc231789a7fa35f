"""What the scripts that ship weights and intervals leave in the folder of the package."""

import hashlib
import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from dispr.intervals.rules import from_dict
from dispr.model.shipped import FOLDER, shipped_weights
from dispr.model.weights import load_weights, save_weights
from dispr.records import read_json

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def ship(tmp_path):
    """Give a function that ships these intervals to a copy of the folder, and what it printed."""
    for name in ("index.json", "fast_intervals.json"):
        shutil.copy(FOLDER / name, tmp_path / name)
    command = runpy.run_path(str(SCRIPTS / "ship_intervals.py"))["main"]
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


@pytest.mark.parametrize("calibrated", [True, False])
def test_what_lies_beside_the_weights_is_not_in_them(tmp_path, calibrated):
    for name in ("index.json", "familiarity.json"):
        shutil.copy(FOLDER / name, tmp_path / name)
    trained = load_weights(shipped_weights("fast")[0])
    about = {**trained.about, "familiarity": {"own": 1}, "steps": 77}
    about["frame"] = {"pixel_um": 0.2, "cells": "cells", "least": 30, "typical": 40, "most": 50}
    intervals = read_json(FOLDER / "fast_intervals.json")
    about |= {"intervals": intervals} if calibrated else {}
    if not calibrated:
        about.pop("intervals", None)
        about["training_cells"] = ["another"]
    save_weights(tmp_path / "new.safetensors", replace(trained, about=about))
    command = runpy.run_path(str(SCRIPTS / "ship_weights.py"))["main"]
    result = CliRunner().invoke(
        command, [str(tmp_path / "new.safetensors"), "--folder", str(tmp_path)]
    )
    assert result.exit_code == 0, result.output

    entry = read_json(tmp_path / "index.json")["fast"]
    before = read_json(FOLDER / "index.json")["fast"]
    assert entry["frame"] == before["frame"]
    path = tmp_path / entry["file"]
    assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    shipped = load_weights(path)
    assert shipped.about["steps"] == 77
    assert "intervals" not in shipped.about
    for key, value in trained.state.items():
        torch.testing.assert_close(shipped.state[key], value.half().to(shipped.state[key].dtype))
    if calibrated:
        assert read_json(tmp_path / entry["intervals"]) == intervals
        # Those of the same cells lie beside.
        assert not {"familiarity", "frame"} & set(shipped.about)
    else:
        assert "intervals" not in entry
        assert shipped.about["familiarity"] == {"own": 1}
        assert shipped.about["frame"]["most"] == 50


def test_a_mean_of_weights(tmp_path):
    trained = load_weights(shipped_weights("fast")[0])
    paths = []
    for k in (1, 2):
        about = {"name": "run", "at": f"part {k}", "steps": k, "training": {"seed": 7}}
        state = {key: torch.full_like(value, float(k)) for key, value in trained.state.items()}
        paths.append(str(tmp_path / f"{k}.safetensors"))
        save_weights(Path(paths[-1]), replace(trained, state=state, about=about))
    command = runpy.run_path(str(SCRIPTS / "mean_weights.py"))["main"]
    out = tmp_path / "mean.safetensors"
    parts = [paths[0], "0.75", paths[1], "0.25"]
    result = CliRunner().invoke(command, [*parts, "-o", str(out)])
    assert result.exit_code == 0, result.output
    mean = load_weights(out)
    assert all((value == 1.25).all() for value in mean.state.values())
    first, second = mean.about["mean_of"]
    assert (first["at"], first["share"]) == ("part 1", 0.75)
    assert (second["at"], second["share"]) == ("part 2", 0.25)
    wrong = CliRunner().invoke(command, [*parts[:3], "0.5", "-o", str(out)])
    assert "the shares must add up to 1" in str(wrong.exception)
