import csv
import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from dispr.cli.predict import command
from dispr.diffusion.config import DiffusionConfig
from dispr.errors import DisprError
from dispr.files import write_tiff
from dispr.model.config import ModelConfig
from dispr.model.weights import Weights, build_network, save_weights
from dispr.network.config import UNetConfig
from dispr.simulation.field import simulate_field


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    network = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")
    config = ModelConfig(network, DiffusionConfig(steps=50), sampling_steps="2")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_weights(path, Weights(config, build_network(config).state_dict()))
    return path


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    """Two fields, each with labels as Cellpose keeps them beside the image."""
    folder = tmp_path_factory.mktemp("fields")
    for k, name in enumerate("ab"):
        field = simulate_field(2, seed=k, shape=(110, 130), types=["-1.00_spherocyte"])
        write_tiff(folder / f"{name}.tif", field.image, (0.172,) * 3)
        np.save(folder / f"{name}_seg.npy", np.array({"masks": field.labels}, object))
    return folder


def run(*arguments):
    return CliRunner().invoke(command, [*map(str, arguments)], catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["FIELDS"], "predict them with their labels"),
        (["CELLS", "--channel", "0"], "--channel does not apply"),
        (["CELLS", "--no-measures"], "--measures does not apply"),
    ],
)
def test_options_that_mean_nothing_here(arguments, sentence, fields, cells_folder, tmp_path):
    plain = tmp_path / "fields"
    plain.mkdir()
    shutil.copy(fields / "a.tif", plain)
    names = {"FIELDS": str(plain), "CELLS": str(cells_folder)}
    given = [
        a.replace("FIELDS", names["FIELDS"]).replace("CELLS", names["CELLS"]) for a in arguments
    ]
    with pytest.raises(DisprError, match=sentence):
        run(*given, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_field(weights, fields, tmp_path):
    fast = ["--weights", weights, "--ensemble", 1, "--no-measures", "--no-report"]
    result = run(fields / "a.tif", "--labels", fields / "a_seg.npy", "-o", tmp_path / "out", *fast)
    assert result.exit_code == 0, result.output
    assert f"2 cells: {tmp_path / 'out' / 'cells.csv'}" in result.output
    assert (tmp_path / "out" / "labels.ome.tif").is_file()


def test_folder_of_fields(weights, fields, tmp_path):
    fast = ["--weights", weights, "--ensemble", 1, "--no-measures", "--no-report"]
    result = run(fields, "-o", tmp_path / "out", "--volume", "none", *fast)
    assert result.exit_code == 0, result.output
    assert "a_seg.npy" in result.output
    assert "4 cells of 2 fields" in result.output
    with open(tmp_path / "out" / "cells.csv", newline="") as file:
        assert [row["field"] for row in csv.DictReader(file)] == ["a", "a", "b", "b"]
    assert not (tmp_path / "out" / "a" / "labels.ome.tif").exists()


def test_without_labels_a_real_segmentation_is_asked_for(weights, fields, tmp_path):
    (tmp_path / "a.tif").write_bytes((fields / "a.tif").read_bytes())
    fast = ["--weights", weights, "--ensemble", 1, "--no-measures", "--no-report"]
    result = run(tmp_path / "a.tif", "-o", tmp_path / "out", "--volume", "none", *fast)
    assert result.exit_code == 0, result.output
    assert "Note:" in result.output
    assert "Cellpose" in result.output


def test_bad_input_is_one_sentence_and_exit_code_2(fields, tmp_path, dispr):
    labels = tmp_path / "no.tif"
    done = dispr("predict", fields / "a.tif", "-o", "out", "--labels", labels, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip() == f"Error: {labels} does not exist; check the name."
