import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dispr.cells.folder import CellFiles, find_cells
from dispr.cells.read import read_cell
from dispr.cli.main import cli
from dispr.diffusion.config import DiffusionConfig
from dispr.errors import ConfigError
from dispr.model.config import ModelConfig
from dispr.model.weights import Weights, build_network, load_weights, save_weights
from dispr.morphology.features import SHAPE_FEATURES
from dispr.morphology.voxels import surface
from dispr.network.config import UNetConfig
from dispr.prediction.calibrate import (
    calibrate,
    calibrate_folder,
    calibrate_folds,
    too_few,
    unseen,
)
from dispr.prediction.choices import DISTANCES
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.model import Model, load
from dispr.prediction.planes import hold_planes
from dispr.prediction.prediction import Prediction
from dispr.prediction.settings import PredictionSettings
from dispr.simulation.folder import simulate_folder

CONFIG = ModelConfig(
    UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic"),
    DiffusionConfig(steps=50),
    sampling_steps="2",
)


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    network = build_network(CONFIG)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    path = tmp_path / "weights.safetensors"
    save_weights(
        path, Weights(CONFIG, network.state_dict(), {"training_cells": ["0.00_discocyte000000"]})
    )
    return path


def test_cells_of_the_training_are_left_out(weights, cells_folder):
    model = load(weights, "cpu")
    files = find_cells(cells_folder, split="train", need_obj=True)
    left, remarks = unseen(model, files)
    assert [file.name for file in left] == [file.name for file in files[1:]]
    assert remarks == (
        f"1 of {len(files)} cells are skipped, because the model was trained on them.",
    )
    with pytest.raises(ConfigError, match="trained on all of these cells"):
        unseen(model, files[:1])


def test_cells_that_the_first_weights_saw_are_left_out(weights, cells_folder):
    model = load(weights, "cpu")
    files = find_cells(cells_folder, split="train", need_obj=True)
    before = {"training_cells": [files[1].name], "data": "first"}
    model.about["started_from"] = {
        **before,
        "extra_cells": 1,
        "extra_training_cells": ["simulated"],
    }
    names = {file.name for file in files}
    assert {file.name for file in unseen(model, files)[0]} == names - {files[0].name, files[1].name}
    assert {f.name for f in unseen(model, files, ["first"])[0]} == names - {files[0].name}
    model.about["started_from"] = {**before, "extra_cells": 1}
    with pytest.raises(ConfigError, match="do not list 1 extra cells"):
        unseen(model, files)
    del model.about["training_cells"]
    left, (remark,) = unseen(model, files)
    assert len(left) == len(files)
    assert "do not list their training cells" in remark


def counts(body):
    """Give all measures of a shape as its voxels and boundary; noise takes seconds to measure."""
    boundary = surface(body)
    values = {feature.name: 1.0 + boundary for feature in SHAPE_FEATURES}
    return values | {"volume": float(body.sum()), "boundary": float(boundary)}


@pytest.fixture
def few_choices(monkeypatch):
    """Look for further known planes a few times only, where they are not what is tested."""
    monkeypatch.setattr("dispr.prediction.choices.TRIES", 4)


@pytest.mark.usefixtures("few_choices")
def test_calibration_is_kept_and_used(weights, tmp_path, monkeypatch):
    monkeypatch.setattr("dispr.prediction.calibrate.shape_values", counts)
    simulate_folder(tmp_path / "cells", 10, test_fraction=0)
    arguments = ["calibrate", str(weights), str(tmp_path / "cells"), "--device", "cpu"]
    cli.main(arguments, standalone_mode=False)
    model = load(weights, "cpu")
    found = model.intervals
    assert load_weights(weights).about["intervals"] == found.to_dict()
    files, _ = unseen(model, find_cells(tmp_path / "cells", split="train", need_obj=True))
    assert (found.level, found.cells) == (0.9, len(files))
    rows = predict_folder(model, files, tmp_path / "out", PredictionSettings(ensemble=5))
    held = [
        row["volume_low_voxels"] <= volume <= row["volume_high_voxels"]
        for row, volume in zip(rows, true_volumes(files), strict=True)
    ]
    assert {row["calibrated"] for row in rows} == {"all"}
    for row in rows:
        assert row["volume_low_voxels"] <= row["volume_voxels"] <= row["volume_high_voxels"]
        assert row["boundary_low_voxels"] <= row["boundary_voxels"] <= row["boundary_high_voxels"]
    assert sum(held) >= 9  # what the level promises of the very cells it was fitted to
    # Kept predictions state the same intervals.
    assert predict_folder(model, files, tmp_path / "out", PredictionSettings(ensemble=5)) == rows


def true_volumes(files):
    from dispr.cells.read import read_obj

    return [(read_obj(file.obj) > 127).sum() for file in files]


def test_no_interval_without_calibration(weights, cells_folder, tmp_path):
    files = find_cells(cells_folder, split="test")
    rows = predict_folder(
        load(weights, "cpu"), files, tmp_path / "out", PredictionSettings(ensemble=2)
    )
    assert {row["volume_low_voxels"] for row in rows} == {""}
    assert {row["calibrated"] for row in rows} == {"none"}
    for row in rows:
        assert row["volume_min_voxels"] <= row["volume_voxels"] <= row["volume_max_voxels"]
        assert row["volume_min_voxels"] <= row["volume_mean_voxels"] <= row["volume_max_voxels"]
        assert row["boundary_min_voxels"] <= row["boundary_voxels"] <= row["boundary_max_voxels"]


def test_too_few_cells(weights, cells_folder):
    files = find_cells(cells_folder, split="test", need_obj=True)
    with pytest.raises(ConfigError, match=r"2 cells .* too few"):
        calibrate(load(weights, "cpu"), files)


def test_deterministic(cells_folder):
    network = dataclasses.replace(CONFIG.network, in_channels=2, out_channels=1)
    config = ModelConfig(network, None)
    with pytest.raises(ConfigError, match="no spread"):
        calibrate(Model(config, build_network(config)), find_cells(cells_folder, split="test"))


@pytest.mark.usefixtures("few_choices")
def test_errors_are_of_the_volumes_that_this_seed_draws(weights, cells_folder, monkeypatch, told):
    model = load(weights, "cpu")
    files = find_cells(cells_folder, split="train", need_obj=True) * 2
    errors, asked = [], {}

    def draw(images, masks, settings, keep_grey):
        asked.update(vars(settings))
        for file in files:
            truth = read_cell(file).obj > 127
            sample = truth.copy()
            sample[:30] = False
            errors.append(abs(np.log(sample.sum() / truth.sum())))
            grey = np.stack([sample] * 5).astype(np.float32)
            yield Prediction(grey > 0.5, grey[0], grey=grey)

    monkeypatch.setattr(model, "predict_each", draw)
    seen = told()
    found = calibrate(model, files, seed=7, progress=seen)
    assert asked["seed"] == 7
    assert seen.done() == list(range(1, len(files) + 1))
    assert found.cells == len(files)
    # Of 12 cells whose samples agree, the interval of 90 % reaches to the largest error.
    rule = found.rules[5]["volume"]
    assert rule.log
    assert rule.scale * rule.floor == pytest.approx(max(errors), rel=0.1)
    value, true = found.pairs("volume")
    assert np.abs(np.log(value / true)) == pytest.approx(errors, rel=1e-3, abs=1e-3)


def body(up, down, radius=20):
    """A cell with a round section that reaches so many voxels up and down."""
    z, y, x = np.indices((64, 64, 64)) - 32
    return (z / np.where(z > 0, up, down)) ** 2 + (y**2 + x**2) / radius**2 < 1


@pytest.fixture
def drawn_too_high(monkeypatch):
    """Cells whose two shapes have the same upper half, whatever that of the cell is."""
    monkeypatch.setattr("dispr.prediction.calibrate.shape_values", counts)
    rng = np.random.default_rng(0)
    heights = rng.uniform(14, 23, 12).round()
    files = [CellFiles(f"0.00_discocyte{i:06d}", Path("a"), Path("b")) for i in range(12)]
    truths = [body(height, 16) for height in heights]
    cells = iter(truths)

    def read(file):
        truth = next(cells)
        mask = truth[32].astype(np.uint8) * 255
        return SimpleNamespace(image=mask, mask=mask, obj=truth.astype(np.uint8) * 255)

    monkeypatch.setattr("dispr.prediction.calibrate.read_cell", read)

    def draw(images, masks, settings, keep_grey=False, known=None):
        for i in range(len(images)):
            raw = [body(height, 16) for height in (18, 20)]
            if known is not None:
                planes = {32: masks[i], **known[i]}
                raw = [hold_planes(shape, planes) for shape in raw]
            samples = np.stack(raw)
            grey = samples.astype(np.float32)
            yield Prediction(samples, grey.mean(axis=0), grey=grey)

    return files, truths, draw


@pytest.mark.parametrize("follows", [False, True])
def test_errors_with_further_planes_are_of_shapes_that_are_held_to_them(
    drawn_too_high, monkeypatch, follows
):
    files, truths, draw = drawn_too_high
    model = Model(CONFIG, build_network(CONFIG))
    monkeypatch.setattr(model, "predict_each", draw)
    monkeypatch.setattr(Model, "follows_planes", follows)
    found = calibrate(model, files, ensemble=2)
    assert list(found.further) == list(DISTANCES)
    volumes = {file.name: truth.sum() for file, truth in zip(files, truths, strict=True)}
    errors = []
    for known in (*found.further.values(), found.known):
        # Some distances are not found of a cell.
        assert len(known.names) >= 10
        value, true = known.pairs("volume")
        assert true == pytest.approx([volumes[name] for name in known.names], rel=1e-3)
        errors.append(np.abs(np.log(value / true)).mean())
    # The more is known, the smaller are the errors.
    assert max(errors[:2]) < 0.3 * errors[-1]
    assert max(errors[2:-1]) < errors[-1]
    assert found.given(0.1).known is found.further[0.14]
    assert found.given(0.3).known is found.further[0.4]


def test_predictions_from_further_planes_do_not_calibrate_those_of_sections(weights, tmp_path):
    simulate_folder(tmp_path / "cells", 1, test_fraction=0)
    folder = tmp_path / "cells" / "train"
    name = find_cells(tmp_path / "cells")[0].name
    (folder / "planes.csv").write_text(f"name,mask,plane\n{name},mask/{name}.tif,40\n")
    files = find_cells(tmp_path / "cells", need_obj=True)
    predict_folder(load(weights, "cpu"), files, tmp_path / "out", PredictionSettings(ensemble=2))
    with pytest.raises(ConfigError, match="was predicted from 2 known planes"):
        calibrate_folder(tmp_path / "out", {name: files[0].obj})


def test_what_comes_of_few_cells():
    assert too_few(50, 9) == []
    few_to_fit, few_to_know = too_few(16, 2)
    assert few_to_fit.startswith("2 validation cells are too few for dispr calibrate")
    assert few_to_know.startswith("16 training cells are too few")
    assert len(too_few(49, 9)) == len(too_few(50, 8)) == 1


@pytest.mark.usefixtures("few_choices")
def test_each_fold_judges_the_cells_that_it_has_not_seen(tmp_path, weights, monkeypatch):
    monkeypatch.setattr("dispr.prediction.calibrate.shape_values", counts)
    simulate_folder(tmp_path / "cells", 12, test_fraction=0)
    files = find_cells(tmp_path / "cells", split="train", need_obj=True)
    halves = files[:6], files[6:]
    folds = []
    for k, half in enumerate(halves):
        seen = [file.name for file in halves[1 - k]]
        path, out = tmp_path / f"{k}.safetensors", tmp_path / f"out_{k}"
        torch.manual_seed(k)
        state = build_network(CONFIG).state_dict()
        save_weights(path, Weights(CONFIG, state, {"training_cells": seen}))
        drawing = PredictionSettings(ensemble=2, pixel_size=0.172)
        predict_folder(load(path, "cpu"), half if k else files, out, drawing)
        folds.append((out, path))
    model = load(weights, "cpu")
    with pytest.raises(ConfigError, match=r"was predicted in .*out_1 and in .*out_1"):
        calibrate_folds(model, [folds[1], folds[0], folds[1]], files, jobs=1)
    # The first fold predicted all cells; only those that it has not seen count.
    arguments = ["calibrate", str(weights), str(tmp_path / "cells"), "--jobs", "1"]
    for out, path in folds:
        arguments += ["--fold", str(out), str(path)]
    cli.main(arguments, standalone_mode=False)
    known = load(weights, "cpu").intervals.known
    assert known.names == tuple(file.name for file in files)
    volumes = {
        name: PredictionFolder(out).probability(name)
        for (out, _), half in zip(folds, halves, strict=True)
        for name in (file.name for file in half)
    }
    value, true = load(weights, "cpu").intervals.pairs("volume")
    assert value == pytest.approx([(volumes[n] > 0.5).sum() for n in known.names], rel=1e-3)
    assert true == pytest.approx(true_volumes(files), rel=1e-3)
    with pytest.raises(ConfigError, match="not predicted with the weights"):
        calibrate_folds(model, [(folds[0][0], folds[1][1])], files, jobs=1)
    other = dataclasses.replace(CONFIG, sampling_steps="3")
    state = build_network(other).state_dict()
    save_weights(tmp_path / "other.safetensors", Weights(other, state, {"training_cells": ["a"]}))
    with pytest.raises(ConfigError, match="another configuration"):
        calibrate_folds(model, [(folds[0][0], tmp_path / "other.safetensors")], files, jobs=1)
