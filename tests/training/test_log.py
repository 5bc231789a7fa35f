"""Logs of a run go on where its checkpoint is, and are read with care."""

import csv

import pytest

from dispr.errors import FileError
from dispr.training.log import RunLog, read_log


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_lines_after_the_checkpoint_are_removed(tmp_path):
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3, 4):
        log.add("train", step, {"loss": step / 8, "lr": 1e-3})
    log.add("validation", 4, {"score": 0.5})
    log.close()
    RunLog(tmp_path, 3).close()
    kept = rows(tmp_path / "train_log.csv")
    assert [row["step"] for row in kept] == ["1", "2", "3"]
    assert [float(row["loss"]) for row in kept] == [0.125, 0.25, 0.375]
    assert {row["lr"] for row in kept} == {"0.001"}
    assert not (tmp_path / "validation_log.csv").exists()


def test_six_digits(tmp_path):
    RunLog(tmp_path, 0).add("train", 1, {"loss": 1 / 3})
    assert rows(tmp_path / "train_log.csv") == [{"step": "1", "loss": "0.333333"}]


def test_a_step_that_is_made_again_replaces_its_line(tmp_path):
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.add("train", step, {"loss": step / 2})
    RunLog(tmp_path, 2).add("train", 3, {"loss": 9.0})
    assert read_log(tmp_path / "train_log.csv") == [
        {"step": "1", "loss": "0.5"},
        {"step": "2", "loss": "1"},
        {"step": "3", "loss": "9"},
    ]
    RunLog(tmp_path, 0)
    assert not (tmp_path / "train_log.csv").exists()


def test_new_columns_are_added_and_missing_ones_left_blank(tmp_path):
    log = RunLog(tmp_path, 0)
    log.add("train", 1, {"loss": 1.0, "mse": 2.0})
    log.add("train", 2, {"loss": 3.0, "loss_q0": None})
    RunLog(tmp_path, 2).add("train", 3, {"norm": 4.0, "loss": 5.0})
    with open(tmp_path / "train_log.csv", newline="") as file:
        assert list(csv.reader(file)) == [
            ["step", "loss", "mse", "loss_q0", "norm"],
            ["1", "1", "2", "", ""],
            ["2", "3", "", "", ""],
            ["3", "5", "", "", "4"],
        ]


def test_best_is_the_highest_so_far(tmp_path):
    log = RunLog(tmp_path, 0)
    assert log.best("validation", "score")[1] == 0
    for step, score in ((10, 0.2), (20, 0.5), (30, 0.4)):
        log.add("validation", step, {"score": score})
    assert RunLog(tmp_path, 30).best("validation", "score") == (0.5, 20)
    assert RunLog(tmp_path, 10).best("validation", "score") == (0.2, 10)


def test_a_line_that_was_cut_short_is_left_out(tmp_path):
    (tmp_path / "train_log.csv").write_text("step,loss\n1,0.5\n2,0.25\n3,0.1")
    RunLog(tmp_path, 3).add("train", 4, {"loss": 1.0})
    steps = [row["step"] for row in read_log(tmp_path / "train_log.csv")]
    assert steps == ["1", "2", "4"]
    (tmp_path / "train_log.csv").write_text("step,lo")
    RunLog(tmp_path, 3).add("train", 4, {"loss": 1.0})
    assert read_log(tmp_path / "train_log.csv") == [{"step": "4", "loss": "1"}]


@pytest.mark.parametrize(
    "content",
    [
        b"\n",
        b"loss,step\n1,2\n",
        b"step,loss,loss\n1,2,3\n",
        b"step,loss\n1\n",
        b"step,loss\n1,2,3\n",
        b"step,loss\none,2\n",
        b"step,loss\n1,two\n",
        b"step,loss\n1.5,2\n",
        b"step,loss\n\xff,2\n",
        b"step,loss\n\xb2,2\n",
        b'step,loss\n1,"2\n',
    ],
)
def test_damage_is_one_sentence(tmp_path, content):
    (tmp_path / "validation_log.csv").write_bytes(content)
    with pytest.raises(FileError, match=r"^[^\n]+validation_log\.csv cannot be read[^\n]+\.$"):
        RunLog(tmp_path, 5)
    assert (tmp_path / "validation_log.csv").read_bytes() == content
