import csv
import math
import sys

import pytest
from click.testing import CliRunner

from dispr.cli.baseline import command as baseline
from dispr.cli.evaluate import command as evaluate
from dispr.cli.evaluate import table
from dispr.cli.main import main
from dispr.scores.shape import METRICS


def run(command, *arguments):
    result = CliRunner().invoke(command, [str(part) for part in arguments])
    assert result.exception is None, result.output
    return result.output


@pytest.mark.parametrize("kind", ["cylinder", "ellipsoid", "nearest"])
def test_baseline_and_its_scores(kind, cells_folder, tmp_path):
    out = tmp_path / "out"
    assert "2 cells" in run(baseline, kind, cells_folder, "-o", out, "--split", "test")
    metrics = tmp_path / "metrics.csv"
    printed = run(evaluate, out, cells_folder, "--split", "test", "-o", metrics, "--jobs", 1)
    lines = {line.split("  ")[0]: line for line in printed.splitlines()}
    # The prediction is the baseline, so that their lines say the same.
    assert lines["consensus"].split("  ")[-5:] == lines[kind].split("  ")[-5:]
    with open(metrics, newline="") as file:
        assert len(list(csv.DictReader(file))) == 2 * 6
    with open(tmp_path / "metrics_summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["class"] for row in rows} == {"all", "SDE"}
    assert all(0 <= float(row["iou_median"]) <= 1 for row in rows)


def shown(output):
    """Names of the lines of the printed table."""
    return [line.split("  ")[0] for line in output.splitlines() if " ± " in line]


def test_a_single_cell_has_no_deviation():
    row = {f"{metric}_{kind}": 0.25 for metric in METRICS for kind in ("mean", "sd", "median")}
    single = row | {f"{metric}_sd": math.nan for metric in METRICS}
    lines = table([{"shape": "a", "cells": 2} | row, {"shape": "b", "cells": 1} | single])
    assert lines.splitlines()[-2].split() == ["a", "2", *5 * ["0.250", "±", "0.250", "(0.250)"]]
    assert lines.splitlines()[-1].split() == ["b", "1", *5 * ["0.250"]]


def test_rows_that_cannot_be_are_left_out_with_a_note(cells_folder, tmp_path):
    run(baseline, "cylinder", cells_folder, "-o", tmp_path, "--split", "test")
    scored = ["single samples", "consensus", "best of N"]
    output = run(evaluate, tmp_path, cells_folder / "test")
    assert shown(output) == [*scored, "cylinder", "ellipsoid"]
    assert "nearest needs training cells" in output
    output = run(evaluate, tmp_path, cells_folder / "test" / "obj")
    assert shown(output) == scored
    assert "Baselines need masks" in output
    output = run(evaluate, tmp_path, cells_folder, "--no-baselines")
    assert shown(output) == scored
    assert "baseline" not in output.lower()
    assert f"6 cells of {cells_folder} have no prediction." in output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere", "DATA"], "nowhere contains no predictions"),
        (["OUT", "nowhere"], "nowhere does not exist"),
        (["OUT", "DATA", "--split", "train"], "has no object of this name"),
        (["OUT", "DATA", "--split", "half"], "not one of 'train'"),
        (["OUT", "DATA", "--train", "DATA/test/obj"], "is a part of the data set"),
        (["OUT", "DATA", "--jobs", "0"], "Invalid value for '--jobs'"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments, sentence, cells_folder, tmp_path, monkeypatch, capsys
):
    run(baseline, "cylinder", cells_folder, "-o", tmp_path / "out", "--split", "test")
    arguments = [
        part.replace("DATA", str(cells_folder)).replace("OUT", str(tmp_path / "out"))
        for part in arguments
    ]
    metrics = tmp_path / "metrics.csv"
    monkeypatch.setattr(sys, "argv", ["dispr", "evaluate", *arguments, "-o", str(metrics)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not metrics.exists()
