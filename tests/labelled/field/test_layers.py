"""Fields whose cells are labelled in several planes of a stack."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from dispr.errors import ConfigError, FileError, NoCellsError
from dispr.labelled.field import read as read_module
from dispr.labelled.field.folder import predict_field_files
from dispr.labelled.field.layers import Layers
from dispr.labelled.field.place import FieldVolume, placed_shape
from dispr.labelled.field.read import read_prepared
from dispr.labelled.field.settings import FieldSettings
from dispr.labelled.field.written import read_field_record
from dispr.labelled.find import FieldFiles
from dispr.prediction.files import PredictionFolder
from dispr.prediction.planes import hold_planes
from dispr.report.fieldmap import field_map

SIZE, STEP = 0.172, 0.688  # four voxels of the training cells between planes
PLAIN = FieldSettings(measures=False, meshes="none", ensemble=1)


def disc(shape, y, x, radius):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


@pytest.fixture
def stack(tmp_path):
    """Cell 1 in planes 2, 4 and 6, cell 5 in plane 7 alone, cell 9 in planes 3 and 5."""
    labels = np.zeros((10, 90, 130), np.uint16)
    for plane, radius in ((2, 12), (4, 20), (6, 9)):
        labels[plane][disc((90, 130), 40, 35, radius)] = 1
    labels[7][disc((90, 130), 45, 95, 18)] = 5
    labels[3][disc((90, 130), 44, 96, 10)] = 9  # below the other, so that the sections overlap
    labels[5][disc((90, 130), 44, 96, 14)] = 9
    draw = np.random.default_rng(0)
    image = draw.integers(5, 25, labels.shape).astype(np.uint8)
    image[labels > 0] += 100
    image[7] += 40  # each plane has its own light
    for name, array in (("s.ome.tif", image), ("l.ome.tif", labels)):
        tifffile.imwrite(tmp_path / name, array, metadata={"axes": "ZYX"})
    return FieldFiles("s", tmp_path / "s.ome.tif", tmp_path / "l.ome.tif"), image, labels


def settings(**more):
    return replace(PLAIN, voxel_size=(STEP, SIZE, SIZE), **more)


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_middle_planes_are_sections_and_the_others_are_known(stack):
    files, image, labels = stack
    field = read_prepared(files, settings())
    assert [cell.label for cell in field.cells] == [1, 5, 9]
    layers = field.layers
    assert [layers.section(label) for label in (1, 5, 9)] == [4, 7, 5]
    assert layers.focus == 5
    assert [cell.height for cell in field.cells] == [-4, 8, 0]
    first = field.cells[0]
    grey, mask = field.crop(first)
    inside = mask > 0
    np.testing.assert_array_equal(inside.sum(), (labels[4] == 1).sum())
    np.testing.assert_array_equal(np.sort(grey[inside]), np.sort(image[4][labels[4] == 1]))
    known = layers.known(1, first.square)
    assert [*known] == [24, 40]  # two planes of four voxels below and above plane 32
    assert known[24].sum() == 255 * (labels[2] == 1).sum()
    assert known[40].sum() == 255 * (labels[6] == 1).sum()
    assert layers.known(5, field.cells[1].square) == {}
    assert [*layers.known(9, field.cells[2].square)] == [24]
    # The light about a cell is that of its own plane.
    assert np.median(field.crop(field.cells[1])[0][~(field.crop(field.cells[1])[1] > 0)]) > 45


def test_shapes_hold_the_known_planes(model, stack, tmp_path):
    files, _, labels = stack
    with pytest.warns(UserWarning, match="labels 3 cells in 2 planes each on average"):
        rows = predict_field_files(model, files, tmp_path / "out", settings())
    assert [row["section_plane"] for row in rows] == [4, 7, 5]
    assert [row["z_um"] for row in rows] == pytest.approx([2.752, 4.816, 3.44])
    assert [row["labelled_planes"] for row in rows] == [3, 1, 2]
    drawn = PredictionFolder(tmp_path / "out")
    square = read_prepared(files, settings()).cells[0].square
    (sample,) = drawn.samples("s_0001")
    assert square.edge == 64
    part = (slice(square.y, square.y + 64), slice(square.x, square.x + 64))
    rows_in = slice(max(part[0].start, 0), min(part[0].stop, 90))
    columns_in = slice(max(part[1].start, 0), min(part[1].stop, 130))
    here = (
        slice(rows_in.start - part[0].start, rows_in.stop - part[0].start),
        slice(columns_in.start - part[1].start, columns_in.stop - part[1].start),
    )
    for number, plane in ((24, 2), (40, 6)):
        np.testing.assert_array_equal(sample[number][here], labels[plane][rows_in, columns_in] == 1)
    listed = table(tmp_path / "out" / "cells" / "planes.csv")
    assert [(row["name"], row["plane"]) for row in listed] == [
        *(("s_0001", "24"), ("s_0001", "40"), ("s_0009", "24"))
    ]
    # The crops give the same shapes as a data set.
    from dispr.cells.folder import find_cells
    from dispr.prediction.folder import predict_folder
    from dispr.prediction.settings import PredictionSettings

    again = find_cells(tmp_path / "out" / "cells")
    predict_folder(model, again, tmp_path / "again", PredictionSettings(1, pixel_size=SIZE))
    for name in ("s_0001", "s_0005", "s_0009"):
        np.testing.assert_array_equal(
            PredictionFolder(tmp_path / "again").samples(name), drawn.samples(name)
        )
    record = read_field_record(tmp_path / "out")
    assert (record["plane"], record["pixel_size_um"]) == (5, SIZE)
    assert field_map(tmp_path / "out")["image"] is not None


def test_cells_stand_at_their_heights(extruder, stack, tmp_path):
    files, _, labels = stack
    with pytest.warns(UserWarning, match="labels 3 cells"):
        predict_field_files(extruder, files, tmp_path / "out", replace(settings(), meshes="ply"))
    volume = tifffile.imread(tmp_path / "out" / "labels.ome.tif")
    assert volume.shape[0] == 64 + 2 * 8
    middle = volume.shape[0] // 2
    # The extruder's shape is the section's mask in 24 planes about the section.
    for label, plane, height in ((1, 4, -4), (5, 7, 8)):
        found = np.flatnonzero((volume == label).any(axis=(1, 2)))
        assert (found[0], found[-1]) == (middle + height - 12, middle + height + 11)
        np.testing.assert_array_equal(volume[middle + height] == label, labels[plane] == label)
    import trimesh

    mesh = trimesh.load(tmp_path / "out" / "meshes" / "s_0005.ply")
    assert mesh.bounds[:, 2].mean() == pytest.approx((middle + 8 - 0.5) * SIZE, abs=SIZE)


def test_height_between_voxels():
    from dispr.cells.square import Square

    body = np.zeros((64, 64, 64), np.float32)
    body[20:44, 16:48, 16:48] = 1
    shapes = [placed_shape(1, Square(0, 0, 64), body, height) for height in (0.0, 2.5)]
    flat, high = (FieldVolume([shape], (64, 64), 80).array() for shape in shapes)
    centres = [np.argwhere(volume == 1)[:, 0].mean() for volume in (flat, high)]
    assert centres[1] - centres[0] == pytest.approx(2.5, abs=0.51)


def test_planes_nearer_than_a_voxel(stack):
    """Of planes that fall on one of the grid, the nearest is known; the section is not moved."""
    _, image, labels = stack
    layers = Layers(image, labels, (SIZE / 4, SIZE, SIZE))
    from dispr.cells.square import Square

    found = layers.known(1, Square(8, 3, 64))
    assert found == {}  # both are within half a voxel of the section
    fine = Layers(image, labels, (SIZE * 0.7, SIZE, SIZE))
    assert [*fine.known(1, Square(8, 3, 64))] == [31, 33]


def test_planes_and_pixels_beyond_the_frame_are_said(stack):
    files, _, labels = stack
    far = read_prepared(files, replace(settings(), voxel_size=(4.0, SIZE, SIZE)))
    assert "2 of its planes are above or below its frame" in far.cells[0].warning
    labels[6][:, :80] = 1  # an outline that was drawn far too wide
    tifffile.imwrite(files.labels, labels, metadata={"axes": "ZYX"})
    wide = read_prepared(files, settings())
    assert "It reaches beyond its frame in 1 of its planes." in wide.cells[0].warning


@pytest.mark.parametrize("form", ["TYX", "CYX", "ZYX", "npy"])
def test_labels_of_planes_under_other_names(stack, form):
    files, _, labels = stack
    if form == "npy":
        files = replace(files, labels=files.labels.with_name("l.npy"))
        np.save(files.labels, labels)
    else:
        tifffile.imwrite(files.labels, labels, metadata={"axes": form})
    assert read_prepared(files, settings()).layers.section(1) == 4


def test_refusals(stack):
    files, _, labels = stack
    with pytest.raises(FileError, match=r"does not state its voxel size along Z; give --voxel-siz"):
        read_prepared(files, PLAIN)
    with pytest.raises(ConfigError, match="give --voxel-size Z,Y,X in um instead of --pixel-size"):
        read_prepared(files, replace(PLAIN, pixel_size=SIZE))
    one = read_prepared(files, replace(PLAIN, pixel_size=SIZE, plane=4))  # a plane is asked for
    assert [cell.label for cell in one.cells] == [1]
    tifffile.imwrite(files.labels, labels[:9], metadata={"axes": "ZYX"}, ome=True)
    with pytest.raises(FileError, match="shape"):
        read_prepared(files, settings())
    mask = np.where((labels > 0), 255, 0).astype(np.uint8)
    mask[7][disc((90, 130), 45, 30, 12)] = 255
    tifffile.imwrite(files.labels, mask, metadata={"axes": "ZYX"}, ome=True)
    with pytest.raises(FileError, match="is a mask with one value; number the cells"):
        read_prepared(files, settings())
    tifffile.imwrite(files.labels, labels * 0, metadata={"axes": "ZYX"}, ome=True)
    with pytest.raises(NoCellsError, match=r"no cell is labelled"):
        read_prepared(files, settings())


def test_time_lapses_are_not_taken_for_stacks(stack):
    files, image, labels = stack
    for path, array in ((files.image, image), (files.labels, labels)):
        tifffile.imwrite(path, array, metadata={"axes": "TYX"})
    with pytest.raises(FileError, match="10 times; choose one with --time"):
        read_prepared(files, settings())


def test_held_planes_of_the_extruder(stack):
    """The planes that are handed on are those that a shape is made to hold."""
    files, _, _ = stack
    field = read_prepared(files, settings())
    cell = field.cells[0]
    section = field.crop(cell)[1]
    body = np.zeros((64, 64, 64), bool)
    body[20:44] = section > 0
    held = hold_planes(body, {**field.layers.known(1, cell.square), 32: section})
    for number, mask in field.layers.known(1, cell.square).items():
        np.testing.assert_array_equal(held[number], mask > 0)


def test_scene_is_chosen_by_digits_as_on_the_command_line(stack):
    files, image, _ = stack
    with tifffile.TiffWriter(files.image, ome=True) as writer:
        for array in (image[::-1], image):
            writer.write(array, metadata={"axes": "ZYX"})
    field = read_prepared(files, settings(scene="1"))
    np.testing.assert_array_equal(field.layers.stack, image)


def test_the_voxel_size_is_that_of_the_scene(stack):
    files, image, _ = stack
    with tifffile.TiffWriter(files.image, ome=True) as writer:
        for array, edge in ((image[::-1], 9.0), (image, SIZE)):
            edges = {f"PhysicalSize{axis}": edge for axis in "ZYX"}
            writer.write(array, metadata={"axes": "ZYX", **edges})
    field = read_prepared(files, replace(PLAIN, scene="1"))
    assert field.pixel_size == pytest.approx(SIZE)
    np.testing.assert_array_equal(field.layers.stack, image)


def test_labels_are_read_once(stack, monkeypatch):
    files, _, labels = stack
    np.save(files.labels.with_name("l.npy"), labels[4])
    read = []
    whole = read_module.read_array
    monkeypatch.setattr(read_module, "read_array", lambda *a: read.append(a) or whole(*a))
    files = replace(files, labels=files.labels.with_name("l.npy"))
    field = read_prepared(files, replace(PLAIN, pixel_size=SIZE, plane=4))
    assert [cell.label for cell in field.cells] == [1]
    assert [path.name for path, _ in read] == ["l.npy"]
