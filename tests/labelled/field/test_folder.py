import csv
import dataclasses
import re
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import trimesh
from scipy import ndimage

from dispr.cells.folder import find_cells
from dispr.errors import ConfigError, FileError, NoCellsError
from dispr.files import write_tiff
from dispr.labelled.field import folder
from dispr.labelled.field import read as read_module
from dispr.labelled.field.folder import predict_field_files, predict_fields
from dispr.labelled.field.settings import FieldSettings
from dispr.labelled.field.written import read_field_record
from dispr.labelled.find import FieldFiles, find_fields
from dispr.labelled.read import read_section
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.settings import PredictionSettings
from dispr.report.fieldmap import field_map

SIZE = 0.172
PLAIN = FieldSettings(pixel_size=SIZE, measures=False)


@pytest.fixture
def files(field, tmp_path):
    write_tiff(tmp_path / "in" / "f.tif", field.image)
    write_tiff(tmp_path / "in" / "f_labels.tif", field.labels)
    return FieldFiles("f", tmp_path / "in" / "f.tif", tmp_path / "in" / "f_labels.tif")


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_cell_has_its_row_and_stands_at_its_place(extruder, field, files, tmp_path):
    settings = FieldSettings(pixel_size=SIZE)
    rows = predict_field_files(
        extruder, files, tmp_path / "out", replace(settings, ensemble=2), jobs=1
    )
    assert [row["label"] for row in rows] == sorted(set(np.unique(field.labels)) - {0})
    assert [row["name"] for row in table(tmp_path / "out" / "cells.csv")] == [
        row["name"] for row in rows
    ]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "labels.tif"), field.labels)
    volume = tifffile.imread(tmp_path / "out" / "labels.ome.tif")
    assert volume.shape == (64, *field.labels.shape)
    # The extruder's shape is the mask, in 24 planes.
    np.testing.assert_array_equal(volume[20:44], np.stack([field.labels] * 24))
    assert not volume[:20].any()
    for row in rows:
        true = field.labels == row["label"]
        assert (row["y_px"], row["x_px"]) == pytest.approx(ndimage.center_of_mass(true), abs=0.01)
        assert row["area_um2"] == pytest.approx(true.sum() * SIZE**2, rel=1e-4)
        assert row["volume_um3"] == pytest.approx(24 * true.sum() * SIZE**3, rel=0.01)
        assert row["volume_min_um3"] <= row["volume_um3"] <= row["volume_max_um3"]
        assert row["volume_low_um3"] == row["volume_high_um3"] == ""  # not calibrated
        assert "elongation" not in row
        # A disc seen from above is that of a ball.
        ball = 4 / 3 * np.pi * (true.sum() / np.pi) ** 1.5 * SIZE**3
        assert row["ellipsoid_volume_um3"] == pytest.approx(ball, rel=0.1)
    border = [row for row in rows if row["touches_border"]]
    assert len(border) == 1
    assert all("border" in row["warning"] for row in border)


def test_scaled_back(extruder, field, files, tmp_path):
    """A field of twice as many pixels, each half as large, gives the same sizes in um."""
    for path in (files.image, files.labels):
        write_tiff(
            path,
            np.kron(tifffile.imread(path), np.ones((2, 2), np.uint8)).astype(
                tifffile.imread(path).dtype
            ),
        )
    settings = FieldSettings(pixel_size=SIZE / 2, measures=False)
    rows = predict_field_files(extruder, files, tmp_path / "out", replace(settings, ensemble=1))
    volume = tifffile.imread(tmp_path / "out" / "labels.ome.tif")
    assert volume.shape == (128, *(2 * n for n in field.labels.shape))
    for row in rows:
        true = field.labels == row["label"]
        assert row["volume_um3"] == pytest.approx(24 * true.sum() * SIZE**3, rel=0.03)
        placed = volume == row["label"]
        assert placed.sum() * (SIZE / 2) ** 3 == pytest.approx(row["volume_um3"], rel=0.03)
        assert row["y_px"] == pytest.approx(2 * ndimage.center_of_mass(true)[0] + 0.5, abs=0.01)
        if not row["touches_border"]:
            middle = ndimage.center_of_mass(placed)[1:]
            assert middle == pytest.approx((row["y_px"], row["x_px"]), abs=0.5)


def test_in_pixels_where_their_size_is_not_known(extruder, field, files, tmp_path):
    rows = predict_field_files(extruder, files, tmp_path / "out", FieldSettings(ensemble=1), jobs=1)
    for row in rows:
        true = field.labels == row["label"]
        assert not any("_um" in name for name in row)
        height = 24 * row["frame_px"] / 64
        assert row["volume_px3"] == pytest.approx(height * true.sum(), rel=0.03)
    without = predict_field_files(
        extruder, files, tmp_path / "out", FieldSettings(measures=False, ensemble=1)
    )
    for row, plain in zip(rows, without, strict=True):
        assert plain["volume_px3"] == pytest.approx(row["volume_px3"], rel=0.03)
    measured = table(tmp_path / "out" / "measurements.csv")[0]
    assert "surface_px2" in measured
    assert not any(re.search(r"_um\d?$", name) for name in measured)
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def test_same_answer_as_from_single_crops(model, files, tmp_path):
    predict_field_files(model, files, tmp_path / "field", replace(PLAIN, ensemble=2, batch_size=3))
    crops = find_cells(tmp_path / "field" / "cells")
    assert len(crops) == 6
    crops = crops[::2]
    predict_folder(model, crops, tmp_path / "single", PredictionSettings(ensemble=2))
    for cell in crops:
        found = PredictionFolder(tmp_path / "field").samples(cell.name)
        np.testing.assert_array_equal(
            found, PredictionFolder(tmp_path / "single").samples(cell.name)
        )
    image, mask = tifffile.imread(crops[0].image), tifffile.imread(crops[0].mask)
    np.testing.assert_array_equal(
        PredictionFolder(tmp_path / "field").samples(crops[0].name),
        model.predict(image, mask, ensemble=2, pixel_size=SIZE).samples,
    )


def test_interrupted_run_goes_on(model, files, tmp_path, told):
    settings = {"ensemble": 1, "batch_size": 2}

    with pytest.raises(KeyboardInterrupt):
        predict_field_files(
            model, files, tmp_path / "cut", replace(PLAIN, **settings), progress=told(2.5)
        )
    assert not (tmp_path / "cut" / "cells.csv").exists()
    seen = told()
    predict_field_files(model, files, tmp_path / "cut", replace(PLAIN, **settings), progress=seen)
    assert seen.done()[:2] == [1, 2]  # finished cells are kept: each is done at once
    predict_field_files(model, files, tmp_path / "whole", replace(PLAIN, **settings))
    for name in ("cells.csv", "labels.ome.tif"):
        assert (tmp_path / "cut" / name).stat().st_size > 0
    assert table(tmp_path / "cut" / "cells.csv") == table(tmp_path / "whole" / "cells.csv")
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "cut" / "labels.ome.tif"),
        tifffile.imread(tmp_path / "whole" / "labels.ome.tif"),
    )


def test_measures_are_taken_once(extruder, files, tmp_path, told):
    settings = FieldSettings(pixel_size=SIZE, volume="none")
    works = []
    for _ in range(2):
        seen = told()
        predict_field_files(
            extruder,
            files,
            tmp_path / "out",
            replace(settings, ensemble=1),
            jobs=1,
            progress=seen,
        )
        works.append([(work, done) for work, done, _ in seen.lines])
    first, second = works
    assert ("Measuring", 6) in first
    assert not any(work == "Measuring" for work, _ in second)
    before = table(tmp_path / "out" / "cells.csv")
    # A shape that changed is measured anew, and with it all.
    (tmp_path / "out" / "measurements.csv").unlink()
    predict_field_files(extruder, files, tmp_path / "out", replace(settings, ensemble=1), jobs=1)
    assert table(tmp_path / "out" / "cells.csv") == before
    meshes = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "meshes").iterdir()}
    sample = next((tmp_path / "out" / "samples").iterdir())
    name = sample.stem[:-2]
    shape = PredictionFolder(tmp_path / "out").samples(name)
    shape[:, :, :, :28] = False
    PredictionFolder(tmp_path / "out").write(name, shape, shape[0])
    predict_field_files(extruder, files, tmp_path / "out", replace(settings, ensemble=1), jobs=1)
    rows = {row["name"]: row for row in table(tmp_path / "out" / "cells.csv")}
    changed = [row["name"] for row in before if row != rows[row["name"]]]
    assert changed == [name]
    again = {path.stem for path in meshes if path.stat().st_mtime_ns != meshes[path]}
    assert again == {name}


def test_predictions_of_single_cells_are_left_alone(extruder, files, tmp_path):
    out = tmp_path / "out"
    (out / "probability").mkdir(parents=True)
    with pytest.raises(ConfigError, match="contains predictions of single cells"):
        predict_field_files(extruder, files, out, replace(PLAIN, ensemble=1))
    assert [path.name for path in out.iterdir()] == ["probability"]


def test_another_field_is_refused(extruder, field, files, tmp_path):
    predict_field_files(extruder, files, tmp_path / "out", replace(PLAIN, ensemble=1))
    other = field.labels.copy()
    other[other == other.max()] = 0
    write_tiff(files.labels, other)
    with pytest.raises(ConfigError, match=r"other settings \(different field\.labels"):
        predict_field_files(extruder, files, tmp_path / "out", replace(PLAIN, ensemble=1))


def test_debris_has_a_row_but_no_shape(extruder, field, files, tmp_path):
    labels = field.labels.copy()
    y, x = np.argwhere(labels == 0)[0]
    labels[y : y + 2, x : x + 2] = 500
    write_tiff(files.labels, labels)
    rows = predict_field_files(extruder, files, tmp_path / "out", replace(PLAIN, ensemble=1))
    assert rows[-1]["label"] == 500
    assert "not predicted" in rows[-1]["warning"]
    assert "volume_um3" not in rows[-1]
    assert not (tmp_path / "out" / "probability" / "f_0500.tif").exists()


def test_single_cell_is_seen_as_by_the_model(model, tmp_path):
    image = np.random.default_rng(0).integers(0, 4000, (70, 90), dtype=np.uint16)
    mask = np.zeros((70, 90), bool)
    mask[20:50, 30:65] = True
    write_tiff(tmp_path / "a.tif", image)
    np.save(tmp_path / "m.npy", mask)
    files = FieldFiles("a", tmp_path / "a.tif", mask=tmp_path / "m.npy")
    (row,) = predict_field_files(model, files, tmp_path / "out", replace(PLAIN, ensemble=2))
    np.testing.assert_array_equal(
        PredictionFolder(tmp_path / "out").samples(row["name"]),
        model.predict(image, mask, ensemble=2, pixel_size=SIZE).samples,
    )
    edge = round(0.172 * 64 / SIZE)
    assert row["voxel_um"] == pytest.approx(SIZE * edge / 64, rel=1e-4)
    assert tifffile.imread(tmp_path / "out" / "labels.ome.tif").shape == (edge, 70, 90)


def test_folder_of_fields(extruder, files, tmp_path):
    second = FieldFiles("g", files.image, files.labels)
    rows = predict_fields(extruder, [files, second], tmp_path / "out", replace(PLAIN, ensemble=1))
    assert [row["field"] for row in rows] == ["f"] * 6 + ["g"] * 6
    assert (tmp_path / "out" / "g" / "labels.ome.tif").is_file()
    assert len(table(tmp_path / "out" / "cells.csv")) == 12


@pytest.mark.parametrize(("room", "times"), [(folder.KEPT, 2), (0, 4)])
def test_fields_that_fit_the_memory_are_read_once(
    extruder, files, tmp_path, monkeypatch, room, times
):
    read = []
    monkeypatch.setattr(folder, "KEPT", room)
    monkeypatch.setattr(read_module, "read_section", lambda *a: read.append(a) or read_section(*a))
    plain = replace(PLAIN, ensemble=1, volume="none", meshes="none")
    fields = [files, FieldFiles("g", files.image, files.labels)]
    rows = predict_fields(extruder, fields, tmp_path / "out", plain)
    assert (len(rows), len(read)) == (12, times)


def test_fields_without_cells_are_left_out(extruder, field, files, tmp_path, told):
    write_tiff(tmp_path / "in" / "none.tif", field.labels * 0)
    empty = FieldFiles("g", files.image, tmp_path / "in" / "none.tif")
    settings = dataclasses.replace(PLAIN, volume="none", meshes="none")
    seen = told()
    rows = predict_fields(
        extruder,
        [empty, files],
        tmp_path / "out",
        replace(settings, ensemble=1),
        progress=seen,
    )
    assert {row["field"] for row in rows} == {"f"}
    assert [
        note for note in seen.notes if "g was skipped" in note and "no cell is labelled" in note
    ]
    assert not (tmp_path / "out" / "g").exists()
    with pytest.raises(FileError, match="no cell of 1 field can be predicted"):
        predict_fields(extruder, [empty], tmp_path / "none", replace(settings, ensemble=1))
    with pytest.raises(NoCellsError, match="no cell is labelled"):
        predict_field_files(extruder, empty, tmp_path / "none", replace(settings, ensemble=1))
    assert not (tmp_path / "none").exists()


def test_all_fields_are_checked_first(extruder, files, tmp_path):
    wrong = FieldFiles("g", files.image, tmp_path / "in" / "small.tif")
    write_tiff(wrong.labels, np.eye(9, dtype=np.uint8))
    with pytest.raises(FileError, match=r"small\.tif has the shape \(9, 9\)"):
        predict_fields(extruder, [files, wrong], tmp_path / "out", replace(PLAIN, ensemble=1))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", [SIZE / 2, None])
def test_meshes_stand_where_their_cells_do(extruder, field, files, tmp_path, size):
    for path in (files.image, files.labels):  # squares of 128 pixels, whose middles are between
        grey = tifffile.imread(path)
        write_tiff(path, np.kron(grey, np.ones((2, 2), grey.dtype)))
    settings = FieldSettings(pixel_size=size, measures=False, meshes="ply")
    rows = predict_field_files(
        extruder, files, tmp_path / "out", replace(settings, ensemble=2), jobs=1
    )
    volume = tifffile.imread(tmp_path / "out" / "labels.ome.tif")
    edge = size or 1.0
    for row in rows:
        path = tmp_path / "out" / "meshes" / f"{row['name']}.ply"
        mesh = trimesh.load(path, process=False)
        assert mesh.is_watertight
        placed = volume == row["label"]
        if row["touches_border"]:  # the volume ends there; the shape does not
            continue
        measured = row["volume_px3" if size is None else "volume_um3"]
        assert mesh.volume == pytest.approx(measured, rel=0.05)  # its edges are rounded
        middle = np.array(ndimage.center_of_mass(placed))[::-1] * edge
        assert np.abs(mesh.center_mass - middle).max() < 0.5 * edge


def test_meshes_are_made_once_and_again_after_a_change(extruder, files, tmp_path):
    settings = FieldSettings(measures=False, volume="none", meshes="stl")
    rows = predict_field_files(
        extruder, files, tmp_path / "out", replace(settings, ensemble=1), jobs=1
    )
    path, other = (tmp_path / "out" / "meshes" / f"{row['name']}.stl" for row in rows[:2])
    path.write_bytes(b"kept")
    other.unlink()
    predict_field_files(extruder, files, tmp_path / "out", replace(settings, ensemble=1), jobs=1)
    assert path.read_bytes() == b"kept"
    assert len(other.read_bytes()) > 1000
    none = FieldSettings(measures=False, volume="none", meshes="none")
    predict_field_files(extruder, files, tmp_path / "none", replace(none, ensemble=1))
    assert not (tmp_path / "none" / "meshes").exists()
    with pytest.raises(ConfigError, match="stl"):
        FieldSettings(meshes="step")


@pytest.fixture
def stack(field, tmp_path):
    """The field as plane 2 of five, the others out of focus, with labels in 3D."""
    planes = [ndimage.gaussian_filter(field.image, blur) for blur in (6, 3, 0, 4, 8)]
    labels = np.stack([field.labels * (k == 2) for k in range(5)])
    (tmp_path / "in").mkdir(exist_ok=True)
    tifffile.imwrite(tmp_path / "in" / "s.ome.tif", np.stack(planes), metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "in" / "l.ome.tif", labels, metadata={"axes": "ZYX"})
    write_tiff(tmp_path / "in" / "l.tif", field.labels)
    return tmp_path / "in"


def test_plane_of_a_stack_is_predicted_as_by_itself(extruder, field, files, stack, tmp_path):
    rows = predict_field_files(extruder, files, tmp_path / "a", replace(PLAIN, ensemble=1))
    of_stack = FieldFiles("f", stack / "s.ome.tif", stack / "l.ome.tif")
    settings = replace(PLAIN, ensemble=1, plane="sharpest")
    with pytest.warns(UserWarning, match="5 planes; plane 2, counted from 0, was used"):
        found = predict_field_files(extruder, of_stack, tmp_path / "b", settings)
    assert found == rows
    record = read_field_record(tmp_path / "b")
    assert (record["plane"], record["channel"], record["time"]) == (2, None, None)
    # The report reads the same plane again.
    maps = [field_map(tmp_path / name) for name in "ab"]
    assert maps[0] == maps[1]
    assert maps[0]["image"] is not None


def test_each_cell_of_a_projection_has_a_warning(extruder, stack, tmp_path):
    settings = replace(PLAIN, ensemble=1, plane="max-projection")
    files = FieldFiles("f", stack / "s.ome.tif", stack / "l.tif")
    with pytest.warns(UserWarning, match="their maximum projection was used"):
        rows = predict_field_files(extruder, files, tmp_path / "out", settings)
    assert len(rows) > 3
    assert all("from a maximum projection" in row["warning"] for row in rows)
    with pytest.raises(FileError, match="do not fit a projection"):
        predict_field_files(
            extruder, replace(files, labels=stack / "l.ome.tif"), tmp_path / "no", settings
        )
    assert not (tmp_path / "no").exists()


def test_settings_are_checked_before_anything_is_written(model, files, tmp_path):
    with pytest.raises(ConfigError, match="steps"):
        predict_field_files(model, files, tmp_path / "out", replace(PLAIN, steps="5000"))
    assert not (tmp_path / "out").exists()


def outlined(path, boxes):
    """Write rectangles of ImageJ, (top, left, bottom, right)."""
    roifile = pytest.importorskip("roifile")
    sides = ("top", "left", "bottom", "right")
    rois = [dict(zip(sides, box, strict=True), name=f"r{k}") for k, box in enumerate(boxes)]
    rois = [roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, version=228, **r) for r in rois]
    path.unlink(missing_ok=True)
    roifile.roiwrite(path, rois)
    return path


def test_cells_by_their_outlines(extruder, files, tmp_path):
    path = outlined(tmp_path / "in" / "f_RoiSet.zip", [(20, 20, 50, 60), (40, 50, 80, 90)])
    with pytest.warns(UserWarning, match="2 cells overlap others"):
        rows = predict_field_files(
            extruder, replace(files, labels=path), tmp_path / "out", replace(PLAIN, ensemble=1)
        )
    assert [(row["region"], row["label"], row["area_px"]) for row in rows] == [
        *(("r0", 1, 30 * 40), ("r1", 2, 40 * 40))
    ]
    assert [(row["y_px"], row["x_px"]) for row in rows] == [(34.5, 39.5), (59.5, 69.5)]
    # Each is predicted from the whole of its own outline.
    for row in rows:
        assert row["volume_um3"] == pytest.approx(24 * row["area_px"] * SIZE**3, rel=0.02)
    assert [row["region"] for row in table(tmp_path / "out" / "cells.csv")] == ["r0", "r1"]
    labels = tifffile.imread(tmp_path / "out" / "labels.tif")
    assert (labels == 1).sum() == 1200
    assert set(field_map(tmp_path / "out")["cells"]) == {"f_0001", "f_0002"}
    # Other masks are other cells, be the label image the same.
    outlined(path, [(20, 20, 50, 60), (41, 50, 80, 90)])
    with pytest.raises(ConfigError, match="other"), pytest.warns(UserWarning, match="overlap"):
        predict_field_files(
            extruder, replace(files, labels=path), tmp_path / "out", replace(PLAIN, ensemble=1)
        )


def test_outline_of_a_single_cell(extruder, files, tmp_path):
    path = outlined(tmp_path / "in" / "one.roi", [(20, 20, 50, 60)])
    (row,) = predict_field_files(
        extruder,
        FieldFiles("f", files.image, mask=path),
        tmp_path / "a",
        replace(PLAIN, ensemble=1),
    )
    assert row["area_px"] == 1200
    several = outlined(tmp_path / "in" / "two.zip", [(20, 20, 50, 60), (60, 60, 90, 90)])
    with pytest.raises(FileError, match=r"two.zip has 2 outlines; give that of the single cell"):
        predict_field_files(extruder, FieldFiles("f", files.image, mask=several), tmp_path / "b")


def test_ome_zarr_is_predicted_as_a_tiff_file(extruder, field, files, tmp_path):
    zarr = pytest.importorskip("zarr")
    rows = predict_field_files(extruder, files, tmp_path / "a", replace(PLAIN, ensemble=1))
    for name, array in (("f.zarr", field.image), ("f.zarr/labels/cells", field.labels)):
        group = zarr.open_group(str(tmp_path / name), mode="w", zarr_format=3)
        group.create_array("0", data=array)
        axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
        scale = [{"type": "scale", "scale": [SIZE, SIZE]}]
        levels = [{"path": "0", "coordinateTransformations": scale}]
        group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    zarr.open_group(str(tmp_path / "f.zarr" / "labels"), mode="a").attrs["ome"] = {
        "version": "0.5",
        "labels": ["cells"],
    }
    (found,) = find_fields(tmp_path / "f.zarr")
    settings = replace(PLAIN, ensemble=1, pixel_size=None)  # as the file states
    assert predict_field_files(extruder, found, tmp_path / "b", settings) == rows
    assert field_map(tmp_path / "b")["image"] is not None
