"""Simulate, train, predict, evaluate: the commands of the README, on a tiny network."""

import csv

import pytest

TINY = ["--network-coarse", 8, "--network-channels", 32, "--network-channel-mult", "1,1"]
TINY += ["--network-features", 8, "--network-fine-channels", 8, "--network-encoder-channels", 8]


@pytest.fixture(scope="module")
def run(dispr):
    """Give what runs a command and compares its exit code."""

    def ended(*arguments, code=0, **options):
        result = dispr(*arguments, **options)
        assert result.returncode == code, result.stderr
        return result

    return ended


@pytest.fixture(scope="module")
def trained(tmp_path_factory, run):
    root = tmp_path_factory.mktemp("pipeline")
    run("simulate", "-o", root / "cells", "-n", 8, "--test-fraction", 0.25)
    run("train", root / "cells", "-o", root / "run", "--steps", 3, "--batch-size", 2, *TINY)
    return root


def test_pipeline(trained, run):
    weights = trained / "run" / "weights.safetensors"
    command = ["predict", trained / "cells", "-o", trained / "out", "--split", "test"]
    command += ["--weights", weights, "--ensemble", 2, "--sampling-steps", 2, "--sampler", "ddim"]
    assert "2 cells, 4 shapes" in run(*command).stdout
    assert len(list((trained / "out" / "samples").iterdir())) == 4
    assert (trained / "out" / "report.html").is_file()
    metrics = trained / "metrics.csv"
    printed = run("evaluate", trained / "out", trained / "cells", "--split", "test", "-o", metrics)
    assert "best of N" in printed.stdout
    with open(metrics, newline="") as file:
        kinds = [row["shape"] for row in csv.DictReader(file)]
    assert kinds.count("single samples") == 4
    assert (trained / "metrics_report.html").is_file()
    # Again: nothing is computed, nothing changes.
    before = {p: p.stat().st_mtime_ns for p in (trained / "out" / "samples").iterdir()}
    assert "2 cells, 4 shapes" in run(*command).stdout
    assert before == {p: p.stat().st_mtime_ns for p in (trained / "out" / "samples").iterdir()}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--weights", "cells/simulation.json"], "cannot be read as safetensors"),
        (["--weights", "none.safetensors"], "none.safetensors does not exist"),
        (["--sampling-steps", "many"], '"many" is not a valid choice of steps'),
        (["--ensemble", "0"], "ensemble must be at least 1"),
        (["--split", "validation"], "not one of 'train', 'test'"),
        (["--device", "quantum"], "not one of auto, cpu, cuda"),
        (["--precision", "fp16", "--device", "cpu"], "fp16 needs a GPU"),
    ],
)
def test_bad_options(trained, run, arguments, sentence):
    weights = ["--weights", "run/weights.safetensors"] if "--weights" not in arguments else []
    command = ["predict", "cells", "-o", "bad", *weights, *arguments]
    assert sentence in run(*command, code=2, cwd=trained).stderr
    assert not (trained / "bad").exists()
