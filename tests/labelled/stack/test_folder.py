"""From stacks to a data set: the same cells, and nothing lost on the way."""

import csv

import numpy as np
import pytest
import tifffile

from dispr.cells.check import check_cells
from dispr.cells.classes import parse_name
from dispr.cells.folder import find_cells
from dispr.cells.metadata import read_voxel_size
from dispr.cells.read import read_cell, read_pixel_size
from dispr.errors import ConfigError, FileError
from dispr.files import read_tiff
from dispr.labelled.field.prepare import prepare_field
from dispr.labelled.find import find_fields
from dispr.labelled.stack import folder as stacks_folder
from dispr.labelled.stack.folder import prepare_stacks
from dispr.labelled.stack.manifest import summary
from dispr.labelled.stack.plan import StackSettings
from dispr.simulation.field import VOXEL

FRAME = 64 * VOXEL
STEP = 3


@pytest.fixture(scope="module")
def prepared(stacks, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "data"
    fields = find_fields(stacks, labels="labels/*.tif")
    classes = {("a", 1): "0.00_discocyte", ("b", 1): "0.00_discocyte", ("a", 2): "bean"}
    settings = StackSettings(frame=FRAME, test_fraction=0.34)
    rows, plan = prepare_stacks(fields, out, settings, classes)
    return out, rows, plan, (fields, settings, classes)


def files_of(out):
    """Give the files of a data set; of the checksums, the last of each file."""
    found = {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    lines = found.pop("dispr_checksums.txt").decode().splitlines()
    return found | {f"checksum of {line[66:]}": line[:64] for line in lines}


def true_cell(stack, row):
    """Cut the cell out of the truth at the place that the manifest states."""
    body = np.pad(stack.truth == int(row["label"]), 64)
    z, y, x = int(row["plane"]) * STEP - 32, row["frame_y_px"], row["frame_x_px"]
    return body[z + 64 : z + 128, y + 64 : y + 128, x + 64 : x + 128]


def test_same_cells_come_back(prepared, known):
    out, rows, _, _ = prepared
    written = [row for row in rows if row["name"]]
    assert len(written) == 9
    for row in written:
        truth = true_cell(known[row["stack"]], row)
        obj = read_tiff(out / row["split"] / "obj" / f"{row['name']}.tif")
        body = obj > 127
        iou = (truth & body).sum() / (truth | body).sum()
        apart = np.argwhere(truth).mean(0) - np.argwhere(body).mean(0)
        assert iou > 0.92  # planes lie three voxels apart
        assert np.abs(apart).max() < 0.25
        assert body.sum() == pytest.approx(truth.sum(), rel=0.04)
        centre = np.argwhere(known[row["stack"]].truth == row["label"]).mean(0) * VOXEL
        stated = [float(row[f"{axis}_um"]) for axis in "zyx"]
        assert np.abs(centre - stated).max() < VOXEL


def test_section_is_plane_32_and_in_the_middle(prepared, known):
    out, rows, _, _ = prepared
    for row in rows:
        if row["name"]:
            part = out / row["split"]
            obj, mask, image = (
                read_tiff(part / kind / f"{row['name']}.tif") for kind in ("obj", "mask", "image")
            )
            np.testing.assert_array_equal(obj[32], mask)
            # One stack plane, not a mixture: at this frame, the very pixels.
            y, x = row["frame_y_px"], row["frame_x_px"]
            whole = np.pad(known[row["stack"]].image[row["plane"]], 64, mode="edge")
            original = whole[y + 64 : y + 128, x + 64 : x + 128]
            inside = mask > 200
            np.testing.assert_array_equal(image[inside], original[inside])
            extent = np.nonzero((obj > 127).any((1, 2)))[0]
            assert abs((extent[0] + extent[-1]) / 2 - 32) <= 1 + STEP / 2
            for axis in (0, 1):
                span = np.nonzero((mask > 127).any(axis))[0]
                assert abs((span[0] + span[-1]) / 2 - 32) <= 0.5
            # The border is grey, about as wide as in the published cells.
            assert 1.04 < (obj > 0).sum() / (obj > 127).sum() < 1.2
            assert len(np.unique(obj)) > 20


def test_metadata_state_the_voxels(prepared):
    out, _, _, _ = prepared
    for files in find_cells(out, need_obj=True):
        assert read_voxel_size(files.obj).spacing == pytest.approx((VOXEL,) * 3, rel=1e-3)
        assert read_pixel_size(files) == pytest.approx(VOXEL, rel=1e-3)


def test_manifest_says_what_became_of_each_label(prepared):
    out, rows, _, _ = prepared
    with open(out / "manifest.csv", newline="") as file:
        kept = list(csv.DictReader(file))
    assert [(r["stack"], r["label"], r["name"]) for r in kept] == [
        (r["stack"], str(r["label"]), r["name"]) for r in rows
    ]
    why = {(r["stack"], r["label"]): r["reason"] for r in kept if not r["name"]}
    assert "border of the stack along Z, Y, X" in why["c", "9"]
    assert "too small" in why["c", "12"]
    assert len(why) == 2
    assert {float(r["voxel_um"]) for r in kept} == {VOXEL}


def test_names_tell_classes_and_runs_of_numbers_do_not_cross_stacks(prepared):
    _, rows, _, _ = prepared
    names = {(row["stack"], row["label"]): row["name"] for row in rows}
    assert parse_name(names["a", 1]).cell_class == "SDE"
    assert parse_name(names["b", 1]).number - parse_name(names["a", 1]).number > 1
    assert names["a", 2] == "bean000001"
    assert names["c", 3] == "c_000003"
    assert parse_name(names["c", 3]).cell_class is None


def test_stacks_are_split_whole(prepared):
    _, rows, plan, _ = prepared
    assert sorted(plan.splits.values()) == ["test", "train", "train"]
    for row in rows:
        assert row["split"] in ("", plan.splits[row["stack"]])


def test_data_check_has_no_faults(prepared):
    report = check_cells(prepared[0])
    assert not report.faults
    assert not report.warnings
    assert sum(report.counts.values()) == 9


def test_interrupted_run_goes_on_to_the_same_files(prepared, tmp_path, monkeypatch):
    out, rows, _, (fields, settings, classes) = prepared
    again, cut = tmp_path / "again", stacks_folder.cut_cell
    calls = []

    def stopped(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return cut(*arguments)

    monkeypatch.setattr(stacks_folder, "cut_cell", stopped)
    with pytest.raises(KeyboardInterrupt):
        prepare_stacks(fields, again, settings, classes)
    assert 0 < len(find_cells(again)) < 9
    resumed, _ = prepare_stacks(fields, again, settings, classes)
    assert len(calls) == 5 + 5  # what was finished is not cut again
    assert [str(row["name"]) for row in resumed] == [row["name"] for row in rows]
    assert files_of(again) == files_of(out)
    # Of a finished run nothing is cut again, unless a file is gone.
    prepare_stacks(fields, again, settings, classes)
    assert len(calls) == 10
    next(again.rglob("c_000003.tif")).unlink()
    prepare_stacks(fields, again, settings, classes)
    assert len(calls) == 11
    assert files_of(again) == files_of(out)


def test_other_settings_and_other_folders_are_refused(prepared, tmp_path):
    out, _, _, (fields, settings, classes) = prepared
    with pytest.raises(ConfigError, match=r"settings\.frame was 11.008 and is now 9"):
        prepare_stacks(fields, out, StackSettings(frame=9, test_fraction=0.34), classes)
    with pytest.raises(ConfigError, match="different classes"):
        prepare_stacks(fields, out, settings)
    with pytest.raises(ConfigError, match="different stacks"):
        prepare_stacks(fields[:2], out, settings, classes)
    (tmp_path / "train" / "image").mkdir(parents=True)
    with pytest.raises(FileError, match="not a new folder"):
        prepare_stacks(fields, tmp_path)


def test_cells_larger_than_the_frame_are_left_out(prepared, tmp_path):
    _, _, _, (fields, _, _) = prepared
    rows, plan = prepare_stacks(fields[:1], tmp_path / "out", StackSettings(frame=8.6))
    small = {row["label"]: row["reason"] for row in rows}
    assert small[1].startswith("does not fit in the frame of 8.6 um: spans ")
    assert small[2].endswith("along Z, 0.019 um of it beyond")
    assert small[3].startswith("does not fit")
    assert "left out" in summary(rows, plan)[1]


def test_labels_of_another_shape_are_refused(known, tmp_path):
    from dispr.files import write_tiff

    a = known["a"]
    write_tiff(tmp_path / "a.tif", a.image[:, 1:], a.spacing)
    write_tiff(tmp_path / "labels" / "a.tif", a.labels, a.spacing)
    with pytest.raises(FileError, match="the same voxel grid"):
        prepare_stacks(find_fields(tmp_path, labels="labels/*.tif"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_image_is_what_predict_shows_of_the_field(prepared, known):
    """A section of a stack is a field: prediction sees the images that training saw."""
    out, rows, _, _ = prepared
    for row in rows[:3]:
        stack = known[row["stack"]]
        plane = row["plane"]
        field = prepare_field(
            stack.image[plane], stack.labels[plane], pixel_size=VOXEL, frame=FRAME
        )
        seen = next(cell for cell in field.cells if cell.label == row["label"])
        image, mask = field.crop(seen)
        cell = out / row["split"] / "image" / f"{row['name']}.tif"
        np.testing.assert_array_equal(read_tiff(cell), image)
        own = read_tiff(out / row["split"] / "mask" / f"{row['name']}.tif") > 127
        assert (own & (mask > 127)).sum() / (own | (mask > 127)).sum() > 0.97


def test_plane_without_contrast_is_left_out(known, tmp_path):
    a = known["a"]
    np.save(tmp_path / "a.npy", np.zeros_like(a.image))
    np.save(tmp_path / "l.npy", a.labels)
    settings = StackSettings(voxel_size=a.spacing)
    rows, _ = prepare_stacks(
        find_fields(tmp_path / "a.npy", labels=str(tmp_path / "l.npy")), tmp_path / "o", settings
    )
    assert [row["reason"].partition(":")[0] for row in rows] == ["no contrast"] * 3


def test_channel_of_16_bit_ome_tiff_and_pixels_of_another_size(known, tmp_path):
    """Pixels of half a voxel, two channels: the same cells."""
    a = known["a"]
    fine = np.repeat(np.repeat(a.image.astype(np.uint16) * 16, 2, 1), 2, 2)
    labels = np.repeat(np.repeat(a.labels, 2, 1), 2, 2)
    z, y, x = a.spacing[0], VOXEL / 2, VOXEL / 2
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        np.stack([fine * 0, fine], 1),
        metadata={"axes": "ZCYX", "PhysicalSizeX": x, "PhysicalSizeY": y, "PhysicalSizeZ": z},
    )
    np.save(tmp_path / "labels.npy", labels)
    fields = find_fields(tmp_path / "a.ome.tif", labels=str(tmp_path / "labels.npy"))
    rows, _ = prepare_stacks(fields, tmp_path / "out", StackSettings(channel=1, frame=FRAME))
    assert [row["name"] for row in rows] == ["a_000001", "a_000002", "a_000003"]
    for row in rows:
        # To half a pixel, the frame stands where it stands in the coarse stack.
        halves = {**row, "frame_y_px": row["frame_y_px"] // 2, "frame_x_px": row["frame_x_px"] // 2}
        truth = true_cell(a, halves)
        body = read_tiff(tmp_path / "out" / "train" / "obj" / f"{row['name']}.tif") > 127
        assert (truth & body).sum() / (truth | body).sum() > 0.9
        image = read_tiff(tmp_path / "out" / "train" / "image" / f"{row['name']}.tif")
        assert image.max() > 240  # stretched


def test_read_cell_takes_them(prepared):
    cell = read_cell(find_cells(prepared[0], need_obj=True)[0])
    assert cell.obj.shape == (64, 64, 64)
