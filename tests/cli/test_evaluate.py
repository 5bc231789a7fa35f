import csv

import pytest
from click.testing import CliRunner

from dispr.cli.baseline import command as baseline
from dispr.cli.evaluate import command as evaluate


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
