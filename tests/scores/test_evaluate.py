import dataclasses
import shutil

import numpy as np
import pytest

from dispr.cells.folder import find_cells
from dispr.cells.read import read_obj
from dispr.errors import FileError
from dispr.prediction.files import PredictionFolder
from dispr.scores.evaluate import Evaluation, evaluate
from dispr.scores.shape import METRICS, binarise, score


@pytest.fixture
def predictions(cells_folder, tmp_path):
    """For each test cell three samples: the truth, the truth without its top, a single voxel."""
    for file in find_cells(cells_folder, "test", need_obj=True):
        truth = binarise(read_obj(file.obj))
        half, dot = truth.copy(), np.zeros_like(truth)
        half[33:] = False
        dot[32, 32, 32] = True
        samples = np.stack([half, truth, dot])
        PredictionFolder(tmp_path).write(file.name, samples, samples.mean(0))
    return tmp_path


def pick(result, shape):
    (row,) = [row for row in result.summary() if row["shape"] == shape]
    return row


def test_samples_consensus_and_best(predictions, cells_folder):
    result = evaluate(predictions, cells_folder, split="test", baselines=False, jobs=1)
    assert len(result.rows) == 2 * (3 + 1 + 1)
    assert pick(result, "best of N")["iou_mean"] == 1
    # Two of three agree on the lower part alone.
    halves = [r["iou"] for r in result.rows if r["shape"] == "single samples" and r["sample"] == 0]
    assert pick(result, "consensus")["iou_mean"] == pytest.approx(np.mean(halves))
    singles = [row["iou"] for row in result.rows if row["shape"] == "single samples"]
    assert pick(result, "single samples")["iou_mean"] == pytest.approx(np.mean(singles))
    assert pick(result, "single samples")["iou_sd"] == pytest.approx(np.std(singles, ddof=1))
    assert pick(result, "single samples")["cells"] == 2
    assert result.not_predicted == 0


def test_processes_do_not_change_the_scores(predictions, cells_folder):
    one, two = (evaluate(predictions, cells_folder, split="test", jobs=jobs) for jobs in (1, 2))
    assert one.rows == two.rows
    assert {row["shape"] for row in one.rows} == {
        "single samples",
        "consensus",
        "best of N",
        "cylinder",
        "ellipsoid",
        "nearest",
    }


def test_folder_of_objects_is_a_truth(predictions, cells_folder):
    result = evaluate(predictions, cells_folder / "test" / "obj", jobs=1)
    assert pick(result, "best of N")["iou_mean"] == 1
    assert {row["shape"] for row in result.rows} == {"single samples", "consensus", "best of N"}


def test_training_cells_from_another_data_set(predictions, cells_folder):
    alone = cells_folder / "test"
    without = evaluate(predictions, alone, jobs=1)
    assert "nearest" not in {row["shape"] for row in without.rows}
    result = evaluate(predictions, alone, train=cells_folder, jobs=1)
    usual = evaluate(predictions, cells_folder, split="test", jobs=1)
    assert pick(result, "nearest") == pick(usual, "nearest")
    with pytest.raises(FileError, match="nowhere does not exist"):
        evaluate(predictions, alone, train=cells_folder / "nowhere")


def test_measured_row_by_row_as_by_score(predictions, cells_folder):
    result = evaluate(predictions, cells_folder, split="test", baselines=False, jobs=1)
    file = find_cells(cells_folder, "test", need_obj=True)[0]
    truth = binarise(read_obj(file.obj))
    row = next(row for row in result.rows if row["name"] == file.name and row["sample"] == 0)
    scores = score(PredictionFolder(predictions).samples(file.name)[0], truth)
    assert {key: row[key] for key in dataclasses.asdict(scores)} == dataclasses.asdict(scores)
    assert row["volume_voxels"] == truth[:33].sum()
    assert row["true_volume_voxels"] == truth.sum()


def test_number_of_samples_may_differ(predictions, cells_folder):
    next((predictions / "samples").glob("*_2.tif")).unlink()
    result = evaluate(predictions, cells_folder, split="test", baselines=False, jobs=1)
    assert sum(row["shape"] == "single samples" for row in result.rows) == 3 + 2
    assert pick(result, "single samples")["cells"] == 2


def test_summary_by_class():
    row = dict.fromkeys(METRICS, 0.25)
    rows = [
        {"name": f"{kind}{value}", "class": kind, "shape": "consensus", **row, "iou": value}
        for kind, value in (("SDE", 0.5), ("SDE", 0.7), ("", 0.9))
    ]
    known, other = Evaluation(rows, 0, []).summary(by_class=True)
    assert (known["class"], known["cells"], other["class"]) == ("SDE", 2, "")
    assert known["iou_mean"] == known["iou_median"] == pytest.approx(0.6)
    assert known["iou_sd"] == pytest.approx(0.02**0.5)
    assert np.isnan(other["iou_sd"])  # a single cell


def test_cells_without_prediction_are_counted(predictions, cells_folder):
    result = evaluate(predictions, cells_folder, baselines=False, jobs=1)
    assert result.not_predicted == len(find_cells(cells_folder, "train"))


def test_prediction_without_truth(predictions, cells_folder):
    with pytest.raises(FileError, match="has no object of this name"):
        evaluate(predictions, cells_folder, split="train")


def test_name_in_both_parts_needs_the_split(predictions, cells_folder, tmp_path_factory):
    root = tmp_path_factory.mktemp("twice")
    for part in ("train", "test"):
        shutil.copytree(cells_folder / "test", root / part)
    with pytest.raises(FileError, match="in train and in test"):
        evaluate(predictions, root, jobs=1)
    result = evaluate(predictions, root, split="test", baselines=False, jobs=1)
    assert pick(result, "best of N")["iou_mean"] == 1


def test_no_predictions(tmp_path, cells_folder):
    with pytest.raises(FileError, match="contains no predictions"):
        evaluate(tmp_path, cells_folder)


def test_missing_sample(predictions, cells_folder):
    next((predictions / "samples").glob("*_1.tif")).unlink()
    with pytest.raises(FileError, match=r"_1\.tif does not exist"):
        evaluate(predictions, cells_folder, split="test", jobs=1)
