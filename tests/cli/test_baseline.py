import csv
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from dispr.cells.folder import find_cells
from dispr.cells.read import read_obj
from dispr.cli.baseline import command
from dispr.cli.main import main
from dispr.prediction.files import PredictionFolder
from dispr.scores.shape import binarise


def test_files_of_a_prediction(cells_folder, tmp_path):
    result = CliRunner().invoke(command, ["cylinder", str(cells_folder), "-o", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert len(PredictionFolder(tmp_path).names()) == 8
    name = PredictionFolder(tmp_path).names()[0]
    sample = tifffile.imread(tmp_path / "samples" / f"{name}_0.tif")
    probability = tifffile.imread(tmp_path / "probability" / f"{name}.tif")
    assert set(np.unique(sample)) == {0, 255}
    assert (probability == (sample > 0)).all()
    with open(tmp_path / "predictions.csv", newline="") as file:
        row = next(csv.DictReader(file))
    assert next(iter(row)) == "name"
    assert int(row["samples"]) == 1


def test_nearest_takes_training_cells_only(cells_folder, tmp_path):
    arguments = ["nearest", str(cells_folder), "-o", str(tmp_path), "--split", "train"]
    assert CliRunner().invoke(command, arguments).exit_code == 0
    objs = {cell.name: binarise(read_obj(cell.obj)) for cell in find_cells(cells_folder, "train")}
    for name in PredictionFolder(tmp_path).names():
        body = tifffile.imread(tmp_path / "samples" / f"{name}_0.tif") > 0
        sources = [other for other, obj in objs.items() if (obj == body).all()]
        assert sources
        assert name not in sources


def test_interpolated_shapes_hold_planes_of_their_objects(cells_folder, tmp_path):
    arguments = ["interpolate", str(cells_folder), "-o", str(tmp_path), "--split", "test"]
    assert CliRunner().invoke(command, [*arguments, "--planes", "5"]).exit_code == 0
    for cell in find_cells(cells_folder, "test"):
        body = tifffile.imread(tmp_path / "samples" / f"{cell.name}_0.tif") > 0
        truth = binarise(read_obj(cell.obj))
        assert (body == truth).all(axis=(1, 2))[truth.any(axis=(1, 2))].sum() >= 4
        assert (body & truth).sum() / (body | truth).sum() > 0.8


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cube", "DATA"], "Invalid value"),
        (["cylinder", "nowhere"], "nowhere does not exist"),
        (["nearest", "DATA/test"], "give a data set by --train"),
        (["nearest", "DATA", "--train", "nowhere"], "nowhere does not exist"),
        (["nearest", "DATA", "--planes", "3"], "--planes applies only to the baseline interpolate"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments, sentence, cells_folder, tmp_path, monkeypatch, capsys
):
    arguments = [part.replace("DATA", str(cells_folder)) for part in arguments]
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["dispr", "baseline", *arguments, "-o", str(out)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()


def test_predictions_of_a_model_are_left_alone(cells_folder, tmp_path):
    (tmp_path / "prediction.json").write_text("{}")
    result = CliRunner().invoke(command, ["cylinder", str(cells_folder), "-o", str(tmp_path)])
    assert "predictions of a model" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["prediction.json"]


def test_help_needs_no_heavy_imports():
    code = (
        "import sys; import dispr.cli.baseline, dispr.cli.evaluate;"
        "sys.exit(bool({'torch', 'numpy', 'scipy', 'skimage'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
