"""OME-Zarr of all versions: the right pixels, sizes and names, or a refusal."""

import json
import shutil

import numpy as np
import pytest

from dispr.errors import FileError
from dispr.images.omezarr import fields_of_plate, labels_in_zarr, open_zarr
from dispr.images.read import channel_names, look, read_size
from dispr.labelled.channels import STACK as WANTED
from dispr.labelled.field.read import read_prepared
from dispr.labelled.field.settings import FieldSettings
from dispr.labelled.find import FieldFiles, find_fields
from dispr.labelled.read import read_image, read_labels
from dispr.labelled.selection import Selection

zarr = pytest.importorskip("zarr")

# Two channels of three planes: no two pixels alike.
MANY = np.arange(2 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 3, 20, 30)
LABELS = np.zeros((20, 30), np.uint16)
LABELS[2:9, 3:12], LABELS[11:18, 14:28] = 1, 2
VERSIONS = ("0.4", "0.5", "0.6")


def axes_of(names, unit="micrometer"):
    kinds = {"t": "time", "c": "channel"}
    return [
        {
            "name": n,
            "type": kinds.get(n, "space"),
            **({"unit": unit} if n in "zyx" and unit else {}),
        }
        for n in names
    ]


def written(path, array, names, version, scale=None, unit="micrometer", channels=(), **more):
    """Write an image with a smaller version of itself, as programs do."""
    form = 2 if version < "0.5" else 3
    group = zarr.open_group(str(path), mode="w", zarr_format=form)
    for level, data in enumerate((array, array[..., ::2, ::2])):
        encoding = {"name": "v2", "separator": "/"} if form == 2 else None
        kept = group.create_array(
            str(level),
            shape=data.shape,
            dtype=data.dtype,
            chunks=(*(1,) * (data.ndim - 2), 8, 8),
            chunk_key_encoding=encoding,
            **more,
        )
        kept[...] = data
    sizes = [2.0, 2.0] if scale is None else scale[-2:]
    fine = [1.0] * array.ndim if scale is None else scale
    coarse = [*fine[:-2], *(2 * s for s in sizes)]
    datasets = [
        {"path": str(k), "coordinateTransformations": [{"type": "scale", "scale": s}]}
        for k, s in enumerate((fine, coarse))
    ]
    image = {"name": "im", "datasets": datasets}
    if version == "0.6":
        image["coordinateSystems"] = [{"name": "physical", "axes": axes_of(names, unit)}]
        for one in datasets:
            one["coordinateTransformations"][0] |= {"input": one["path"], "output": "physical"}
    else:
        image["axes"] = axes_of(names, unit)
    about = {"multiscales": [image]}
    if channels:
        about["omero"] = {"channels": [{"label": name} for name in channels]}
    if form == 2:
        image["version"] = version
        group.attrs.update(about)
    else:
        group.attrs["ome"] = {"version": version, **about}
    return path


def described(path, version, **about):
    """Write a group that describes others."""
    group = zarr.open_group(str(path), mode="a", zarr_format=2 if version < "0.5" else 3)
    if version < "0.5":
        group.attrs.update(about)
    else:
        group.attrs["ome"] = {"version": version, **about}
    return path


@pytest.mark.parametrize("version", VERSIONS)
def test_image(tmp_path, version):
    path = written(
        *(tmp_path / "a.ome.zarr", MANY, "czyx", version, [1, 0.5, 0.25, 0.25]),
        channels=("DAPI", "membrane"),
    )
    np.testing.assert_array_equal(read_image(path, Selection("membrane", 1)), MANY[1, 1])
    np.testing.assert_array_equal(read_image(path, Selection(0), WANTED), MANY[0])
    size = read_size(path)
    assert (size.z, size.y, size.x) == (0.5, 0.25, 0.25)
    assert channel_names(path) == ("DAPI", "membrane")
    assert look(path) == (MANY.shape, np.uint16, "CZYX")
    with pytest.raises(FileError, match=r"has 2 channels and 3 planes; choose one with --channel"):
        read_image(path)


@pytest.mark.parametrize(
    ("scale", "unit", "expected"),
    [
        ([250.0, 250.0], "nanometer", 0.25),
        ([0.25, 0.25], None, None),  # no unit: not known
        ([0.25, 0.25], "micrometer", 0.25),
    ],
)
def test_pixel_size(tmp_path, scale, unit, expected):
    path = written(tmp_path / "a.zarr", MANY[0, 0], "yx", "0.5", scale, unit)
    assert read_size(path).x == pytest.approx(expected)


def test_scales_multiply(tmp_path):
    path = written(tmp_path / "a.zarr", MANY[0, 0], "yx", "0.4", [1.0, 1.0])
    attributes = json.loads((path / ".zattrs").read_text())
    whole = [{"type": "scale", "scale": [0.3, 0.3]}, {"type": "translation", "translation": [5, 5]}]
    attributes["multiscales"][0]["coordinateTransformations"] = whole
    (path / ".zattrs").write_text(json.dumps(attributes))
    assert read_size(path).y == pytest.approx(0.3)


def test_a_scale_of_other_axes_is_refused(tmp_path):
    path = written(tmp_path / "a.zarr", MANY[0, 0], "yx", "0.4", [0.2, 0.2])
    attributes = json.loads((path / ".zattrs").read_text())
    attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"] = [0.2]
    (path / ".zattrs").write_text(json.dumps(attributes))
    with pytest.raises(FileError, match=r"a\.zarr states a scale of 1 axes, but has 2"):
        read_size(path)


@pytest.mark.parametrize("more", [{}, {"shards": (16, 16)}])
def test_whole_and_sharded(tmp_path, more):
    path = written(tmp_path / "a.zarr", MANY[0, 0], "yx", "0.5", **more)
    np.testing.assert_array_equal(read_image(path), MANY[0, 0])


@pytest.mark.parametrize("version", VERSIONS)
def test_labels_inside(tmp_path, version):
    path = written(tmp_path / "a.ome.zarr", MANY[0, 0], "yx", version, [0.2, 0.2])
    described(path / "labels", version, labels=["cells"])
    written(path / "labels" / "cells", LABELS, "yx", version, [0.2, 0.2])
    assert labels_in_zarr(path) == {"cells": path / "labels" / "cells"}
    (found,) = find_fields(path)
    assert (found.name, found.image, found.labels) == ("a", path, path / "labels" / "cells")
    np.testing.assert_array_equal(read_labels(found.labels), LABELS)
    (same,) = find_fields(tmp_path)
    assert same == found
    described(path / "labels", version, labels=["cells", "nuclei"])
    written(path / "labels" / "nuclei", LABELS, "yx", version)
    with pytest.raises(FileError, match="holds the labels cells, nuclei; choose one with --labels"):
        find_fields(path)
    (found,) = find_fields(path, labels="nuclei")
    assert found.labels.name == "nuclei"
    with pytest.raises(FileError, match="and there is no file others"):
        find_fields(path, labels="others")


def test_several_images(tmp_path):
    path = described(tmp_path / "a.zarr", "0.4", **{"bioformats2raw.layout": 3})
    for k in range(3):
        written(path / str(k), MANY[0, k], "yx", "0.4", [0.1 * (k + 1)] * 2)
    with pytest.raises(FileError, match=r"contains 3 images \(0, 1, 2\); choose one with --scene"):
        read_image(path)
    np.testing.assert_array_equal(read_image(path, Selection(scene=2)), MANY[0, 2])
    assert read_size(path, 2).x == pytest.approx(0.3)
    described(path / "OME", "0.4", series=["1"])  # of which the others are labels or previews
    np.testing.assert_array_equal(read_image(path), MANY[0, 1])


@pytest.mark.parametrize("version", VERSIONS)
def test_plate(tmp_path, version):
    wells = ["A/1", "B/2"]
    plate = {"wells": [{"path": well} for well in wells], "rows": [], "columns": []}
    path = described(tmp_path / "p.zarr", version, plate=plate)
    for number, well in enumerate(wells):
        described(path / well, version, well={"images": [{"path": "0"}, {"path": "1"}]})
        for k in range(2):
            image = written(path / well / str(k), MANY[number, k], "yx", version)
            described(image / "labels", version, labels=["cells"])
            written(image / "labels" / "cells", LABELS + k, "yx", version)
    fields = find_fields(path)
    assert [field.name for field in fields] == ["A_1_0", "A_1_1", "B_2_0", "B_2_1"]
    np.testing.assert_array_equal(read_image(fields[3].image), MANY[1, 1])
    np.testing.assert_array_equal(read_labels(fields[3].labels), LABELS + 1)
    assert [field.name for field in find_fields(path, "B_*", "cells")] == ["B_2_0", "B_2_1"]
    with pytest.raises(FileError, match=r"no images that match C_\*; it has A_1_0, A_1_1, B_2_0"):
        find_fields(path, "C_*")
    assert [*fields_of_plate(path / "B" / "2")] == ["0", "1"]
    (one,) = find_fields(path / "B" / "2" / "0")
    assert one.name == "p_B_2_0"
    with pytest.raises(FileError, match="is a plate of several images; give it as DATA"):
        read_image(path)
    shutil.rmtree(path / "B" / "2")
    with pytest.raises(FileError, match=r"lacks its well B.2; copy it again"):
        find_fields(path)


def test_what_dispr_writes_is_read_back(tmp_path):
    from dispr.labelled.field.place import FieldVolume
    from dispr.labelled.field.volume import write_volume

    path = write_volume(tmp_path, FieldVolume([], (20, 30)), "zarr", 0.2)
    with pytest.raises(FileError, match="only their description"):  # no label, no part
        read_labels(path, WANTED)
    assert path.name == "labels.ome.zarr"


def test_damaged(tmp_path):
    path = written(tmp_path / "a.zarr", MANY[0, 0], "yx", "0.5")
    about = (path / "zarr.json").read_text()
    for content in ("", "{}", "[]", about[: len(about) // 2], about.replace("scale", "mapIndex")):
        (path / "zarr.json").write_text(content)
        with pytest.raises(FileError, match=r"a\.zarr (cannot be read as OME-Zarr|holds no image)"):
            read_image(path)
    (path / "zarr.json").write_text(about.replace('"path": "0"', '"path": "9"'))
    with pytest.raises(FileError, match=r"a\.zarr cannot be read as OME-Zarr"):
        read_image(path)
    (path / "zarr.json").write_text(about)
    part = path / "0" / "c" / "0" / "0"
    part.write_bytes(part.read_bytes()[:20])
    with pytest.raises(FileError, match=r"a\.zarr is damaged: a part cannot be read"):
        read_image(path)
    shutil.rmtree(path / "0" / "c")
    with pytest.raises(FileError, match=r"contains no pixels, only their description; copy"):
        read_image(path)
    (path / "zarr.json").unlink()
    with pytest.raises(FileError, match=r"a\.zarr is not an OME-Zarr, or lacks its metadata"):
        read_image(path)


def test_filters_that_could_execute_code_are_refused(tmp_path):
    path = written(tmp_path / "a.zarr", MANY[0, 0], "yx", "0.4")
    inner = path / "0" / ".zarray"
    about = json.loads(inner.read_text())
    pickle = {"id": "pickle", "protocol": 5}
    for more in ({"compressor": pickle}, {"filters": [pickle]}):
        inner.write_text(json.dumps({**about, **more}))
        with pytest.raises(FileError, match=r"a\.zarr cannot be read as OME-Zarr"):
            read_image(path)
    inner.write_text(json.dumps({**about, "filters": [{"id": "packbits"}]}))
    with pytest.raises(FileError, match=r"the compression or filter packbits, which is not read"):
        read_image(path)
    inner.write_text(json.dumps({**about, "dtype": "|O"}))
    with pytest.raises(FileError, match=r"a\.zarr "):
        read_image(path)


def test_large_parts_are_refused(tmp_path, monkeypatch):
    path = written(tmp_path / "a.zarr", MANY[0, 0], "yx", "0.4")
    inner = path / "0" / ".zarray"
    about = json.loads(inner.read_text())
    inner.write_text(json.dumps({**about, "chunks": [10**6, 10**6]}))
    with pytest.raises(FileError, match="GiB"):
        read_image(path)
    inner.write_text(json.dumps({**about, "shape": [10**6, 10**6]}))
    with pytest.raises(FileError, match="GiB"):
        read_image(path)


def test_arrays_that_are_no_images(tmp_path):
    path = written(tmp_path / "a.zarr", MANY[0, 0].astype(np.complex64), "yx", "0.5")
    with pytest.raises(FileError, match=r"a\.zarr holds no array of numbers"):
        read_image(path)


def test_the_first_of_several_pyramids_is_the_image(tmp_path):
    path = written(tmp_path / "a.zarr", MANY[0, 0], "yx", "0.4", [0.2, 0.2])
    attributes = json.loads((path / ".zattrs").read_text())
    (first,) = attributes["multiscales"]
    second = {**first, "datasets": first["datasets"][1:]}
    attributes["multiscales"] = [first, second]
    (path / ".zattrs").write_text(json.dumps(attributes))
    np.testing.assert_array_equal(read_image(path), MANY[0, 0])


def test_an_image_is_opened_once_for_a_field(tmp_path, monkeypatch):
    image = written(
        *(tmp_path / "a.zarr", MANY, "czyx", "0.4", [1, 0.5, 0.25, 0.25]), channels=("DAPI", "cell")
    )
    labels = np.zeros(MANY.shape[2:], np.uint8)
    labels[2:12, 2:12] = 1
    np.save(tmp_path / "l.npy", labels)
    opened = []

    def spy(path, scene=None):
        opened.append(path)
        return open_zarr(path, scene)

    monkeypatch.setattr("dispr.images.read.open_zarr", spy)
    files = FieldFiles("a", image, tmp_path / "l.npy")
    settings = FieldSettings(channel="cell", plane=1)
    for _ in range(2):  # what is written anew is read anew
        opened.clear()
        field = read_prepared(files, settings)
        assert opened == [image]
        np.testing.assert_array_equal(field.image, MANY[1, 1])
        assert field.pixel_size == 0.25
    channel_names(image)
    assert len(opened) == 2
