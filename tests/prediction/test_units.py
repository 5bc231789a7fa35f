"""The size of a pixel on its way from a file to predictions, their files and tables."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import tifffile
import torch

from dispr.cells.folder import find_cells
from dispr.cells.metadata import read_voxel_size
from dispr.cells.read import read_pixel_size
from dispr.cells.square import Square
from dispr.diffusion.config import DiffusionConfig
from dispr.errors import ConfigError, FileError
from dispr.files import write_tiff
from dispr.intervals.rules import ANY, Intervals, Rule
from dispr.measurements.folder import measure_items
from dispr.measurements.inputs import find_items
from dispr.model.config import ModelConfig
from dispr.model.weights import build_network
from dispr.network.config import UNetConfig
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.model import Model
from dispr.prediction.settings import PredictionSettings

NETWORK = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")


@pytest.fixture(scope="module")
def model():
    config = ModelConfig(
        NETWORK,
        DiffusionConfig(steps=50),
        sampling_steps="2",
    )
    torch.manual_seed(0)
    network = build_network(config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    rules = {name: Rule(2.0, 0.1, True) for name in ("volume", "boundary")}
    intervals = Intervals(0.9, 50, {ANY: rules}).to_dict()
    about = {"frame": {"pixel_um": 0.1 * 96 / 64}, "intervals": intervals}
    return Model(config, network, about)


def write_section(root, name, size, pixel=None, shape=(96, 96)):
    y, x = np.indices(shape) - np.reshape(np.array(shape) / 2, (2, 1, 1))
    mask = ((y**2 + x**2 < (size / 2) ** 2) * 255).astype(np.uint8)
    spacing = None if pixel is None else (1.0, pixel, pixel)
    write_tiff(root / "image" / f"{name}.tif", mask // 2 + 20, spacing)
    write_tiff(root / "mask" / f"{name}.tif", mask)


@pytest.fixture
def cells(tmp_path):
    """One cell whose image states its pixels (0.1 um, 96 x 80), one whose image does not."""
    write_section(tmp_path / "cells", "a", 50, 0.1)
    write_section(tmp_path / "cells", "b", 50)
    return tmp_path / "cells"


def rows_of(out):
    with open(out / "predictions.csv", newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_voxels_are_as_large_as_resized_pixels(cells):
    a, b = find_cells(cells)
    assert read_pixel_size(a) == pytest.approx(0.1 * 96 / 64)
    assert read_pixel_size(b) is None
    assert read_pixel_size(b, 0.2) == read_pixel_size(a, 0.2) == pytest.approx(0.3)
    with pytest.raises(ConfigError, match="a pixel size must be a positive number"):
        read_pixel_size(a, -1)


def test_resizing_keeps_areas(cells):
    """A disc of 5 um stays one of 5 um, whatever the number of its pixels."""
    from dispr.cells.read import read_cell

    file = find_cells(cells)[0]
    pixels = (read_cell(file).mask > 127).sum()
    assert pixels * read_pixel_size(file) ** 2 == pytest.approx(np.pi * 2.5**2, rel=0.02)


def test_files_and_tables(model, cells, tmp_path):
    out = tmp_path / "out"
    rows = predict_folder(model, find_cells(cells), out, PredictionSettings(ensemble=2))
    assert PredictionFolder(out).spacing("a") == pytest.approx((0.15,) * 3, rel=1e-6)
    for k in range(2):
        assert read_voxel_size(
            PredictionFolder(out).shapes.sample_path("a", k)
        ).spacing == PredictionFolder(out).spacing("a")
    assert PredictionFolder(out).spacing("b") is None
    table = rows_of(out)
    a = {name: float(value) for name, value in table["a"].items() if name.startswith("volume")}
    assert float(table["a"]["voxel_size_um"]) == pytest.approx(0.15)
    for kind in ("", "_mean", "_sd", "_low", "_high"):
        expected = a[f"volume{kind}_voxels"] * 0.15**3
        assert a[f"volume{kind}_um3"] == pytest.approx(expected, rel=1e-4)
    assert table["b"]["volume_um3"] == table["b"]["voxel_size_um"] == ""
    assert "volume_um3" not in rows[1]
    cells = PredictionFolder(out).cells
    assert cells["a"]["voxel_size_um"] == pytest.approx(0.15)
    assert cells["b"]["voxel_size_um"] is None
    # What measure says of the files agrees with what predict said of the shapes.
    measured = measure_items(find_items(out), tmp_path / "cells.csv", jobs=1)
    assert measured[0]["volume_um3"] == pytest.approx(a["volume_um3"], rel=1e-4)
    assert "volume_um3" not in measured[1]


def test_size_that_is_given_later(model, tmp_path, told):
    """A size at which a crop is the frame itself changes no shape; another one does."""
    out, root = tmp_path / "out", tmp_path / "small"
    write_section(root, "b", 40, shape=(64, 64))
    files = find_cells(root)
    predict_folder(model, files, out, PredictionSettings(ensemble=2))
    before = PredictionFolder(out).samples("b")
    seen = told()
    predict_folder(
        model, files, out, PredictionSettings(ensemble=2, pixel_size=0.15), progress=seen
    )
    assert seen.done() == [1.0]  # nothing was predicted anew
    assert PredictionFolder(out).spacing("b") == pytest.approx((0.15,) * 3, rel=1e-6)
    assert (PredictionFolder(out).samples("b") == before).all()
    assert float(rows_of(out)["b"]["voxel_size_um"]) == pytest.approx(0.15)
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.tif")}
    predict_folder(model, files, out, PredictionSettings(ensemble=2, pixel_size=0.15))
    assert stamps == {path: path.stat().st_mtime_ns for path in out.rglob("*.tif")}
    (row,) = predict_folder(model, files, out, PredictionSettings(ensemble=2, pixel_size=0.2))
    assert row["frame_px"] == 48
    assert PredictionFolder(out).spacing("b") == pytest.approx((0.15,) * 3, rel=1e-6)
    assert (PredictionFolder(out).samples("b") != before).any()


def test_predictions_of_earlier_versions_go_on(model, cells, tmp_path, told):
    out, files = tmp_path / "out", find_cells(cells)[1:]
    predict_folder(model, files, out, PredictionSettings(ensemble=1))
    settings = json.loads((out / "prediction.json").read_text())
    entry = PredictionFolder(out).cells["b"]
    # Where these were, and lines of the table that have other columns.
    settings |= {"cells": {"b": entry["digest"]}, "squares": {"b": entry["square"]}}
    (out / "prediction.json").write_text(json.dumps(settings))
    (out / "cells.jsonl").unlink()
    (out / "dispr_checksums.txt").unlink()
    y, x, edge, _ = entry["square"]
    assert PredictionFolder(out).square("b") == Square(y, x, edge)
    seen = told()
    predict_folder(model, files, out, PredictionSettings(ensemble=1), progress=seen)
    assert seen.done() == [1.0]
    assert PredictionFolder(out).cells["b"] == entry


def test_arrays(model):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (96, 128)).astype(np.uint8)
    mask = np.zeros((96, 128), bool)
    mask[20:70, 30:90] = True
    plain = model.predict(image, mask, ensemble=1)
    assert plain.voxel_size is None
    assert plain.spacing is None
    sized = model.predict(image, mask, ensemble=1, pixel_size=0.1)
    assert sized.voxel_size == pytest.approx(0.15)
    assert sized.spacing == (sized.voxel_size,) * 3
    assert sized.square.edge == 96
    batch = model.predict(np.stack([image] * 2), np.stack([mask] * 2), ensemble=1, pixel_size=0.1)
    assert [found.voxel_size for found in batch] == pytest.approx([0.15] * 2)
    with pytest.raises(ConfigError, match="a pixel size must be a positive number"):
        model.predict(image, mask, pixel_size=0)


def test_pixels_that_are_not_square(model, cells, tmp_path):
    path = cells / "image" / "a.tif"
    write_tiff(path, tifffile.imread(path), (1.0, 0.1, 0.2))
    with pytest.raises(FileError, match=r"a\.tif has pixels of 0\.1 x 0\.2 um"):
        predict_folder(model, find_cells(cells), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    predict_folder(
        model, find_cells(cells), tmp_path / "out", PredictionSettings(ensemble=1, pixel_size=0.2)
    )


def test_fiji_can_open_what_has_a_size(model, cells, tmp_path):
    predict_folder(model, find_cells(cells), tmp_path, PredictionSettings(ensemble=1))
    with tifffile.TiffFile(PredictionFolder(tmp_path).shapes.probability_path("a")) as tiff:
        assert tiff.is_imagej
        assert tiff.series[0].axes == "ZYX"
        assert tiff.imagej_metadata["unit"] == "micron"
        assert tiff.imagej_metadata["spacing"] == pytest.approx(0.15)


def test_deterministic_models_know_the_size(cells):
    network = dataclasses.replace(NETWORK, in_channels=2, out_channels=1)
    config = ModelConfig(network, diffusion=None)
    torch.manual_seed(0)
    single = Model(config, build_network(config))
    mask = np.pad(np.ones((30, 30), bool), 17)
    assert single.predict(mask * 0.5, mask, pixel_size=0.3).voxel_size == pytest.approx(0.3)
