import csv
import math

import numpy as np
import pytest
import tifffile

import dispr
from dispr.cells.spacing import as_spacing
from dispr.errors import ConfigError, FileError
from dispr.files import write_csv, write_tiff
from dispr.intervals.rules import ANY, Intervals, Rule
from dispr.journal import Journal
from dispr.measurements.folder import (
    is_kept_row,
    measure_item,
    measure_items,
    read_record,
)
from dispr.measurements.inputs import find_items, with_intervals
from dispr.morphology.features import SHAPE_FEATURES
from dispr.prediction.files import PredictionFolder
from dispr.records import write_json


def boxes(*heights, edge=20):
    bodies = np.zeros((len(heights), 64, 64, 64), bool)
    for body, height in zip(bodies, heights, strict=True):
        body[32 - height // 2 : 32 - height // 2 + height, 20 : 20 + edge, 20 : 20 + edge] = True
    return bodies


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def predictions(tmp_path):
    """Three cells of four shapes; the last has no voxel that most shapes have."""
    out = tmp_path / "predictions"
    for name, heights in (("a", (10, 12, 14, 16)), ("b", (20, 20, 21, 22))):
        samples = boxes(*heights)
        PredictionFolder(out).write(name, samples, samples.mean(0), 0.25)
    samples = np.zeros((4, 64, 64, 64), bool)
    samples[0, :20, :20, :20] = samples[1, 30:40, 30:40, 30:40] = True
    PredictionFolder(out).write("c", samples, samples.mean(0), 0.25)
    return out


RULES = {name: Rule(2.0, 0.1, log=True) for name in ("volume", "boundary")}
EARLIER = Intervals(0.9, 20, {ANY: RULES})


@pytest.fixture
def table(predictions):
    """Also with the table of a calibrated model, which warns of one cell."""
    rows = [
        {"name": "a", "ellipsoid_volume_voxels": 6400, "warning": ""},
        {"name": "b", "ellipsoid_volume_voxels": "", "warning": "Odd."},
        {"name": "c", "ellipsoid_volume_voxels": "", "warning": "Odd."},
    ]
    write_csv(predictions / "predictions.csv", rows)
    return predictions


def test_predictions(table, tmp_path):
    items = with_intervals(find_items(table), table, EARLIER)
    rows = measure_items(items, tmp_path / "cells.csv", jobs=1)
    written = read(tmp_path / "cells.csv")
    assert [row["name"] for row in written] == ["a", "b", "c"]
    assert len(written[0]) == 10 + 7 * len(SHAPE_FEATURES)
    a, b, c = rows
    assert a["ellipsoid_volume_um3"] == 100
    assert "ellipsoid_volume_um3" not in b
    assert float(written[0]["volume_um3"]) == a["volume_um3"] == 12 * 400 / 64
    assert a["volume_mean_um3"] == pytest.approx(13 * 400 / 64)
    low, high = RULES["volume"].interval([400 * height / 64 for height in (10, 12, 14, 16)])
    assert a["volume_low_um3"] == pytest.approx(low, rel=1e-6)
    assert a["volume_high_um3"] == pytest.approx(high, rel=1e-6)
    assert a["surface_low_um2"] == ""
    faces = [2 * 400 + 4 * 20 * height for height in (10, 12, 14, 16)]  # of the boxes
    assert 0.5 * min(faces) < a["boundary_low_voxels"] < max(faces)
    assert [row["calibrated"] for row in rows] == ["volume", "none", "none"]
    surfaces = [dispr.measure(body, 0.25)["surface_um2"] for body in boxes(10, 12, 14, 16)]
    assert a["surface_mean_um2"] == pytest.approx(np.mean(surfaces), rel=1e-6)
    assert b["volume_min_um3"] < b["volume_mean_um3"] < b["volume_max_um3"]
    assert b["volume_low_um3"] == b["volume_high_um3"] == written[1]["volume_low_um3"] == ""
    assert (a["voxel_z_um"], a["voxel_x_um"], a["samples"]) == (0.25, 0.25, 4)
    assert c["volume_um3"] == 0
    assert c["sphericity"] == written[2]["sphericity"] == ""


def test_cells_with_a_warning_have_no_intervals(table, tmp_path):
    fitted = Intervals(0.9, 20, {4: {"surface": Rule(1.0, 0.5)}})
    row = measure_items(
        with_intervals(find_items(table), table, fitted), tmp_path / "c.csv", jobs=1
    )[0]
    assert row["calibrated"] == "all"
    assert row["surface_low_um2"] < row["surface_mean_um2"]
    path = table / "predictions.csv"
    write_csv(path, [{**read(path)[0], "warning": "Odd."}])
    row = measure_items(
        with_intervals(find_items(table), table, fitted), tmp_path / "c.csv", jobs=1
    )[0]
    assert (row["calibrated"], row["warning"]) == ("none", "Odd.")
    assert row["volume_low_um3"] == row["surface_low_um2"] == row["boundary_high_voxels"] == ""
    assert row["surface_min_um2"] < row["surface_mean_um2"] < row["surface_max_um2"]


def test_the_given_voxel_size_comes_before_the_stated_one(predictions, tmp_path):
    items = find_items(predictions, spacing=as_spacing((0.5, 0.2, 0.2)))
    row = measure_items(items, tmp_path / "cells.csv", jobs=1)[0]
    assert row["volume_um3"] == pytest.approx(12 * 400 * 0.02)
    assert row["extent_z_um"] == 6
    assert (row["voxel_z_um"], row["voxel_y_um"]) == (0.5, 0.2)


def test_without_a_voxel_size_there_is_no_um(tmp_path):
    samples = boxes(10, 12)
    PredictionFolder(tmp_path / "out").write("a", samples, samples.mean(0))
    (row,) = measure_items(find_items(tmp_path / "out"), tmp_path / "cells.csv", jobs=1)
    assert row["volume_mean_voxels"] == 11 * 400
    assert not [name for name in row if {"um", "um2", "um3"} & set(name.split("_"))]


def test_published_features_of_predictions(table, tmp_path):
    items = with_intervals(find_items(table, published=True), table, EARLIER)
    row = measure_items(items, tmp_path / "cells.csv", jobs=1)[0]
    assert row["volume"] == 12 * 400
    ends = RULES["volume"].interval([400 * height for height in (10, 12, 14, 16)])
    assert (row["volume_low"], row["volume_high"]) == pytest.approx(ends, rel=1e-6)
    assert row["boundary_3D_low"] < row["boundary_3D"] < row["boundary_3D_high"]
    assert row["calibrated"] == "volume"
    assert row["gabor32_mean"] == pytest.approx(row["gabor32"])
    assert len(row) == 6 + 7 * 126


def test_objects(tmp_path):
    body = boxes(10)[0]
    write_tiff(tmp_path / "cells" / "a.tif", body.astype(np.uint8) * 255, (0.5, 0.2, 0.2))
    small = np.pad(np.ones((5, 6, 7), np.uint8), 2)
    write_tiff(tmp_path / "cells" / "b.tif", small)  # another size, another coding, no voxel size
    a, b = measure_items(find_items(tmp_path / "cells"), tmp_path / "cells.csv", jobs=1)
    expected = dispr.measure(body, (0.5, 0.2, 0.2))
    assert {name: a[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert b["volume_voxels"] == 210
    assert "volume_um3" not in b
    assert read(tmp_path / "cells.csv")[1]["volume_um3"] == ""


def test_data_sets(cells_folder, tmp_path):
    items = find_items(cells_folder)
    assert {item.kind for item in items} == {"shapes"}
    assert [item.split for item in items] == ["train"] * 6 + ["test"] * 2
    assert len(find_items(cells_folder, split="test")) == 2
    sections = find_items(cells_folder, split="test", sections=True)
    row = measure_items(sections, tmp_path / "sections.csv", jobs=1)[0]
    image, mask = (tifffile.imread(path) for path in sections[0].paths)
    expected = dispr.measure_section(image, mask)
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert (row["class"], row["split"]) == ("SDE", "test")
    for split in ("train", "test"):  # a data set without sections
        (tmp_path / "obj" / split).mkdir(parents=True)
        (tmp_path / "obj" / split / "obj").symlink_to(cells_folder / split / "obj")
    assert len(find_items(tmp_path / "obj", split="train")) == 6


def test_sections_in_um(tmp_path):
    mask = np.zeros((100, 80), np.uint8)
    mask[20:60, 20:70] = 255
    write_tiff(tmp_path / "image" / "a.tif", mask // 2, (1.0, 0.11, 0.11))
    write_tiff(tmp_path / "mask" / "a.tif", mask)
    (row,) = measure_items(find_items(tmp_path), tmp_path / "cells.csv", jobs=1)
    assert row["area_um2"] == pytest.approx(2000 * 0.0121)
    assert row["pixel_size_um"] == pytest.approx(0.11)
    write_tiff(tmp_path / "mask" / "a.tif", mask, (1.0, 0.2, 0.2))
    with pytest.raises(FileError, match=r"states pixels of 0\.11 um but .* of 0\.2 um"):
        measure_item(find_items(tmp_path)[0])
    given = find_items(tmp_path, spacing=as_spacing(0.3))[0]
    assert measure_item(given).row["area_um2"] == pytest.approx(2000 * 0.09)


def test_processes_give_the_same_table(predictions, tmp_path):
    items = find_items(predictions)
    measure_items(items, tmp_path / "one.csv", jobs=1)
    measure_items(items, tmp_path / "two.csv", jobs=2)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_interrupted_run_goes_on(predictions, tmp_path, monkeypatch, told):
    items, out = find_items(predictions), tmp_path / "cells.csv"
    with pytest.raises(KeyboardInterrupt):
        measure_items(items, out, jobs=1, progress=told(1))
    assert not out.exists()
    part = tmp_path / "cells.csv.part"
    assert [name.split()[-1] for name in Journal(part)] == ["a", "b"]
    with open(part, "a") as file:
        file.write('"predictions  c"\t{"digest": "cut sho')
    # A cell that was predicted anew in between is measured anew; the other one is kept.
    samples = boxes(8, 8, 8, 8)
    PredictionFolder(predictions).write("a", samples, samples.mean(0), 0.25)
    measured = []
    monkeypatch.setattr(
        "dispr.measurements.folder.measure_item",
        lambda item: measured.append(item.name) or measure_item(item),
    )
    rows = measure_items(items, out, jobs=1)
    assert measured == ["a", "c"]
    assert rows[0]["volume_um3"] == 8 * 400 / 64
    assert not part.exists()
    assert rows == measure_items(items, tmp_path / "again.csv", jobs=1)


def test_other_settings_are_measured_anew(predictions, tmp_path):
    items = find_items(predictions)
    done = measure_item(items[0])
    kept = Journal(tmp_path / "cells.csv.part")
    kept.append({f"predictions  {items[0].name}": done._asdict()})
    rows = measure_items(
        find_items(predictions, spacing=as_spacing(1)), tmp_path / "cells.csv", jobs=1
    )
    assert rows[0]["volume_um3"] == 12 * 400


@pytest.mark.parametrize(
    "damage", [lambda line: line.replace(": 4,", ": 5,"), lambda line: line[9:]]
)
def test_damaged_rows_are_measured_anew(predictions, tmp_path, damage):
    item = find_items(predictions)[0]
    part = tmp_path / "cells.csv.part"
    Journal(part).append({f"predictions  {item.name}": measure_item(item)._asdict()})
    line = part.read_text()
    assert len(Journal(part, is_kept_row)) == 1
    part.write_text(damage(line))
    assert not len(Journal(part, is_kept_row))


def test_numbers_are_finite_or_empty(predictions, tmp_path):
    for row in measure_items(find_items(predictions), tmp_path / "cells.csv", jobs=1):
        for name, value in row.items():
            assert value == "" or isinstance(value, str) or math.isfinite(value), name


def test_faults(predictions, cells_folder, tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        find_items(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match="contains no cells"):
        find_items(tmp_path / "empty")
    with pytest.raises(FileError, match="is a file"):
        find_items(predictions / "probability" / "a.tif")
    for options in ({"split": "test"}, {"sections": True}):
        with pytest.raises(ConfigError, match="without parts or sections"):
            find_items(predictions, **options)
    with pytest.raises(ConfigError, match="omit --split"):
        find_items(cells_folder / "test" / "obj", split="test")
    PredictionFolder(predictions).shapes.sample_path("a", 0).unlink()
    with pytest.raises(FileError, match=r"a_0\.tif does not exist"):
        measure_item(find_items(predictions)[0])
    write_tiff(tmp_path / "bad" / "flat.tif", np.zeros((64, 64), np.uint8))
    with pytest.raises(FileError, match=r"flat\.tif has the shape \(64, 64\)"):
        measure_item(find_items(tmp_path / "bad")[0])
    write_tiff(tmp_path / "bad" / "flat.tif", np.zeros((8, 64, 64), np.uint8))
    with pytest.raises(FileError, match=r"flat\.tif is empty"):
        measure_items(find_items(tmp_path / "bad"), tmp_path / "c.csv", jobs=1)
    assert not list(tmp_path.glob("c.csv*"))
    with pytest.raises(FileError, match=r"b\.tif.*64 x 64 x 64"):
        write_tiff(tmp_path / "small" / "b.tif", np.ones((8, 8, 8), np.uint8))
        measure_item(find_items(tmp_path / "small", published=True)[0])
    tifffile.imwrite(
        PredictionFolder(predictions).shapes.probability_path("b"),
        np.zeros((2, 64, 64), np.float32),
    )
    write_tiff(
        PredictionFolder(predictions).shapes.sample_path("a", 0), np.ones((64, 64, 64), np.uint8)
    )
    with pytest.raises(FileError, match="predict the cell again"):
        measure_item(find_items(predictions)[1])


@pytest.mark.parametrize("marks", [None, "ab", ["ab"], ["ab", 3]])
def test_a_wrong_record_of_checksums_is_refused(tmp_path, marks):
    write_csv(tmp_path / "measurements.csv", [{"name": "a"}])
    write_json(tmp_path / "measurements.json", {"a": marks})
    with pytest.raises(FileError, match=r"measurements\.json is damaged"):
        read_record(tmp_path)
