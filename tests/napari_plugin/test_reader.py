import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from dispr.cells.folder import find_cells
from dispr.checksums import NAME
from dispr.errors import FileError
from dispr.files import write_tiff
from dispr.labelled.field.folder import predict_field_files
from dispr.labelled.field.settings import FieldSettings
from dispr.labelled.find import FieldFiles
from dispr.napari_plugin.reader import get_reader
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.settings import PredictionSettings

SIZE = 0.2


@pytest.fixture(scope="module")
def field_folder(field, model, tmp_path_factory):
    """A predicted field beside its image."""
    root = tmp_path_factory.mktemp("field")
    write_tiff(root / "f.tif", field[0])
    write_tiff(root / "l.tif", field[1].astype(np.uint16))
    files = FieldFiles("f", root / "f.tif", root / "l.tif")
    settings = FieldSettings(pixel_size=SIZE, measures=False)
    predict_field_files(model, files, root / "out", replace(settings, ensemble=3), jobs=1)
    return root / "out"


@pytest.fixture(scope="module")
def cells_out(cells_folder, model, tmp_path_factory):
    """Two predicted cells with voxels of a known size."""
    out = tmp_path_factory.mktemp("predictions")
    files = find_cells(cells_folder, "test")
    predict_folder(model, files, out, PredictionSettings(ensemble=3, pixel_size=SIZE))
    return out


def read(folder):
    return {settings["name"]: (data, settings, kind) for data, settings, kind in layers(folder)}


def layers(folder):
    return get_reader(str(folder))(str(folder))


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_volume_in_zarr(field_folder, field, model, tmp_path, version):
    """The label volume is the same, whichever way it was written."""
    pytest.importorskip("zarr", minversion="3")
    shutil.copytree(field_folder, tmp_path / "out")
    (tmp_path / "out" / "labels.ome.tif").unlink()
    before = read(field_folder)["3D labels: out"]
    root = field_folder.parent
    files = FieldFiles("f", root / "f.tif", root / "l.tif")
    settings = FieldSettings(
        pixel_size=SIZE, measures=False, ensemble=3, volume="zarr", ome_zarr_version=version
    )
    predict_field_files(model, files, tmp_path / "out", settings, jobs=1)
    assert not (tmp_path / "out" / "labels.ome.tif").exists()
    marker = tmp_path / "out" / "labels.ome.zarr" / (".zattrs" if version == "0.4" else "zarr.json")
    assert marker.is_file()
    found = read(tmp_path / "out")["3D labels: out"]
    np.testing.assert_array_equal(found[0], before[0])
    np.testing.assert_array_equal(found[1]["scale"], before[1]["scale"])
    assert found[0].any()
    chunks = [path for path in (marker.parent / "0").rglob("*") if path.name.isdecimal()]
    next(path for path in chunks if path.is_file()).write_bytes(b"\x07")
    with pytest.raises(FileError, match=r"labels\.ome\.zarr is damaged; predict the field again"):
        read(tmp_path / "out")


def test_field(field_folder, field):
    found = read(field_folder)
    assert list(found) == [
        "image: out",
        "3D labels: out",
        "surfaces by spread, µm: out",
        "numbers: out",
    ]
    image, settings, _ = found["image: out"]
    np.testing.assert_array_equal(image, field[0])
    assert settings["scale"] == (SIZE,) * 2
    labels, settings, _ = found["3D labels: out"]
    assert not settings["visible"]  # it would hide the surfaces
    assert settings["translate"] == (-(len(labels) // 2) * SIZE, 0, 0)
    features = settings["features"]
    assert features["index"] == [3, 5, 9, 11]
    assert features["volume_um3"][1] == pytest.approx((labels == 5).sum() * SIZE**3, rel=0.02)
    assert "too small" in features["warning"][3]
    corners, faces, spread = found["surfaces by spread, µm: out"][0]
    inside = labels[tuple(np.rint(corners).astype(int).T)] > 0
    assert 0.2 < inside.mean() < 0.8
    assert spread.max() > 0.05
    assert faces.max() == len(corners) - 1


def test_field_without_its_image_or_meshes(field_folder, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(field_folder, moved)
    shutil.rmtree(moved / "meshes")
    found = read(moved)
    assert list(found) == ["3D labels: moved", "numbers: moved"]
    record = moved / "field.json"
    older = json.loads(record.read_text())
    del older["image"], older["channel"], older["pixel_size_um"]
    record.write_text(json.dumps(older))
    with pytest.raises(FileError, match=r"field\.json is damaged"):
        layers(moved)
    (moved / NAME).unlink()
    assert read(moved)["3D labels: moved"][1]["units"] == ("pixel",) * 3


def test_names_that_no_file_can_have(field_folder, tmp_path):
    from dispr.napari_plugin.read_field import _meshes

    rows = [{"name": "a" * 5000, "label": 1}, {"name": "b", "label": 2}]
    assert _meshes(field_folder, rows, None) == {}


def test_cells(cells_out):
    pytest.importorskip("dask")  # which comes with napari
    names = sorted(path.stem for path in (cells_out / "probability").glob("*.tif"))
    title = cells_out.name
    found = read(cells_out)
    probability, settings, _ = found[f"probability: {title}"]
    assert probability.shape == (2, 64, 64, 64)
    np.testing.assert_array_equal(
        np.asarray(probability[1]), PredictionFolder(cells_out).probability(names[1])
    )
    assert settings["scale"] == (1, SIZE, SIZE, SIZE)
    assert settings["units"] == ("pixel", "um", "um", "um")
    samples, settings, _ = found[f"samples: {title}"]
    assert samples.shape == (3, 2, 64, 64, 64)
    assert settings["scale"] == (1, 1, SIZE, SIZE, SIZE)
    np.testing.assert_allclose(np.asarray(samples).mean(axis=0), np.asarray(probability), atol=1e-6)
    consensus, settings, _ = found[f"consensus: {title}"]
    np.testing.assert_array_equal(np.asarray(consensus[1]) == 2, np.asarray(probability[1]) > 0.5)
    features = settings["features"]
    assert features["name"] == names
    assert features["volume_voxels"] == [np.count_nonzero(np.asarray(c)) for c in consensus]


def test_one_cell_has_no_slider(cells_out, tmp_path):
    alone = tmp_path / "alone"
    shutil.copytree(cells_out, alone)
    first, second = sorted((alone / "probability").glob("*.tif"))
    second.unlink()
    found = read(alone)
    assert found[f"probability: {first.stem}"][0].shape == (64, 64, 64)
    assert found[f"samples: {first.stem}"][0].shape == (3, 64, 64, 64)
    next((alone / "samples").glob(f"{first.stem}_2.tif")).write_bytes(b"")
    with pytest.raises(FileError, match=r"_2\.tif"):
        layers(alone)


def test_a_record_stands_for_its_folder(field_folder, cells_out):
    assert get_reader(str(cells_out / "prediction.json")) is not None
    names = list(read(field_folder / "field.json"))
    assert names == list(read(field_folder))


def test_other_paths_are_left_to_others(tmp_path, cells_folder, cells_out):
    (tmp_path / "image.tif").touch()
    for path in (tmp_path, tmp_path / "image.tif", tmp_path / "nowhere", cells_folder):
        assert get_reader(str(path)) is None
    assert get_reader([str(cells_out), str(tmp_path)]) is None
    (tmp_path / "field.json").write_text("no json")
    (tmp_path / "cells.csv").write_text("name\n")
    assert get_reader(str(tmp_path)) is None


@pytest.mark.parametrize("fixture", ["field_folder", "cells_out"])
def test_napari_takes_all_layers(fixture, viewer, request):
    from napari.layers import Layer

    for data in layers(request.getfixturevalue(fixture)):
        viewer.add_layer(Layer.create(*data))
    viewer.dims.ndisplay = 3
    assert len(viewer.layers) >= 3
