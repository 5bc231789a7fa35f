"""The command line, and training on what it wrote."""

import numpy as np
import pytest
from click.testing import CliRunner

from dispr.cli.main import cli
from dispr.errors import DisprError

TINY = ["--network-coarse", 8, "--network-channels", 32, "--network-channel-mult", "1,1"]
TINY += ["--network-features", 8, "--network-fine-channels", 8, "--network-encoder-channels", 8]


def run(*arguments):
    result = CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_prepared_cells_are_checked_and_trained_on(stacks, tmp_path):
    out = tmp_path / "data"
    said = run("prepare", stacks, "--labels", "labels/*.tif", "-o", out)
    assert "6 training cells, 3 test cells; frame 11.008 um, voxels 0.172 um." in said
    assert "2 labels were left out (1 too small, 1 touches the border)" in said
    assert "No faults." in run("data", "check", out)
    run("train", out, "-o", tmp_path / "run", "--steps", 2, "--batch-size", 2, *TINY)
    assert (tmp_path / "run" / "weights.safetensors").is_file()


def test_one_stack_and_its_options(stacks, tmp_path):
    (tmp_path / "classes.csv").write_text("stack,label,type\na,1,discocyte\n")
    out, labels = tmp_path / "data", stacks / "labels" / "a.tif"
    options = ["--voxel-size", "0.6,0.2,0.2", "--frame", 14, "--min-volume", 1]
    options += ["--classes", tmp_path / "classes.csv"]
    said = run("prepare", stacks / "a.tif", "--labels", labels, "-o", out, *options)
    assert "frame 14 um" in said
    assert "none for testing" in said
    names = sorted(path.name for path in (out / "train" / "obj").iterdir())
    assert names == ["0.00_discocyte000001.tif", "a_000002.tif", "a_000003.tif"]


def refused(*arguments):
    with pytest.raises(DisprError) as caught:
        CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=False)
    return str(caught.value)


def test_bad_input_is_one_sentence(stacks, tmp_path):
    one, out = stacks / "a.tif", tmp_path / "out"
    assert "has no labels in its folder" in refused("prepare", one, "-o", out)
    table = tmp_path / "classes.csv"
    table.write_text("stack,label,type\na,99,bean\n")
    labels = ["--labels", stacks / "labels" / "a.tif"]
    assert "label 99 of a" in refused("prepare", one, *labels, "-o", out, "--classes", table)
    assert "um" in refused("prepare", one, *labels, "-o", out, "--frame", "wide")
    assert "pixels of" in refused("prepare", one, *labels, "-o", out, "--frame", 1)
    np.save(tmp_path / "none.npy", np.zeros((26, 112, 128), np.uint8))
    empty = ["--labels", tmp_path / "none.npy"]
    assert "no cell is labelled" in refused("prepare", one, *empty, "-o", out)
    few = tmp_path / "few"
    assert "none of the 3 labels" in refused(
        "prepare", one, *labels, "-o", few, "--min-volume", 1e9
    )
    assert not few.exists()
    assert not out.exists()


def test_exit_code(tmp_path, dispr):
    result = dispr("prepare", tmp_path / "no", "-o", tmp_path / "out")
    assert result.returncode == 2
    assert result.stderr == f"Error: {tmp_path / 'no'} does not exist; check the name.\n"
