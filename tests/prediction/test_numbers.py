"""The numbers of `predictions.csv`, from shapes that are known."""

import csv
import json

import numpy as np
import pytest

from dispr.cells.folder import find_cells
from dispr.cells.frame import PUBLISHED
from dispr.cells.square import Square
from dispr.diffusion.config import DiffusionConfig
from dispr.files import write_tiff
from dispr.intervals.rules import Intervals, Rule
from dispr.model.config import ModelConfig
from dispr.model.frame import frame_to_dict
from dispr.model.weights import build_network
from dispr.morphology.voxels import surface
from dispr.network.config import UNetConfig
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.model import Model
from dispr.prediction.prediction import Prediction
from dispr.prediction.settings import PredictionSettings

RULES = {"volume": Rule(2.0, 0.1, True), "boundary": Rule(1.5, 0.2, True)}
INTERVALS = Intervals(0.9, 50, {3: RULES})
EDGES = (10, 12, 15)


def samples():
    found = np.zeros((3, 64, 64, 64), bool)
    for sample, edge in zip(found, EDGES, strict=True):
        sample[20 : 20 + edge, 20 : 20 + edge, 20 : 20 + edge] = True
    return found


@pytest.fixture
def model(monkeypatch):
    config = ModelConfig(
        UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic"),
        DiffusionConfig(steps=50),
        sampling_steps="2",
    )
    about = {"frame": frame_to_dict(PUBLISHED), "intervals": INTERVALS.to_dict()}
    model = Model(config, build_network(config), about)

    def draw(sections, drawing, **settings):
        for section in sections:
            mean = samples().mean(0, dtype=np.float32)
            yield Prediction(samples(), mean, model.intervals, section.voxel_size)

    monkeypatch.setattr(model, "predict_stream", draw)
    return model


def crop(folder, shape=(100, 90), corner=(20, 40)):
    """Write a disc of 40 pixels: its box begins at the corner."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    inside = (y - corner[0] - 19.5) ** 2 + (x - corner[1] - 19.5) ** 2 < 20**2
    rng = np.random.default_rng(0)
    image = np.where(inside, 180, 20) + rng.integers(0, 20, shape)
    write_tiff(folder / "image" / "a.tif", image.astype(np.uint8))
    write_tiff(folder / "mask" / "a.tif", inside.astype(np.uint8) * 255)
    return find_cells(folder)


def table(out):
    with open(out / "predictions.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    return {name: float(v) if v.replace(".", "").isdigit() else v for name, v in row.items()}


def test_volumes_in_voxels_and_um3(model, tmp_path):
    files = crop(tmp_path / "cells")
    predict_folder(
        model, files, tmp_path / "out", PredictionSettings(ensemble=3, seed=4, pixel_size=0.2)
    )
    row = table(tmp_path / "out")
    volumes = np.array(EDGES, float) ** 3
    assert row["volume_voxels"] == 12**3
    assert row["volume_mean_voxels"] == pytest.approx(volumes.mean(), abs=0.06)
    assert row["volume_sd_voxels"] == pytest.approx(volumes.std(ddof=1), abs=0.06)
    assert row["boundary_voxels"] == surface(samples()[1]) == 12**3 - 10**3
    # 11.008 um of the frame are 55 pixels of 0.2 um, which 64 voxels stand on.
    edge = 55 * 0.2 / 64
    assert row["voxel_size_um"] == pytest.approx(edge, rel=1e-5)
    for kind in ("", "_mean", "_sd", "_low", "_high"):
        expected = row[f"volume{kind}_voxels"] * edge**3
        assert row[f"volume{kind}_um3"] == pytest.approx(expected, rel=1e-5)
    assert (row["samples"], row["seed"], row["steps"], row["sampler"]) == (3, 4, 2, "ddpm")
    assert row["name"] == "a"


def test_intervals_have_their_ends_in_order(model, tmp_path):
    files = crop(tmp_path / "cells")
    predict_folder(model, files, tmp_path / "out", PredictionSettings(ensemble=3, pixel_size=0.2))
    row = table(tmp_path / "out")
    for quantity in ("volume", "boundary"):
        low, high = row[f"{quantity}_low_voxels"], row[f"{quantity}_high_voxels"]
        assert low < row[f"{quantity}_voxels"] < high
    assert row["volume_low_um3"] < row["volume_um3"] < row["volume_high_um3"]


def test_place_of_the_frame_in_the_crop(model, tmp_path):
    """The middle of the disc, rows 20 to 59 and columns 40 to 79, is that of 55 pixels."""
    files = crop(tmp_path / "cells")
    predict_folder(model, files, tmp_path / "out", PredictionSettings(ensemble=3, pixel_size=0.2))
    row = table(tmp_path / "out")
    assert (row["frame_y_px"], row["frame_x_px"], row["frame_px"]) == (12, 32, 55)
    assert PredictionFolder(tmp_path / "out").square("a") == Square(12, 32, 55)
    # A 3D cell of 64 rows fills the crop once this is a square of 100: columns from -5 on.
    expected = (12 * 0.64, (32 + 5) * 0.64, 55 * 0.64)
    assert PredictionFolder(tmp_path / "out").grid("a") == pytest.approx(expected)
    assert PredictionFolder(tmp_path / "out").grid("b") is None


def test_a_crop_that_is_its_frame_is_on_the_grid_of_its_3d_cell(model, tmp_path):
    files = crop(tmp_path / "cells", shape=(64, 64), corner=(12, 12))
    predict_folder(model, files, tmp_path / "out", PredictionSettings(ensemble=3))
    assert PredictionFolder(tmp_path / "out").grid("a") is None
    assert PredictionFolder(tmp_path / "out").square("a") == Square(0, 0, 64)


def test_one_sample_has_no_deviation(model, tmp_path, monkeypatch):
    def draw(sections, drawing, **settings):
        for _ in sections:
            yield Prediction(samples()[:1], samples()[0].astype(np.float32), INTERVALS)

    monkeypatch.setattr(model, "predict_stream", draw)
    files = crop(tmp_path / "cells", shape=(64, 64), corner=(12, 12))
    rows = predict_folder(model, files, tmp_path / "out", PredictionSettings(ensemble=1))
    assert rows[0]["volume_sd_voxels"] == ""
    assert rows[0]["volume_mean_voxels"] == rows[0]["volume_voxels"] == 1000
    assert "volume_um3" not in rows[0]


@pytest.mark.parametrize("name", ["seed", "ensemble", "model", "steps", "sampler"])
def test_other_settings_are_other_predictions(model, tmp_path, name):
    from dispr.errors import ConfigError

    files = crop(tmp_path / "cells")
    settings = {"ensemble": 3, "seed": 0, "steps": 2, "sampler": "ddpm"}
    predict_folder(model, files, tmp_path / "out", PredictionSettings(**settings))
    if name == "model":
        next(model.network.parameters()).fill_(0.5)
    else:
        settings[name] = {"seed": 1, "ensemble": 4, "steps": 3, "sampler": "ddim"}[name]
    with pytest.raises(ConfigError, match=f"other settings .*{name}"):
        predict_folder(model, files, tmp_path / "out", PredictionSettings(**settings))


def test_calibration_is_not_a_setting(model, tmp_path):
    """Intervals that were fitted later stand in the table of the same shapes."""
    files = crop(tmp_path / "cells")
    predict_folder(model, files, tmp_path / "out", PredictionSettings(ensemble=3))
    model.intervals = Intervals(0.9, 50, {3: {**RULES, "volume": Rule(4.0, 0.1, True)}})
    before = table(tmp_path / "out")
    predict_folder(model, files, tmp_path / "out", PredictionSettings(ensemble=3))
    assert table(tmp_path / "out")["volume_high_voxels"] > before["volume_high_voxels"]


def test_the_command_that_drew_the_shapes_is_kept(model, tmp_path):
    files = crop(tmp_path / "cells")

    def runs(command):
        predict_folder(
            model, files, tmp_path / "out", PredictionSettings(ensemble=3), command=command
        )
        record = json.loads((tmp_path / "out" / "prediction.json").read_text("utf-8"))
        return [run["command"] for run in record["made"]["runs"]]

    assert runs("dispr predict cells") == ["dispr predict cells"]
    assert runs("dispr predict cells --batch-size 1") == ["dispr predict cells"]
    assert runs("") == ["dispr predict cells"]
    PredictionFolder(tmp_path / "out").shapes.probability_path("a").unlink()
    assert runs("dispr predict more") == ["dispr predict cells", "dispr predict more"]
