"""Outlines of cells in the files of ImageJ, QuPath and COCO: exactly their pixels, or a refusal."""

import json
import re
import zipfile

import numpy as np
import pytest
from scipy.ndimage import binary_fill_holes
from skimage.measure import find_contours

from dispr.errors import FileError, NoCellsError
from dispr.labelled.channels import Taken
from dispr.labelled.regions import read_regions
from dispr.labelled.selection import Selection

roifile = pytest.importorskip("roifile")
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi  # noqa: E402

SHAPE = (60, 80)
Y, X = np.mgrid[:60, :80] + 0.5  # centres of pixels, from the corner of the image


def section(plane=None, planes=1, time=None, shape=SHAPE, times=1):
    return Taken(np.zeros(shape, np.uint8), Selection(plane=plane, time=time), planes, times)


def saved(path, *rois):
    path.unlink(missing_ok=True)
    if path.suffix == ".roi":
        rois[0].tofile(path)
    else:
        roifile.roiwrite(path, rois)
    return path


def rectangle(left, top, width, height, kind=ROI_TYPE.RECT, **more):
    box = {"left": left, "top": top, "right": left + width, "bottom": top + height}
    return ImagejRoi(roitype=kind, version=228, **box, **more)


def only(regions):
    (cell,) = regions.cells
    full = np.zeros(regions.labels.shape, bool)
    full[cell.box] = cell.inside
    np.testing.assert_array_equal(regions.labels, full)
    return full


def test_rectangle_and_oval(tmp_path):
    path = saved(tmp_path / "a.roi", rectangle(10, 20, 30, 12))
    np.testing.assert_array_equal(
        only(read_regions(path, path, section())), (Y > 20) & (Y < 32) & (X > 10) & (X < 40)
    )
    path = saved(tmp_path / "a.roi", rectangle(10, 20, 30, 13, ROI_TYPE.OVAL))
    expected = ((Y - 26.5) / 6.5) ** 2 + ((X - 25) / 15) ** 2 <= 1
    np.testing.assert_array_equal(only(read_regions(path, path, section())), expected)
    assert expected.sum() == pytest.approx(np.pi * 6.5 * 15, rel=0.02)


def test_polygon_of_whole_and_of_parts_of_pixels(tmp_path):
    square = np.array([[10, 20], [40, 20], [40, 32], [10, 32]])
    path = saved(tmp_path / "a.roi", ImagejRoi.frompoints(square))
    expected = (Y > 20) & (Y < 32) & (X > 10) & (X < 40)
    np.testing.assert_array_equal(only(read_regions(path, path, section())), expected)
    path = saved(tmp_path / "a.roi", ImagejRoi.frompoints(square + 0.6))
    np.testing.assert_array_equal(
        only(read_regions(path, path, section())), np.roll(expected, (1, 1), (0, 1))
    )
    path = saved(tmp_path / "a.roi", ImagejRoi.frompoints(square + 0.4))
    np.testing.assert_array_equal(only(read_regions(path, path, section())), expected)


def test_edges_through_the_centres_of_pixels_count_once(tmp_path):
    """Two halves of a square, cut along its diagonal, are the square."""
    first, second = ([[9, 9], [19, 9], [19, 19]], [[9, 9], [19, 19], [9, 19]])
    path = saved(tmp_path / "a.zip", *(ImagejRoi.frompoints(np.array(h)) for h in (first, second)))
    regions = read_regions(path, path, section())
    assert sum(cell.size for cell in regions.cells) == 100
    assert regions.overlapping == 0
    np.testing.assert_array_equal(regions.labels > 0, (Y > 9) & (Y < 19) & (X > 9) & (X < 19))


def contour(mask):
    """Outline of a mask in the coordinates of ImageJ, (x, y) from the corner of the image."""
    return find_contours(np.pad(mask, 1).astype(float), 0.5)[0][:, ::-1] - 0.5


@pytest.mark.parametrize("form", ["zip", "geojson", "coco", "runs"])
def test_labels_are_the_same_after_a_round_trip(tmp_path, field, form):
    numbers = [n for n in np.unique(field.labels) if n]
    shape = field.labels.shape
    outlines = [contour(binary_fill_holes(field.labels == n)) for n in numbers]
    path = tmp_path / f"a.{'zip' if form == 'zip' else 'json'}"
    image = tmp_path / "a.tif"
    if form == "zip":
        named = zip(outlines, numbers, strict=True)
        saved(path, *(ImagejRoi.frompoints(o, name=f"cell {n}") for o, n in named))
    elif form == "geojson":
        features = [
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [o.tolist()]},
                "properties": {"objectType": "detection", "name": f"cell {n}"},
            }
            for o, n in zip(outlines, numbers, strict=True)
        ]
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    else:
        annotations = []
        for o, n in zip(outlines, numbers, strict=True):
            outline = [o.ravel().tolist()]
            if form == "runs":
                flat = (field.labels == n).ravel(order="F")
                edges = np.flatnonzero(np.diff(flat)) + 1
                counts = np.diff([0, *edges, flat.size]).tolist()
                outline = {"size": list(shape), "counts": [*([0] if flat[0] else []), *counts]}
            annotations.append({"id": f"cell {n}", "image_id": 7, "segmentation": outline})
        other = {"id": "no", "image_id": 8, "segmentation": [[0, 0, 9, 0, 9, 9]]}
        images = [
            {"id": 7, "file_name": "data/a.png", "height": shape[0], "width": shape[1]},
            {"id": 8, "file_name": "b.png", "height": 5, "width": 5},
        ]
        path.write_text(json.dumps({"images": images, "annotations": [*annotations, other]}))
    regions = read_regions(path, image, section(shape=shape))
    expected = np.zeros(shape, int)
    for k, n in enumerate(numbers, start=1):
        mask = field.labels == n
        expected[mask if form == "runs" else binary_fill_holes(mask)] = k
    np.testing.assert_array_equal(regions.labels, expected)
    assert [cell.name for cell in regions.cells] == [f"cell {n}" for n in numbers]
    assert sum(bool(cell.border) for cell in regions.cells) == 1
    assert regions.notes == ()


def test_compressed_runs(tmp_path):
    """The text that pycocotools 2.0 writes for a mask of 4 x 5 pixels."""
    mask = np.zeros((4, 5), bool)
    mask[1:3, 1:4] = True
    # Runs 5, 2, 2, 2, 2, 2, 5: the later ones are kept as differences from the run before the last.
    text = "5220003"
    record = {
        "images": [{"id": 1, "file_name": "x.png"}],
        "annotations": [{"id": 1, "image_id": 1, "segmentation": {"size": [4, 5], "counts": text}}],
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps(record))
    np.testing.assert_array_equal(only(read_regions(path, path, section(shape=(4, 5)))), mask)


def test_holes_and_pieces(tmp_path):
    outer, hole, piece = (
        [[5, 5], [35, 5], [35, 35], [5, 35], [5, 5]],
        [[10, 10], [20, 10], [20, 20], [10, 20], [10, 10]],
        [[50, 40], [60, 40], [60, 50], [50, 50], [50, 40]],
    )
    big = (Y > 5) & (Y < 35) & (X > 5) & (X < 35) & ~((Y > 10) & (Y < 20) & (X > 10) & (X < 20))
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [outer, hole]}))
    np.testing.assert_array_equal(only(read_regions(path, path, section())), big)
    path.write_text(json.dumps({"type": "MultiPolygon", "coordinates": [[outer, hole], [piece]]}))
    (cell,) = read_regions(path, path, section()).cells
    assert (cell.pieces, cell.size) == (2, big.sum())
    # The same as a composite of ImageJ.
    path_of = []
    for ring in (outer, hole):
        path_of += [0.0, *map(float, ring[0])]
        for corner in ring[1:-1]:
            path_of += [1.0, *map(float, corner)]
        path_of += [4.0]
    composite = rectangle(5, 5, 30, 30)
    composite.multi_coordinates = np.array(path_of, np.float32)
    composite.shape_roi_size = len(path_of)
    composite.n_coordinates = 0
    path = saved(tmp_path / "c.roi", composite)
    np.testing.assert_array_equal(only(read_regions(path, path, section())), big)


def test_overlapping_cells_keep_their_own_masks(tmp_path):
    path = saved(
        tmp_path / "a.zip",
        rectangle(5, 5, 20, 20, name="small"),
        rectangle(15, 15, 40, 40, name="large"),
    )
    regions = read_regions(path, path, section())
    assert [(cell.name, cell.size) for cell in regions.cells] == [("small", 400), ("large", 1600)]
    assert regions.overlapping == 2
    assert (regions.labels == 1).sum() == 400  # on top
    assert "2 cells overlap" in regions.notes[0]
    other = saved(tmp_path / "a.zip", rectangle(5, 5, 20, 20), rectangle(16, 15, 39, 40))
    assert read_regions(other, other, section()).digest() != regions.digest()
    # The same boxes, and other pixels in them.
    oval = rectangle(15, 15, 40, 40, ROI_TYPE.OVAL)
    other = saved(tmp_path / "a.zip", rectangle(5, 5, 20, 20), oval)
    assert read_regions(other, other, section()).digest() != regions.digest()


def test_lines_and_points_are_named(tmp_path):
    line = ImagejRoi(roitype=ROI_TYPE.LINE, name="scale", x1=0, y1=0, x2=9, y2=9, version=228)
    text = rectangle(0, 0, 9, 9, name="title", subtype=ROI_SUBTYPE.TEXT)
    path = saved(tmp_path / "a.zip", line, rectangle(5, 5, 20, 20, name="cell"))
    regions = read_regions(path, path, section())
    assert len(regions.cells) == 1
    assert "scale was not used: it is no outline" in regions.notes[0]
    flat = [rectangle(5, 5, w, h, name=f"{w}x{h}") for w, h in ((20, 0), (0, 20))]
    two = ImagejRoi.frompoints(np.array([[30, 30], [40, 40]]), name="two")
    path = saved(tmp_path / "a.zip", text, *flat, two, rectangle(5, 5, 20, 20, name="cell"))
    regions = read_regions(path, path, section())
    assert [cell.name for cell in regions.cells] == ["cell"]
    assert "4 objects (title, 20x0, 0x20, ...) were not used" in regions.notes[0]
    path = saved(tmp_path / "b.zip", line)
    with pytest.raises(NoCellsError, match="no outline of a cell"):
        read_regions(path, path, section())


def test_outlines_of_the_plane_that_is_predicted(tmp_path):
    rois = [rectangle(5 + 20 * k, 5, 12, 12, name=str(k), z_position=k) for k in range(3)]
    path = saved(tmp_path / "a.zip", *rois)  # the first of all planes, then of planes 0 and 1
    regions = read_regions(path, path, section(plane=1, planes=9))
    assert [cell.name for cell in regions.cells] == ["0", "2"]
    assert "1 of 3 outlines are of other planes" in regions.notes[0]
    with pytest.raises(FileError, match="outlines on 2 planes, but the image is one of"):
        read_regions(path, path, section())
    with pytest.raises(FileError, match="the image is a projection"):
        read_regions(path, path, section(plane="max-projection", planes=9))
    plain = saved(tmp_path / "b.zip", *(rectangle(5, 5, 9, 9, position=3, name=n) for n in "ab"))
    assert len(read_regions(plain, plain, section()).cells) == 2
    assert len(read_regions(plain, plain, section(plane=2, planes=9)).cells) == 2
    with pytest.raises(NoCellsError):
        read_regions(plain, plain, section(plane=3, planes=9))


def test_outlines_of_the_time_point_that_is_predicted(tmp_path):
    """ImageJ counts the time points of a stack without planes as it counts planes."""
    rois = [rectangle(5 + 20 * k, 5, 12, 12, name=str(k), position=k + 1) for k in range(3)]
    path = saved(tmp_path / "a.zip", *rois)
    for time in range(3):
        (cell,) = read_regions(path, path, section(time=time, times=3)).cells
        assert cell.name == str(time)
    with pytest.raises(NoCellsError):
        read_regions(path, path, section(time=7, times=9))
    rois = [rectangle(5 + 20 * k, 5, 12, 12, name=str(k), t_position=k + 1) for k in range(3)]
    path = saved(tmp_path / "b.zip", *rois)
    (cell,) = read_regions(path, path, section(plane=2, planes=3, time=1, times=3)).cells
    assert cell.name == "1"
    with pytest.raises(FileError, match="outlines on 3 time points, but the image is one of"):
        read_regions(path, path, section())


@pytest.mark.parametrize("kind", [ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED])
def test_curves_through_corners_are_refused(tmp_path, kind):
    roi = ImagejRoi.frompoints(np.array([[10, 10], [30, 10], [30, 30]]), name="smooth")
    roi.roitype = kind
    path = saved(tmp_path / "a.roi", roi)
    assert only(read_regions(path, path, section())).sum() == pytest.approx(200, rel=0.06)
    roi.options = ROI_OPTIONS.SPLINE_FIT
    path = saved(tmp_path / "a.roi", roi)
    with pytest.raises(FileError, match=r"a\.roi: the region smooth has curves.*Interpolate"):
        read_regions(path, path, section())


def test_rounded_rectangles_are_refused(tmp_path):
    path = saved(tmp_path / "a.roi", rectangle(5, 5, 20, 20, rounded_rect_arc_size=6, name="soft"))
    with pytest.raises(FileError, match=r"a\.roi: the region soft is a rectangle with rounded"):
        read_regions(path, path, section())


@pytest.mark.parametrize("subtype", [ROI_SUBTYPE.ELLIPSE, ROI_SUBTYPE.ROTATED_RECT])
def test_turned_rectangles_and_ellipses_are_their_corners(tmp_path, subtype):
    corners = np.array([[20.5, 10.25], [40.5, 20.25], [35.5, 30.25], [15.5, 20.25]])
    roi = ImagejRoi.frompoints(corners)
    roi.roitype, roi.subtype = ROI_TYPE.FREEHAND, subtype
    found = only(read_regions(saved(tmp_path / "a.roi", roi), tmp_path, section()))
    along, across = np.array([20.0, 10.0]), np.array([-5.0, 10.0])
    offset = X - 20.5, Y - 10.25
    parts = [
        (offset[0] * v[0] + offset[1] * v[1]) / (v @ v)
        for v in (along, across)  # at right angles
    ]
    assert along @ across == 0
    np.testing.assert_array_equal(found, np.all([(p > 0) & (p < 1) for p in parts], axis=0))


def test_sub_pixel_rectangle(tmp_path):
    roi = rectangle(10, 20, 30, 12, ROI_TYPE.OVAL, options=ROI_OPTIONS.SUB_PIXEL_RESOLUTION)
    roi.xd, roi.yd, roi.widthd, roi.heightd = 10.25, 20.25, 30.5, 12.75
    path = saved(tmp_path / "a.roi", roi)
    expected = ((Y - 26.625) / 6.375) ** 2 + ((X - 25.5) / 15.25) ** 2 <= 1
    np.testing.assert_array_equal(only(read_regions(path, path, section())), expected)


def feature(corner, kind=None, **geometry):
    x, y = corner
    ring = [[x, y], [x + 9, y], [x + 9, y + 9], [x, y + 9], [x, y]]
    shape = {"type": "Polygon", "coordinates": [ring], **geometry}
    about = {"objectType": kind, "measurements": {"Nucleus: Area": float("nan")}} if kind else {}
    return {"type": "Feature", "geometry": shape, "properties": about}


def test_cells_of_qupath_come_before_what_is_drawn_around_them(tmp_path):
    path = tmp_path / "a.geojson"
    nucleus = {"type": "Polygon", "coordinates": [[[3, 3], [5, 3], [5, 5]]]}
    cells = [{**feature((x, 20), "cell"), "nucleusGeometry": nucleus} for x in (5, 30)]
    around = feature((1, 1), "annotation")
    path.write_text(json.dumps([around, *cells, feature((60, 2), "tile")]))  # a bare list, with NaN
    regions = read_regions(path, path, section())
    assert [cell.size for cell in regions.cells] == [81, 81]
    assert "2 objects (object 4, annotation 1) were not used" in regions.notes[0]
    assert regions.cells[0].name is None
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [around]}))
    assert len(read_regions(path, path, section()).cells) == 1
    planes = [feature((9, 9), "cell", plane={"c": -1, "z": z, "t": 0}) for z in (0, 1, 1)]
    path.write_text(json.dumps(planes))
    assert len(read_regions(path, path, section(plane=1, planes=3)).cells) == 2


SEVERAL = (
    r"has outlines of {} classes \({}\); each was used as a cell\. If some are of something else"
)


def test_classes_of_qupath_are_listed(tmp_path):
    path = tmp_path / "a.geojson"
    cells = [feature((x, 5), "cell") for x in (5, 20, 35, 50)]
    path.write_text(json.dumps(cells))
    assert read_regions(path, path, section()).notes == ()
    stated = ({"name": "Red"}, {"name": "Red", "color": [1, 2, 3]}, {"names": ["Red", "big"]}, None)
    for cell, kind in zip(cells, stated, strict=True):
        cell["properties"]["classification"] = kind
    path.write_text(json.dumps(cells[:2]))
    assert read_regions(path, path, section()).notes == ()
    path.write_text(json.dumps(cells))
    regions = read_regions(path, path, section())
    assert len(regions.cells) == 4
    (note,) = regions.notes
    assert re.search(SEVERAL.format(3, "Red: 2, Red: big: 1, without a class: 1"), note)


def test_categories_of_coco_are_listed(tmp_path):
    path, image = tmp_path / "a.json", tmp_path / "f.tif"

    def annotation(number, x, category, picture=1):
        ring = [x, 5, x + 9, 5, x + 9, 14, x, 14]
        about = {"id": number, "image_id": picture, "segmentation": [ring]}
        return about | ({} if category is None else {"category_id": category})

    def notes(*annotations):
        images = [
            {"id": k, "file_name": f"{name}.tif", "height": SHAPE[0], "width": SHAPE[1]}
            for k, name in ((1, "f"), (2, "g"))
        ]
        categories = [{"id": 1, "name": "cell"}, {"id": 2, "name": "nucleus"}]
        record = {"images": images, "categories": categories, "annotations": list(annotations)}
        path.write_text(json.dumps(record))
        regions = read_regions(path, image, section())
        assert len(regions.cells) == sum(one["image_id"] == 1 for one in annotations)
        return regions.notes

    cells = [annotation(1, 5, 1), annotation(2, 20, 1)]
    assert notes(*cells) == ()
    assert notes(*cells, annotation(3, 35, 2, picture=2)) == ()  # of another image
    (note,) = notes(annotation(3, 35, 2), *cells, annotation(4, 50, 7))
    assert re.search(SEVERAL.format(3, "cell: 2, nucleus: 1, 7: 1"), note)
    (note,) = notes(*cells, annotation(3, 35, 1) | {"iscrowd": 1})
    assert re.search(SEVERAL.format(2, r"cell: 2, cell \(crowd\): 1"), note)


@pytest.mark.parametrize("key", ["objectType", "object_type", "id"])
def test_kinds_in_all_versions_of_qupath(tmp_path, key):
    path = tmp_path / "a.geojson"
    features = [feature((5, 5)), feature((30, 30))]
    for one, kind in zip(features, ("annotation", "cell"), strict=True):
        if key == "id":
            one["id"] = f"Path{kind.title()}Object"
        else:
            one["properties"][key] = kind
    path.write_text(json.dumps(features))
    (cell,) = read_regions(path, path, section()).cells
    assert cell.box == (slice(30, 39), slice(30, 39))


def test_qupath_does_not_state_the_first_plane(tmp_path):
    path = tmp_path / "a.geojson"
    third = {"plane": {"c": -1, "z": 2, "t": 1}}
    path.write_text(json.dumps([feature((5, 5), "cell"), feature((30, 30), "cell", **third)]))
    places = {}
    for plane, time in ((0, 0), (2, 1)):
        (cell,) = read_regions(path, path, section(plane, 3, time, times=2)).cells
        places[plane] = cell.box[0].start
    assert places == {0: 5, 2: 30}
    with pytest.raises(NoCellsError):
        read_regions(path, path, section(2, 3, 0, times=2))
    with pytest.raises(FileError, match="outlines on 2 planes, but the image is one of"):
        read_regions(path, path, section())
    path.write_text(json.dumps([feature((5, 5), "cell"), feature((30, 30), "cell")]))
    assert len(read_regions(path, path, section(2, 3)).cells) == 2


def test_ellipses_of_qupath(tmp_path):
    path = tmp_path / "a.geojson"
    ring = [[10, 30], [20.5, 20], [31, 30], [20.5, 40], [10, 30]]
    geometry = {"type": "Polygon", "coordinates": [ring], "isEllipse": True}
    path.write_text(json.dumps(geometry))
    expected = ((Y - 30) / 10) ** 2 + ((X - 20.5) / 10.5) ** 2 <= 1
    np.testing.assert_array_equal(only(read_regions(path, path, section())), expected)
    path.write_text(json.dumps({**geometry, "isEllipse": False}))
    expected = np.abs(Y - 30) / 10 + np.abs(X - 20.5) / 10.5 < 1
    np.testing.assert_array_equal(only(read_regions(path, path, section())), expected)


def test_runs_of_a_large_image_take_little_memory(tmp_path):
    import tracemalloc

    shape, count = (2000, 2000), 40
    annotations = []
    for k in range(count):
        runs = [(2000 * 50 * k + 10, 30)] + [(2000 * (50 * k + n) + 10, 30) for n in range(1, 20)]
        ends = np.array([(start, start + length) for start, length in runs]).ravel()
        counts = np.diff([0, *ends, 4_000_000]).tolist()
        outline = {"size": [2000, 2000], "counts": counts}
        annotations.append({"id": k, "image_id": 1, "segmentation": outline})
    images = [{"id": 1, "file_name": "a.png", "height": 2000, "width": 2000}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    tracemalloc.start()
    regions = read_regions(path, tmp_path / "a.tif", section(shape=shape))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {cell.size for cell in regions.cells} == {600}
    assert regions.cells[3].box == (slice(10, 40), slice(150, 170))
    assert peak < 80e6  # an image for each cell would be 160 MB


def test_runs_at_the_edges_and_empty_ones(tmp_path):
    path = tmp_path / "a.json"

    def found(counts):
        outline = {"size": [4, 5], "counts": counts}
        record = {
            "images": [{"id": 1, "file_name": "x.png"}],
            "annotations": [{"id": 1, "image_id": 1, "segmentation": outline}],
        }
        path.write_text(json.dumps(record))
        return read_regions(path, path, section(shape=(4, 5))).labels

    assert found([0, 20]).all()
    assert found([19, 1]).nonzero() == (3, 4)
    assert found([0, 1, 19]).nonzero() == (0, 0)
    np.testing.assert_array_equal(found([3, 2, 15]).nonzero(), [[0, 3], [1, 0]])
    np.testing.assert_array_equal(found([3, 0, 4, 1, 0, 1, 11]).nonzero(), [[0, 3], [2, 1]])
    with pytest.raises(NoCellsError):
        found([20])
    with pytest.raises(NoCellsError):
        found([7, 0, 13])
    for counts in ([], [3, -1, 18], [21], [10]):
        with pytest.raises(FileError, match="damaged"):
            found(counts)


def test_outlines_beyond_the_image(tmp_path):
    path = saved(tmp_path / "a.zip", rectangle(-5, -5, 20, 20), rectangle(500, 5, 9, 9, name="far"))
    regions = read_regions(path, path, section())
    assert [(cell.size, cell.border) for cell in regions.cells] == [(225, "YX")]
    assert "1 outline is not in the image of 80 x 60 pixels and not used (far)" in regions.notes[0]
    path = saved(tmp_path / "b.roi", rectangle(500, 5, 9, 9))
    with pytest.raises(NoCellsError, match="no outline of a cell in this image of 80 x 60"):
        read_regions(path, path, section())


def test_corners_beyond_any_image(tmp_path):
    for value in (1e30, np.inf, np.nan):
        points = np.array([[1, 1], [value, 3], [9, 9]], np.float32)
        roi = ImagejRoi.frompoints(np.array([[1.5, 1], [5, 3], [9, 9]]), name="far")
        roi.subpixel_coordinates = points
        path = saved(tmp_path / "a.roi", roi)
        with pytest.raises(FileError, match=r"a\.roi: the region far has corners beyond any image"):
            read_regions(path, path, section())


def damaged_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.roi", b"Iout" + bytes(60))
        archive.writestr("b.roi", b"nothing")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.roi", b"", "not a region that ImageJ wrote"),
        ("a.roi", b"Iout", "not a region that ImageJ wrote"),
        ("a.zip", b"PK\3\4", "cannot be read as a ZIP"),
        ("a.zip", b"", "cannot be read as a ZIP"),
        ("a.zip", damaged_zip, "a region|no outline|not a region"),
        ("a.geojson", b"", "not JSON"),
        ("a.geojson", b"{}", "not GeoJSON or COCO"),
        ("a.geojson", b"[]", "contains no polygons"),
        ("a.geojson", b'{"type": "Polygon", "coordinates": [[["a", 1]]]}', "not GeoJSON"),
        ("a.geojson", b'{"type": "Polygon", "coordinates": [[[1e999, 1]]]}', "too large"),
        ("a.geojson", b'{"type": "Polygon", "coordinates": [[]]}', "not GeoJSON"),
        ("a.geojson", b'{"type": "Circle", "coordinates": []}', "not GeoJSON"),
        ("a.json", b'{"annotations": []}', "lists no image"),
        ("a.json", b'{"annotations": [], "images": [{"file_name": "a", "id": 1}]}', "has no annot"),
        (
            "a.json",
            b'{"annotations": [], "images": [{"file_name": "a.png"}, {"file_name": "b/a.tif"}]}',
            "lists several images of the name a.tif",
        ),
        (
            "a.json",
            b'{"images": [{"file_name": "a", "id": 1}], "annotations": '
            b'[{"image_id": 1, "segmentation": {"size": [60, 80], "counts": " !"}}]}',
            "not GeoJSON or COCO",
        ),
        ("a.json", b'{"annotations": [3], "images": [{"file_name": "a", "id": 1}]}', "not GeoJSON"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, content, words):
    path = tmp_path / name
    content(path) if callable(content) else path.write_bytes(content)
    with pytest.raises((FileError, NoCellsError), match=rf"{name}.*({words})"):
        read_regions(path, tmp_path / "a.tif", section())


@pytest.mark.parametrize("length", [63, 64, 70, 100, 129, 152, 153, 171])
def test_regions_that_are_cut_off_are_named(tmp_path, length, caplog):
    """What was lost could be the plane that it belongs to."""
    corners = np.array([[10, 10], [30, 10], [30, 30]]) + 0.25
    path = tmp_path / "a.roi"
    roi = ImagejRoi.frompoints(corners, name="cell")
    roi.z_position = 3
    roi.tofile(path)
    content = path.read_bytes()
    assert length < len(content)
    path.write_bytes(content[:length])
    with pytest.raises(FileError, match=r"a\.roi is not a region that ImageJ wrote, or is damaged"):
        read_regions(path, path, section())
    assert not caplog.records


def test_archives_of_macos(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cell.roi", rectangle(5, 5, 20, 20, name="cell").tobytes())
        archive.writestr("__MACOSX/._cell.roi", b"\0\5\x16\7 attributes of the file")
    (cell,) = read_regions(path, path, section()).cells
    assert (cell.name, cell.size) == ("cell", 400)


def test_features_that_are_nowhere(tmp_path):
    path = tmp_path / "a.geojson"
    nowhere = {"type": "Feature", "geometry": None, "properties": {"name": "lost"}}
    path.write_text(json.dumps([nowhere, feature((5, 5), "cell")]))
    regions = read_regions(path, path, section())
    assert len(regions.cells) == 1
    assert "lost was not used" in regions.notes[0]


@pytest.mark.parametrize("height", [60, "60", 60.0])
def test_sizes_of_coco_as_text(tmp_path, height):
    annotation = {"id": 1, "image_id": 1, "segmentation": [[10, 10, 30, 10, 30, 30, 10, 30]]}
    image = {"id": 1, "file_name": "C:\\data\\a.tif", "height": height, "width": 80}
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"images": [image], "annotations": [annotation]}))
    assert only(read_regions(path, tmp_path / "a.tif", section())).sum() == 400
    image["height"] = 61
    path.write_text(json.dumps({"images": [image], "annotations": [annotation]}))
    with pytest.raises(FileError, match=r"of 80 x 61 pixels, but .* has 80 x 60"):
        read_regions(path, tmp_path / "a.tif", section())


def test_archive_without_regions(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.tif", b"II*")
    with pytest.raises(FileError, match=r"a\.zip contains no regions of ImageJ"):
        read_regions(tmp_path / "a.zip", tmp_path / "a.tif", section())


def test_archives_that_expand_are_refused(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.roi", bytes(3_000_000))
    monkeypatch.setenv("DISPR_LARGEST_GIB", "0.1")
    with pytest.raises(FileError, match=r"more than 1.6 MiB of regions"):
        read_regions(tmp_path / "a.zip", tmp_path / "a.tif", section())
