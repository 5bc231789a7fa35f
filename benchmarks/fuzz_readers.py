"""The readers that `fuzz.py` tries, and small valid files for them."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import tifffile
from PIL import Image

from dispr.cells.groups import read_groups
from dispr.cells.planes import find_planes
from dispr.cells.unpack import unzip
from dispr.checksums import check
from dispr.cli.main import main as command_line
from dispr.diffusion.config import DiffusionConfig
from dispr.errors import ConfigError, DisprError
from dispr.familiarity.reference import SHIPPED, load_familiarity
from dispr.files import read_tiff, write_csv
from dispr.images.omezarr import fields_of_plate, labels_in_zarr
from dispr.images.read import look, read_greys, read_numbers, read_size
from dispr.intervals.rules import intervals_of
from dispr.journal import Journal
from dispr.labelled.channels import Taken
from dispr.labelled.read import read_image, read_labels
from dispr.labelled.regions import read_regions
from dispr.labelled.selection import Selection
from dispr.labelled.stack import plan
from dispr.labelled.stack.classes import read_classes
from dispr.labelled.stack.manifest import read_manifest, summary
from dispr.measurements.folder import is_kept_row, read_record
from dispr.model.config import ModelConfig
from dispr.model.published_checkpoint import complete_flags, read_state_dict
from dispr.model.weights import (
    Weights,
    build_network,
    fill_network,
    load_weights,
    save_torch,
    save_weights,
)
from dispr.napari_plugin.read_cells import read_cells_folder
from dispr.napari_plugin.read_field import read_field_folder
from dispr.network.config import CascadeConfig, UNetConfig
from dispr.network.shape_decoder import ShapeDecoderConfig
from dispr.network.shapr import ShaprConfig
from dispr.prediction.files import PredictionFolder
from dispr.records import taken_up
from dispr.report.fieldmap import field_map
from dispr.report.sources import find_sources
from dispr.scores.intervals import stated_intervals
from dispr.scores.shape import METRICS
from dispr.simulation.folder import simulate_folder
from dispr.study.feature_table import read_table
from dispr.study.folds import read_split
from dispr.study.shape_tables import over_folds, read_scores
from dispr.training.checkpoint import load_checkpoint
from dispr.training.log import RunLog

Read = Callable[[Path], Any]

GREYS = (np.add.outer(np.arange(24) ** 2, np.arange(37) * 3) % 251).astype(np.uint8)
LABELS = np.kron(np.arange(6).reshape(2, 3), np.ones((12, 12), int)).astype(np.uint8)


class Reader(NamedTuple):
    """A function that reads a file, and valid files for it.

    Attributes
    ----------
    file : str
        Name of the file.
    valid : list of bytes
        What it may hold.
    read : callable
        Reads it, given its path.
    beside : str
        A folder that `make` made, a copy of which it is put into.
    """

    file: str
    valid: list[bytes]
    read: Read
    beside: str = ""


def make(room: Path) -> None:
    """Make small folders as commands write them."""
    _make_zarr(room / "im.zarr")
    config = ModelConfig(ShapeDecoderConfig(channels=4), diffusion=None)
    weights, cells, fields = room / "w.safetensors", room / "cells", room / "fields"
    state = build_network(config).state_dict()
    save_weights(weights, Weights(config, state))
    save_torch(room / "published.pt", state)
    few = ["--weights", str(weights), "--device", "cpu", "--no-report"]
    predicted, field = room / "predicted", str(fields / "field_000.tif")
    labels = ["--labels", str(fields / "labels" / "field_000.tif")]
    train = ["--preset", "decoder", "--steps", "2", "--device", "cpu", "--log-interval", "1"]
    for arguments in (
        ["simulate", "-o", str(cells), "-n", "12", "--seed", "3"],
        ["simulate", "-o", str(room / "one"), "-n", "1", "--seed", "3"],
        ["simulate", "-o", str(fields), "--fields", "1", "-n", "3", "--seed", "3"],
        ["predict", str(cells), "-o", str(predicted), "--split", "test", *few],
        ["measure", str(predicted), "-o", str(predicted / "measurements.csv"), "--jobs", "1"],
        ["predict", field, *labels, "-o", str(room / "field"), *few],
        ["train", str(cells), "-o", str(room / "run"), *train],
    ):
        said = io.StringIO()
        with (
            patch("sys.argv", ["dispr", *arguments]),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            try:
                command_line()
            except SystemExit as end:
                if end.code:
                    raise SystemExit(f"{' '.join(arguments)}: {said.getvalue()}") from end


def _part(path: Path) -> None:
    kept = Journal(path, is_kept_row)
    for name in kept:
        kept.get(name)


def _cells(path: Path) -> None:
    drawn = PredictionFolder(path.parent)
    for name in drawn.cells:
        drawn.square(name)
    drawn.rows()


def readers(room: Path) -> dict[str, Reader]:
    """Give all readers by name, with valid files from what `make` made."""

    def held(*names: str) -> list[bytes]:
        return [(room / name).read_bytes() for name in names]

    name = next((room / "predicted" / "probability").glob("*.tif")).stem
    part = room / "a.csv.part"
    Journal(part).append({f"cells {k}": {"digest": "ab", "row": {"volume": 1.5}} for k in range(3)})
    images = every(look, read_size, read_greys, read_numbers, read_tiff)
    tables = _tables()
    return {
        "TIFF": Reader("a.tif", _tiffs(), images),
        "PNG": Reader("a.png", _pngs(), every(look, read_greys, read_numbers)),
        "OME-Zarr": Reader("zarr.json", held("im.zarr/zarr.json"), _of(_zarr), "im.zarr"),
        "OME-Zarr array": Reader(
            "0/zarr.json",
            held("im.zarr/0/zarr.json"),
            lambda path: _zarr(path.parents[1]),
            "im.zarr",
        ),
        "OME-Zarr part": Reader(
            "0/c/0/0", held("im.zarr/0/c/0/0"), lambda path: _zarr(path.parents[3]), "im.zarr"
        ),
        "JPEG": Reader("a.jpg", _jpegs(), every(look, read_greys)),
        "NPY": Reader("a.npy", _npys(), every(read_image, read_labels)),
        "Cellpose": Reader("a_seg.npy", _cellposes(), every(read_image, read_labels)),
        "zip": Reader("a.zip", _zips(), _unpack),
        "ImageJ regions": Reader("a.roi", _rois(), _outlines),
        "ImageJ archive": Reader("a.zip", [_zipped({"a.roi": one}) for one in _rois()], _outlines),
        "GeoJSON": Reader("a.geojson", _geojsons(), _outlines),
        "COCO": Reader("a.json", [_json(COCO)], _outlines),
        "OME-XML": Reader("a.companion.ome", [_COMPANION.encode()], _ome_xml),
        "weights": Reader("a.safetensors", _networks(*held("w.safetensors")), _weights),
        "published checkpoint": Reader("a.pt", held("published.pt"), _convert),
        "familiarity": Reader("a.json", [_unsealed(SHIPPED.read_bytes())], load_familiarity),
        "checkpoint": Reader("checkpoint.pt", held("run/checkpoint.pt"), _of(load_checkpoint)),
        "log": Reader("train_log.csv", held("run/train_log.csv"), _log),
        "prediction record": Reader("prediction.json", held("predicted/prediction.json"), _record),
        "prediction table": Reader(
            "predictions.csv",
            held("predicted/predictions.csv"),
            _of(every(lambda folder: PredictionFolder(folder).rows(), stated_intervals)),
        ),
        "report table": Reader(
            "predictions.csv", held("predicted/predictions.csv"), _of(find_sources), "predicted"
        ),
        "measures table": Reader(
            "measurements.csv", held("predicted/measurements.csv"), _of(find_sources), "predicted"
        ),
        "measures record": Reader(
            "measurements.json", held("predicted/measurements.json"), _of(read_record), "predicted"
        ),
        "cells": Reader("cells.jsonl", held("predicted/cells.jsonl"), _cells, "predicted"),
        "part": Reader("a.csv.part", [part.read_bytes()], _part),
        "checksums": Reader(
            "dispr_checksums.txt",
            held("predicted/dispr_checksums.txt"),
            lambda path: check(path.parent / "prediction.json"),
        ),
        "field record": Reader("field.json", held("field/field.json"), _of(field_map), "field"),
        "field table": Reader("cells.csv", held("field/cells.csv"), _of(field_map), "field"),
        "field report": Reader("cells.csv", held("field/cells.csv"), _of(find_sources), "field"),
        "field layers": Reader(
            "cells.csv", held("field/cells.csv"), _of(read_field_folder), "field"
        ),
        "field layers record": Reader(
            "field.json", held("field/field.json"), _of(read_field_folder), "field"
        ),
        "cells layers": Reader(
            "predictions.csv",
            held("predicted/predictions.csv"),
            _of(read_cells_folder),
            "predicted",
        ),
        "simulation": Reader(
            "simulation.json",
            held("one/simulation.json"),
            lambda path: simulate_folder(path.parent, 1, 3),
            "one",
        ),
        "stacks record": Reader("stacks.json", [_json(STACKS)], _of(_plan)),
        "stacks table": Reader("manifest.csv", [tables["manifest"]], _of(_manifest)),
        "folds": Reader("folds.csv", [tables["folds"]], read_split),
        "features": Reader("features.csv", [tables["features"]], read_table),
        "scores": Reader("scores.csv", [tables["scores"]], lambda p: over_folds(read_scores(p))),
        "classes": Reader("classes.csv", [tables["classes"]], read_classes),
        "groups": Reader("groups.csv", [tables["groups"]], lambda p: read_groups(p, ["a", "b"])),
        "planes": Reader(
            "planes.csv",
            [f"name,mask,height_um\n{name},simulation.json,1.5\n".encode()],
            lambda path: find_planes(path.parent, [name]),
            "one",
        ),
    }


def _make_zarr(path: Path) -> None:
    import zarr

    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    group.create_array("0", data=GREYS, chunks=(16, 16))
    levels = [
        {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.25, 0.25]}]}
    ]
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}


def _outlines(path: Path) -> None:
    image = Taken(GREYS, Selection(plane=0), planes=2)
    read_regions(path, path.with_name("a.tif"), image)


def every(*functions: Read) -> Read:
    """Call all, also where one refuses."""

    def call(path: Path) -> None:
        refused = None
        for function in functions:
            try:
                function(path)
            except DisprError as error:
                refused = error
        if refused is not None:
            raise refused

    return call


_zarr = every(read_image, read_labels, read_size, look, fields_of_plate, labels_in_zarr)


def _of(function: Read) -> Read:
    """Read the folder that a file is in."""
    return lambda path: function(path.parent)


def _convert(path: Path) -> None:
    """Read a published checkpoint as `dispr convert` does at first."""
    read_state_dict(path)
    with contextlib.suppress(ConfigError):  # it is of another network
        complete_flags(path, {})


def _weights(path: Path) -> None:
    found = load_weights(path)
    fill_network(build_network(found.config), found.state, str(path))


def _record(path: Path) -> None:
    about = PredictionFolder(path.parent).settings
    intervals_of(about)
    for name in about.get("squares", {}):
        PredictionFolder(path.parent).square(name)
        PredictionFolder(path.parent).grid(name)


def _log(path: Path) -> None:
    found = RunLog(path.parent, 10**9)
    found.best("train", "loss")
    found.add("train", 3, {"loss": 0.5})


def _unpack(path: Path) -> None:
    folder = path.with_name("unpacked")
    try:
        unzip(path, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_COMPANION = (
    '<OME UUID="urn:a"><Image><Pixels DimensionOrder="XYZCT" SizeX="37" SizeY="24" SizeZ="1" '
    'SizeC="1" SizeT="1" PhysicalSizeX="0.2" PhysicalSizeXUnit="um"><TiffData IFD="0"/></Pixels>'
    "</Image></OME>"
)


def _ome_xml(path: Path) -> None:
    """Read an OME-TIFF whose metadata are in another file."""
    image = path.with_name("a.ome.tif")
    if not image.is_file():
        about = f'<OME><BinaryOnly MetadataFile="{path.name}"/></OME>'
        tifffile.imwrite(image, GREYS, description=about, metadata=None)
    every(look, read_size, read_greys)(image)


STACKS: dict[str, Any] = {
    "version": plan.VERSION,
    "settings": {"channel": None, "seed": 0},
    "classes": [["a", 1, "discocyte"]],
    "stacks": {"a": [["a.tif", 100, 1], ["b.tif", 100, 1]]},
    "frame_um": 11.0,
    "splits": {"a": "train"},
}


def _plan(folder: Path) -> None:
    run = {key: STACKS[key] for key in ("version", "settings", "classes", "stacks")}
    record = taken_up(folder / plan.RECORD, "cells of stacks", run)
    assert record is not None
    plan._plan_of(record, folder / plan.RECORD)


def _manifest(folder: Path) -> None:
    rows = [row for rows in read_manifest(folder).values() for row in rows]
    summary(rows, plan.Plan(11.0, {"a": "train", "b": "test"}))


def _json(values: Any) -> bytes:
    return json.dumps(values, indent=1).encode()


def _unsealed(content: bytes) -> bytes:
    """Take the checksum out of a record, as those of earlier versions have none."""
    record = json.loads(content)
    record.pop("sha256", None)
    return _json(record)


def _networks(decoder: bytes) -> list[bytes]:
    """Give weights of a small network of each kind."""
    unet = UNetConfig(channel_mult=(1, 1), attention_levels=(1,), patch=8, pooling="isotropic")
    widths = dict.fromkeys(("encoder_channels", "features", "fine_channels"), 8)
    cascade = CascadeConfig(coarse=8, channels=32, channel_mult=(1, 1), **widths)
    noise = {"prediction": "occupancy", "variance": "fixed-small", "loss": "cross-entropy"}
    configs = (
        ModelConfig(unet, DiffusionConfig(steps=50)),
        ModelConfig(cascade, DiffusionConfig(steps=50, low=-1.0, clip=False, **noise)),
        ModelConfig(ShaprConfig(), None),
    )
    found = [decoder]
    for config in configs:
        weights = Weights(config, build_network(config).state_dict())
        found.append(_written(partial(save_weights, weights=weights), ".safetensors"))
    return [_unsealed_weights(content) for content in found]


def _unsealed_weights(content: bytes) -> bytes:
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"].pop("sha256", None)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def _tables() -> dict[str, bytes]:
    place = {"volume_um3": "90.5", "voxel_um": "0.172", "frame_px": "64", "pieces": "1"}
    rows: dict[str, list[Mapping[str, Any]]] = {
        "manifest": [
            {"stack": s, "label": k, "split": "", "name": "", "reason": "too small: 3 um3", **place}
            for s in "ab"
            for k in (1, 2)
        ],
        "folds": [
            {"name": f"{kind}{k:06d}", "repeat": repeat, "fold": k % 2}
            for repeat in (0, 1)
            for kind in ("B_keratocytes", "0.00_discocyte")
            for k in range(4)
        ],
        "features": [{"name": n, "sample": k, "a": 0.5, "b": ""} for n in "xy" for k in (0, 1)],
        "scores": [
            {"name": n, "shape": "consensus", "method": "fast", "fold": f, "class": "discocytes"}
            | dict.fromkeys(METRICS, 0.25)
            for f, n in enumerate("xyz")
        ],
        "classes": [{"stack": "a.tif", "label": k, "type": "discocyte"} for k in (1, 2)],
        "groups": [{"cell": "a.tif", "group": "drug"}, {"cell": "b", "group": ""}],
    }
    return {
        name: _written(lambda path, its=its: write_csv(path, its)) for name, its in rows.items()
    }


def _written(write: Callable[[Path], Any], suffix: str = ".csv") -> bytes:
    """Give what a function writes to a file."""
    with tempfile.TemporaryDirectory() as room:
        path = Path(room) / f"a{suffix}"
        write(path)
        return path.read_bytes()


def _tiffs() -> list[bytes]:
    stack: np.ndarray = np.stack([GREYS, GREYS // 2, GREYS // 3])
    grey: dict[str, Any] = {"photometric": "minisblack"}
    options: Sequence[tuple[np.ndarray, dict[str, Any]]] = (
        (GREYS, {}),
        (GREYS.astype(np.uint16), {"compression": "zlib", "predictor": 2}),
        (stack, {**grey, "compression": "zlib"}),
        (stack, {"imagej": True, "resolution": (5, 5), "metadata": {"axes": "ZYX", "unit": "um"}}),
        (stack, {**grey, "ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 0.2}}),
        (stack, {**grey, "tile": (16, 16), "bigtiff": True}),
        (GREYS.astype(np.float32), {"byteorder": ">", "rowsperstrip": 5}),
        (LABELS > 2, {"photometric": "miniswhite"}),
        (LABELS, {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)}),
        (np.stack([GREYS] * 3, -1), {"photometric": "rgb", "compression": "lzma"}),
    )
    found = [
        _written(lambda path, a=a, o=o: tifffile.imwrite(path, a, **o), ".tif") for a, o in options
    ]
    return [*found, _picture(Image.fromarray(GREYS), "TIFF", compression="tiff_lzw")]


def _pngs() -> list[bytes]:
    grey = Image.fromarray(GREYS)
    pictures = [grey, *(grey.convert(mode) for mode in ("1", "P", "LA", "RGB", "RGBA"))]
    deep = Image.fromarray(GREYS.astype(np.uint16) * 200)
    return [_picture(picture, "PNG") for picture in (*pictures, deep)]


def _picture(picture: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def _npys() -> list[bytes]:
    arrays = (LABELS, GREYS.astype(">u2"), GREYS.astype(np.float64), np.asfortranarray(LABELS > 2))
    return [_saved(array) for array in arrays]


def _cellposes() -> list[bytes]:
    content = {
        "masks": LABELS.astype(np.uint16),
        "img": GREYS,
        "outlines": LABELS > 3,
        "filename": "a.tif",
        "flows": [np.zeros((4, 5), np.float32), [], None],
        "diameter": np.float64(30.0),
    }
    return [_saved(np.array(content, object))]


def _saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _jpegs() -> list[bytes]:
    found = []
    for array in (GREYS, np.dstack([GREYS, GREYS // 2, GREYS])):
        for more in ({}, {"progressive": True}):
            buffer = io.BytesIO()
            Image.fromarray(array).save(buffer, "JPEG", **more)
            found.append(buffer.getvalue())
    return found


def _rois() -> list[bytes]:
    """Give regions of ImageJ of several types: integer and other corners, a box, several parts."""
    from roifile import ROI_TYPE, ImagejRoi

    corners = np.array([[3, 4], [20, 5], [18, 19], [4, 17]])
    box = {"left": 3, "top": 4, "right": 20, "bottom": 19, "version": 228}
    parts = ImagejRoi(roitype=ROI_TYPE.RECT, **box)
    parts.multi_coordinates = np.array([0, 3, 4, 1, 20, 4, 1, 20, 19, 4], np.float32)
    parts.shape_roi_size = len(parts.multi_coordinates)
    return [
        ImagejRoi.frompoints(corners, name="a").tobytes(),
        ImagejRoi.frompoints(corners + 0.25, position=1).tobytes(),
        ImagejRoi(roitype=ROI_TYPE.OVAL, **box).tobytes(),
        parts.tobytes(),
    ]


def _geojsons() -> list[bytes]:
    ring = [[3, 4], [20, 5], [18, 19], [4, 17], [3, 4]]
    hole = [[8, 8], [12, 8], [12, 12], [8, 8]]
    shapes = [
        {"type": "Polygon", "coordinates": [ring, hole], "plane": {"c": -1, "z": 0, "t": 0}},
        {"type": "MultiPolygon", "coordinates": [[ring], [hole]]},
    ]
    features = [
        {"type": "Feature", "geometry": shape, "properties": {"objectType": kind, "name": "a"}}
        for shape, kind in zip(shapes, ("cell", "annotation"), strict=True)
    ]
    return [_json(features), _json({"type": "FeatureCollection", "features": features[::-1]})]


COCO = {
    "images": [{"id": 1, "file_name": "a.png", "height": 24, "width": 37}],
    "annotations": [
        {"id": 1, "image_id": 1, "segmentation": [[3, 4, 20, 5, 18, 19, 4, 17]]},
        {"id": 2, "image_id": 1, "segmentation": {"size": [24, 37], "counts": [200, 60, 628]}},
    ],
}


def _zips() -> list[bytes]:
    cells = dict.fromkeys(("cells/image/a.tif", "cells/mask/a.tif"), bytes(range(256)))
    return [_zipped(cells, method) for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]


def _zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
