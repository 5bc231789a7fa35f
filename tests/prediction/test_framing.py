"""One cell by every route, however it is cropped and at any resolution: one volume."""

from dataclasses import replace

import numpy as np
import pytest
from skimage.transform import resize

import dispr
from dispr.cells.folder import find_cells
from dispr.cells.square import Square
from dispr.files import write_tiff
from dispr.labelled.field.folder import predict_field_files
from dispr.labelled.field.settings import FieldSettings
from dispr.labelled.find import FieldFiles
from dispr.napari_plugin.work import Job, run
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.model import load
from dispr.prediction.settings import PredictionSettings
from dispr.simulation.cell import simulate_cell

PIXEL = 0.172


@pytest.fixture(scope="module")
def model():
    return load(device="cpu")


@pytest.fixture(scope="module")
def cell():
    """A spherocyte: small, and so the worst to be stretched."""
    found = simulate_cell("-1.00_spherocyte", seed=5)
    return found.image, (found.mask > 127) * np.uint8(255)


@pytest.fixture(scope="module")
def volume(model, cell):
    whole = model.predict(*cell, ensemble=3, pixel_size=PIXEL)
    assert whole.square == Square(0, 0, 64)
    return whole.measure()["volume_um3"]


def cropped(cell, margin):
    image, mask = cell
    y, x = np.nonzero(mask)
    inside = slice(y.min(), y.max() + 1), slice(x.min(), x.max() + 1)
    level = int(np.median(image[mask == 0]))
    return np.pad(image[inside], margin, constant_values=level), np.pad(mask[inside], margin)


def scaled(cell, factor):
    edge = [round(n * factor) for n in cell[0].shape]
    image, mask = (resize(a / 255, edge, order=1, anti_aliasing=factor < 1) for a in cell)
    return np.rint(image * 255).astype(np.uint8), (mask > 0.5) * np.uint8(255)


def test_arrays(model, cell, volume):
    for margin, factor in ((1, 1), (4, 1), (40, 1), (4, 2), (12, 0.5)):
        pair = scaled(cropped(cell, margin), factor)
        found = model.predict(*pair, ensemble=3, pixel_size=PIXEL / factor)
        assert found.warning == ""
        assert found.square.edge == 64 * factor
        assert found.measure()["volume_um3"] == pytest.approx(volume, rel=0.02), (margin, factor)


def test_folder(model, cell, volume, tmp_path):
    for name, margin in (("tight", 4), ("loose", 40)):
        for kind, array in zip(("image", "mask"), cropped(cell, margin), strict=True):
            write_tiff(tmp_path / "cells" / kind / f"{name}.tif", array)
    files = find_cells(tmp_path / "cells")
    out = tmp_path / "out"
    loose, tight = predict_folder(
        model, files, out, PredictionSettings(ensemble=3, pixel_size=PIXEL)
    )
    for row in (loose, tight):
        assert row["volume_um3"] == pytest.approx(volume, rel=0.02)
        assert row["frame_px"] == 64
        square = Square(row["frame_y_px"], row["frame_x_px"], 64)
        assert PredictionFolder(out).square(row["name"]) == square
        assert PredictionFolder(out).spacing(row["name"]) == pytest.approx((PIXEL,) * 3)
    # Both crops begin where their margins do.
    assert loose["frame_y_px"] - tight["frame_y_px"] == 36


def test_field_mask_and_napari(model, cell, volume, tmp_path):
    image, mask = cropped(cell, 30)
    settings = FieldSettings(pixel_size=PIXEL, volume="none", meshes="none")
    write_tiff(tmp_path / "a.tif", image)
    write_tiff(tmp_path / "m.tif", mask)
    found = dispr.predict_field(image, mask, model=model, pixel_size=PIXEL, ensemble=3)
    rows = {"field": found.table()[0]}
    files = FieldFiles("a", tmp_path / "a.tif", mask=tmp_path / "m.tif")
    (rows["mask"],) = predict_field_files(
        model, files, tmp_path / "out", replace(settings, ensemble=3)
    )
    job = Job(image, mask, pixel_size=PIXEL, ensemble=3)
    (rows["napari"],) = run(job, model=model).rows
    for route, row in rows.items():
        assert float(row["volume_um3"]) == pytest.approx(volume, rel=0.02), route
    direct = model.predict(image, mask, ensemble=3, pixel_size=PIXEL)
    np.testing.assert_array_equal(found.predictions[0].samples, direct.samples)
