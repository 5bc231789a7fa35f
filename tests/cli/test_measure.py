import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from dispr.cli.calibrate import command as calibrate
from dispr.cli.main import main
from dispr.cli.measure import command
from dispr.files import write_tiff
from dispr.model.shipped import shipped_weights
from dispr.model.weights import fingerprint
from dispr.prediction.files import PredictionFolder
from dispr.prediction.model import load


def run(*arguments):
    result = CliRunner().invoke(command, [str(part) for part in arguments])
    assert result.exception is None, result.output
    return result.output


def write_predictions(folder, count, voxel_size=None, ensemble=3):
    rng = np.random.default_rng(0)
    z, y, x = np.mgrid[:64, :64, :64] - 32
    for i in range(count):
        sizes = rng.uniform(10, 20, (ensemble, 3))
        samples = np.stack([(z / a) ** 2 + (y / b) ** 2 + (x / c) ** 2 <= 1 for a, b, c in sizes])
        PredictionFolder(folder).write(f"cell{i:03d}", samples, samples.mean(0), voxel_size)


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_predictions(tmp_path):
    write_predictions(tmp_path / "out", 2, 0.2)
    printed = run(tmp_path / "out", "-o", tmp_path / "cells.csv", "--jobs", 1)
    assert "2 cells" in printed
    assert "2 cells have no intervals, because the model was not calibrated" in printed
    assert "voxel size" not in printed
    for row in read(tmp_path / "cells.csv"):
        assert float(row["volume_min_um3"]) <= float(row["volume_um3"])
        assert row["volume_low_um3"] == ""
        assert "volume_mean_um3" not in row
        assert "elongation" not in row
    printed = run(tmp_path / "out", "-o", tmp_path / "um.csv", "--voxel-size", 0.4, "--jobs", 1)
    before, after = read(tmp_path / "cells.csv"), read(tmp_path / "um.csv")
    for one, two in zip(before, after, strict=True):
        assert float(two["volume_um3"]) == pytest.approx(8 * float(one["volume_um3"]), rel=1e-5)
    run(tmp_path / "out", "-o", tmp_path / "all.csv", "--all", "--jobs", 1)
    for short, wide in zip(before, read(tmp_path / "all.csv"), strict=True):
        assert short.items() <= wide.items()
        assert len(wide) > 7 * 46
        assert wide["volume_low_um3"] == ""


def test_objects_and_sections(cells_folder, tmp_path):
    out = tmp_path / "cells.csv"
    printed = run(cells_folder, "-o", out, "--split", "test", "--jobs", 1)
    assert "No file states the voxel size, so these are in voxels" in printed
    assert "volume_voxels" in read(out)[0]
    run(cells_folder, "-o", out, "--split", "test", "--jobs", 1, "--voxel-size", "0.3,0.2,0.2")
    assert "volume_um3" in read(out)[0]
    printed = run(cells_folder, "-o", out, "--split", "test", "--jobs", 1, "--sections")
    assert "pixel size" in printed
    assert "area_pixels" in read(out)[0]
    printed = run(cells_folder, "-o", out, "--split", "test", "--jobs", 1, "--published")
    assert "Published features are in voxels" in printed
    assert len(read(out)[0]) == 126 + 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere", "-o", "a.csv"], "nowhere does not exist"),
        (["DATA", "-o", "a.txt"], "must end in .csv"),
        (["DATA", "-o", "a.csv", "--voxel-size", "0"], "one positive number of um"),
        (["DATA", "-o", "a.csv", "--voxel-size", "1", "--pixel-size", "1"], "give one"),
        (["DATA", "-o", "a.csv", "--voxel-size", "1,-1,1"], "three (Z, Y, X)"),
        (["DATA", "-o", "a.csv", "--voxel-size", "1,2"], "is not one number or three"),
        (["DATA", "-o", "a.csv", "--pixel-size", "1"], "use --voxel-size"),
        (["DATA", "-o", "a.csv", "--split", "half"], "not one of 'train'"),
        (["DATA", "-o", "a.csv", "--jobs", "0"], "Invalid value for '--jobs'"),
        (["DATA", "-o", "a.csv", "--sections", "--voxel-size", "1,1,2"], "use --pixel-size"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments, sentence, cells_folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    arguments = [part.replace("DATA", str(cells_folder)) for part in arguments]
    monkeypatch.setattr(sys, "argv", ["dispr", "measure", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()


SLOW = """
import time
from dispr.cli.main import main
from dispr.measurements import folder

def slow(item, quick=folder._MEASURES["predictions"]):
    time.sleep(0.5)
    return quick(item)

folder._MEASURES["predictions"] = slow
main()
"""
"""The command with a pause before each cell, so that it is stopped amid them."""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal to send")
@pytest.mark.parametrize(("jobs", "kind"), [(1, "SIGINT"), (2, "SIGINT"), (2, "SIGTERM")])
def test_interruption(jobs, kind, tmp_path, dispr):
    write_predictions(tmp_path / "out", 24, ensemble=1)
    line = ["measure", tmp_path / "out", "-o", tmp_path / "c.csv", "--jobs", str(jobs)]
    command = [sys.executable, "-c", SLOW, *map(str, line)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    part = tmp_path / "c.csv.part"
    try:
        deadline = time.monotonic() + 90
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        if kind == "SIGINT":
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes at once
        else:
            process.terminate()  # as `timeout` and schedulers do
        _, errors = process.communicate(timeout=60)  # until its last process is gone
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Stopped" in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "c.csv").exists()
    kept = part.read_text().count("\n")
    assert 0 < kept < 24
    result = dispr("measure", tmp_path / "out", "-o", tmp_path / "c.csv", "--jobs", 1)
    assert result.returncode == 0, result.stderr
    assert len(read(tmp_path / "c.csv")) == 24
    assert not part.exists()


def test_intervals_fitted_to_known_cells(tmp_path):
    """Samples that are all too large: their spread says nothing of it, known cells do."""
    rng = np.random.default_rng(1)
    z, y, x = np.mgrid[:64, :64, :64] - 32
    known, new = tmp_path / "known", tmp_path / "new"
    for i in range(24):
        a, b, c = rng.uniform(9, 16, 3)

        def body(grow, a=a, b=b, c=c):
            return (z / (a + grow)) ** 2 + (y / (b + grow)) ** 2 + (x / (c + grow)) ** 2 <= 1

        samples = np.stack([body(2 + rng.uniform(-0.3, 0.3)) for _ in range(3)])
        PredictionFolder(known if i < 12 else new).write(f"c{i:02d}", samples, samples.mean(0), 0.5)
        write_tiff(tmp_path / "obj" / f"c{i:02d}.tif", body(0).astype(np.uint8) * 255)
    shipped = load(device="cpu")
    for folder in (known, new):
        record = json.dumps({"model": fingerprint(shipped.network), "ensemble": 3})
        (folder / "prediction.json").write_text(record)
    seen = shipped.about["training_cells"][0]
    PredictionFolder(known).write(seen, samples, samples.mean(0), 0.5)
    for i in range(12):
        path = tmp_path / "obj" / f"c{i:02d}.tif"
        for kind in ("obj", "image", "mask"):
            plane = np.asarray(tifffile.imread(path))
            write_tiff(tmp_path / "data" / kind / path.name, plane if kind == "obj" else plane[32])
    fitted = tmp_path / "fitted.safetensors"
    arguments = [shipped_weights()[0], tmp_path / "data", "-o", fitted, "--predictions", known]
    result = CliRunner().invoke(calibrate, [str(part) for part in [*arguments, "--jobs", 1]])
    assert result.exception is None, result.output
    assert "Intervals of 46 measures, 12 cells" in result.output
    run(tmp_path / "obj", "-o", tmp_path / "true.csv", "--voxel-size", 0.5, "--jobs", 1)
    true = {row["name"]: row for row in read(tmp_path / "true.csv")}

    def held(*options):
        out = tmp_path / "cells.csv"
        run(new, "-o", out, "--jobs", 1, *options)
        rows = read(out)
        sides = ("low", "high") if options else ("min", "max")
        ends = [[float(r[f"surface_{side}_um2"]) for side in sides] for r in rows]
        values = [float(true[row["name"]]["surface_um2"]) for row in rows]
        inside = [low <= value <= high for (low, high), value in zip(ends, values, strict=True)]
        return np.mean(inside), {row["calibrated"] for row in rows}

    assert held() == (pytest.approx(0, abs=0.2), {"none"})
    share, kinds = held("--weights", fitted)
    assert share > 0.5
    assert kinds == {"all"}


def test_faults_of_intervals(cells_folder, tmp_path, monkeypatch, capsys):
    write_predictions(tmp_path / "out", 2)
    (tmp_path / "out" / "prediction.json").write_text(json.dumps({"model": "0" * 16}))
    weights = str(shipped_weights()[0])
    for arguments, sentence in (
        (["measure", "out", "-o", "a.csv", "--weights", "none.safetensors"], "does not exist"),
        (
            ["measure", str(cells_folder), "-o", "a.csv", "--weights", weights],
            "is not a folder of predictions",
        ),
        (
            ["measure", "out", "-o", "a.csv", "--weights", weights],
            "not predicted with the weights",
        ),
        (
            ["calibrate", weights, str(cells_folder), "-o", "a.st", "--predictions", "out"],
            "not predicted with the weights",
        ),
    ):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["dispr", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 2
        assert sentence in capsys.readouterr().err
        assert not (tmp_path / "a.st").exists()
