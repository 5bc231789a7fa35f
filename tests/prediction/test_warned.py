"""Cells that the shipped model was not made for have no calibrated interval, by any route."""

import csv
import math

import numpy as np
import pytest

import dispr
from dispr.cells.folder import find_cells
from dispr.files import write_tiff
from dispr.measurements.folder import measure_items
from dispr.measurements.inputs import find_items, with_intervals
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.model import load
from dispr.prediction.settings import PredictionSettings


@pytest.fixture(scope="module")
def nuclei():
    """Smooth, mottled ellipses, (2, 64, 64) each."""
    y, x = np.mgrid[:64, :64] - 31.5
    rng = np.random.default_rng(0)
    found = []
    for a, b in ((24, 15), (20, 22)):
        inside = (y / a) ** 2 + (x / b) ** 2 < 1
        coarse = np.kron(rng.uniform(-60, 60, (8, 8)), np.ones((8, 8)))
        found.append((np.where(inside, 150 + coarse, 12).astype(np.uint8), inside))
    images, masks = zip(*found, strict=True)
    return np.stack(images), np.stack(masks).astype(np.uint8) * 255


@pytest.fixture(scope="module")
def model():
    return load(device="cpu")


def test_folder_and_measures(nuclei, model, tmp_path):
    for k, (image, mask) in enumerate(zip(*nuclei, strict=True)):
        write_tiff(tmp_path / "cells" / "image" / f"n{k}.tif", image)
        write_tiff(tmp_path / "cells" / "mask" / f"n{k}.tif", mask)
    out = tmp_path / "out"
    files = find_cells(tmp_path / "cells")
    rows = predict_folder(model, files, out, PredictionSettings(ensemble=5, pixel_size=0.172))
    for row in rows:
        assert "training cells" in row["warning"]
        assert row["calibrated"] == "none"
        assert row["volume_low_um3"] == row["boundary_high_voxels"] == ""
        assert row["volume_min_um3"] <= row["volume_um3"] <= row["volume_max_um3"]
    assert PredictionFolder(out).intervals() == model.intervals.of_sections()
    items = with_intervals(find_items(out), out, PredictionFolder(out).intervals())
    for row in measure_items(items, tmp_path / "cells.csv", jobs=1):
        assert row["calibrated"] == "none"
        assert "training cells" in row["warning"]
        ends = [name for name in row if "_low" in name or "_high" in name]
        assert ends
        assert {row[name] for name in ends} == {""}
        assert row["surface_min_um2"] <= row["surface_um2"] <= row["surface_max_um2"]
    with open(out / "predictions.csv", newline="", encoding="utf-8") as file:
        assert {row["volume_low_voxels"] for row in csv.DictReader(file)} == {""}


def test_arrays(nuclei, model):
    image, mask = nuclei[0][0], nuclei[1][0]
    found = model.predict(image, mask, ensemble=2, pixel_size=0.172)
    assert "training cells" in found.warning
    measures = found.measure()
    assert math.isnan(measures["volume_low_um3"])
    assert math.isnan(measures["sphericity_high"])
    assert measures["volume_min_um3"] <= measures["volume_um3"] <= measures["volume_max_um3"]
    field = dispr.predict_field(image, mask > 0, model=model, pixel_size=0.172, ensemble=2)
    (row,) = field.table()
    assert "training cells" in row["warning"]
    assert math.isnan(row["volume_low_um3"])
