"""What commands say of their results: nothing that a user must know is dropped."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from dispr.cli.fields import counted, summary
from dispr.cli.measure import notes
from dispr.cli.predict import command as predict

UNLIKE = "More unusual than 99.8% of the 465 training cells: the mask is larger."


def row(name, warning="", **more):
    return {"name": name, "samples": 5, "warning": warning, **more}


class Rows(list):
    busy = 0.9


@pytest.fixture
def say(monkeypatch, cells_folder, capsys):
    """Give what `dispr predict` says of rows."""

    def run(rows, deterministic=False):
        model = SimpleNamespace(
            config=SimpleNamespace(deterministic=deterministic),
            device=SimpleNamespace(type="cpu"),
            about={},
            frame=None,
            intervals=None,
        )
        monkeypatch.setattr("dispr.prediction.model.load", lambda *a, **k: model)
        monkeypatch.setattr("dispr.prediction.folder.predict_folder", lambda *a, **k: Rows(rows))
        predict.main([str(cells_folder), "-o", "out", "--no-report"], standalone_mode=False)
        return "".join(capsys.readouterr())

    return run


def test_predicted_cells_are_counted(say):
    said = say([row("a", voxel_size_um=0.2), row("b", voxel_size_um=0.2)])
    assert "2 cells, 10 shapes: out" in said
    assert "unlike" not in said
    assert "--pixel-size" not in said


def test_cells_unlike_the_training_cells(say):
    names = ["a", "b", "c", "d"]
    said = say([*(row(name, UNLIKE, voxel_size_um=0.2) for name in names), row("e")])
    assert "4 cells (a, b, c, ...) are unlike the training cells of the model" in said
    assert "1 cell does not state the size of its pixels" in said
    said = say([row("a", "Its label has 2 pieces.", voxel_size_um=0.2)])
    assert "1 cell (a) has a warning for another reason" in said
    assert "unlike" not in said


def test_no_file_states_the_size_of_its_pixels(say):
    assert "No file states the size of its pixels" in say([row("a"), row("b")])


def test_deterministic_weights(say):
    assert "one shape per cell" in say([row("a")], deterministic=True)


def test_fields():
    def cell(warning="", border=0, **more):
        return {"warning": warning, "touches_border": border, **more}

    rows = [
        cell("It was not predicted: it is too small to be a cell."),
        cell(UNLIKE, voxel_um=0.2),
        cell(border=1, voxel_um=0.2),
        cell(voxel_um=0.2),
    ]
    said = summary(counted(rows), Path("out"), 2)
    assert said[0].startswith("3 cells of 2 fields: ")
    assert "1 label was not predicted because it is too small or too thin." in said
    assert any(line.startswith("1 cell touches the border of the image") for line in said)
    assert any(line.startswith("1 cell is unlike the training cells of the model") for line in said)
    assert not any("pixel size" in line for line in said)
    (first, last) = summary(counted([cell()]), Path("out"), 1)
    assert first.startswith("1 cell: ")
    assert last.startswith("The pixel size is unknown")


def test_measures_without_sizes_or_calibration():
    known = {"voxel_x_um": 0.2, "calibrated": "all"}
    assert notes([known, known], "predictions", False) == []
    (line,) = notes([{"calibrated": "all"}], "predictions", False)
    assert line.startswith("No file states the voxel size")
    said = " ".join(notes([known, known | {"calibrated": "none"}], "predictions", False))
    assert "1 cell has no intervals, because the model was not calibrated" in said
    odd = known | {"calibrated": "none", "warning": "Odd."}
    (line,) = notes([known, odd], "predictions", False)
    assert line.startswith("1 cell has a warning and no intervals")
