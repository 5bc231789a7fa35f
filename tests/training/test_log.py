import csv

from dispr.training.log import RunLog


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_lines_after_the_checkpoint_are_removed(tmp_path):
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3, 4):
        log.add("train", step, {"loss": step / 8, "lr": 1e-3})
    log.add("validation", 4, {"iou": 0.5})
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
