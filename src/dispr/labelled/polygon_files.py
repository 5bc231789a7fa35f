"""Outlines of cells in JSON: GeoJSON, as QuPath writes it, and COCO annotations."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import FileError
from dispr.labelled.outlines import Outline, ellipse, polygons
from dispr.limits import largest_text, raise_it
from dispr.names import key
from dispr.records import parse_json

KINDS = ("cell", "detection", "annotation")
"""Objects of QuPath that can be cells; those further left are preferred where there are some."""

NO_CELLS = ("tile", "pathtileobject", "tmacore", "tmacoreobject", "root", "pathrootobject")
"""Objects of QuPath that are none."""

Found = tuple[list[Outline], list[str]]


def read_polygons(path: Path, image: Path, shape: tuple[int, int]) -> Found:
    """Read the outlines of a GeoJSON or COCO file.

    Parameters
    ----------
    path : Path
        `.geojson` or `.json`.
    image : Path
        The image that they are of, which COCO names.
    shape : (int, int)
        Its rows and columns.

    Returns
    -------
    outlines : list of Outline
        In the order of the file. Of QuPath's objects the cells (not their nuclei), else the
        detections, else the annotations.
    skipped : list of str
        What is not taken: lines and points, and annotations where there are cells.

    Raises
    ------
    FileError
        If the file is damaged, too large or of another kind.
    """
    record = _read(path)
    try:
        if isinstance(record.get("annotations"), list):
            return list(_of_coco(path, record, image, shape)), []
        return _of_geojson(path, record)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise FileError(
            f"{path} is damaged, or not GeoJSON or COCO annotations; export it again."
        ) from error


def _read(path: Path) -> dict[str, Any]:
    if path.stat().st_size > largest_text():
        raise FileError(
            f"{path} has more than {largest_text() / 2**20:.3g} MiB of text; {raise_it()}."
        )
    text = path.read_bytes().removeprefix(b"\xef\xbb\xbf").strip()
    if text.startswith(b"["):  # a list of features, as older versions of QuPath write it
        text = b'{"type": "FeatureCollection", "features": ' + text + b"}"
    try:
        return parse_json(text, own=False)
    except ValueError as error:
        raise FileError(f"{path} is damaged, or not JSON: {error}; export it again.") from error


def _of_geojson(path: Path, record: Mapping[str, Any]) -> Found:
    kinds: dict[str, list[Outline]] = {kind: [] for kind in KINDS}
    skipped = []
    features = record.get("features", [record])
    # QuPath does not state plane and time point where both are the first.
    stated = any((feature.get("geometry", feature) or {}).get("plane") for feature in features)
    first = {"z": 0, "t": 0} if stated else {}
    for number, feature in enumerate(features, start=1):
        geometry = feature.get("geometry", feature)
        about = feature.get("properties") or {}
        name = str(about.get("name") or "")
        # Its name in QuPath from 0.4 on, in 0.3, and in 0.2.
        kind = _kind(about.get("objectType") or about.get("object_type") or feature.get("id") or "")
        made = _polygons_of(geometry)
        if made is None or not kind:
            skipped.append(name or f"object {number}")
            continue
        plane = geometry.get("plane") or first
        z, t = (int(plane[axis]) if axis in plane else None for axis in "zt")
        bounds, inside = made
        kinds[kind].append(Outline(name, bounds, inside, z, t, kind=_class_of(about)))
    best = next((kind for kind in KINDS if kinds[kind]), None)
    if best is None:
        raise FileError(f"{path} contains no polygons; export the outlines of the cells.")
    for kind in KINDS:
        if kind != best:
            skipped += [one.name or f"{kind} {k}" for k, one in enumerate(kinds[kind], start=1)]
    return kinds[best], skipped


def _kind(text: str) -> str:
    """Give the kind of an object of QuPath; what says nothing counts as an annotation."""
    low = str(text).lower()
    for kind in KINDS:
        if low in (kind, f"path{kind}object"):
            return kind
    return "" if low in NO_CELLS else KINDS[-1]


def _class_of(about: Mapping[str, Any]) -> str:
    """Give the class of an object of QuPath, of which one can have several names."""
    stated = about.get("classification") or ""
    if isinstance(stated, Mapping):
        stated = stated.get("name") or stated.get("names") or ""
    return ": ".join(map(str, stated)) if isinstance(stated, list) else str(stated)


def _polygons_of(geometry: Mapping[str, Any] | None) -> Any:
    """Give bounds and inside of a geometry; None if it encloses nothing."""
    if geometry is None:  # a feature can be nowhere
        return None
    kind = geometry["type"]
    if kind == "Polygon":
        parts = [geometry["coordinates"]]
    elif kind == "MultiPolygon":
        parts = geometry["coordinates"]
    elif kind in ("Point", "MultiPoint", "LineString", "MultiLineString"):
        return None
    else:
        raise ValueError(kind)
    found = [[_ring(ring) for ring in part] for part in parts if part]
    if found and geometry.get("isEllipse") is True:  # a mark of QuPath, which writes corners too
        (left, top), (right, bottom) = found[0][0].min(axis=0), found[0][0].max(axis=0)
        if right > left and bottom > top:
            return ellipse(top, left, bottom - top, right - left)
    return polygons(found) if found else None


def _ring(corners: Sequence[Sequence[float]]) -> np.ndarray:
    ring = np.array([[float(corner[0]), float(corner[1])] for corner in corners])
    if ring.ndim != 2 or not np.isfinite(ring).all():
        raise ValueError("no corners")
    return ring


def _of_coco(
    path: Path, record: Mapping[str, Any], image: Path, shape: tuple[int, int]
) -> Iterator[Outline]:
    """Give the outlines of one image; polygons or runs of pixels (RLE)."""
    listed = record.get("images") or []
    same = [one for one in listed if _stem(str(one["file_name"])) == _stem(image.name)]
    if len(same) != 1 and len(listed) == 1 and not same:
        same = list(listed)
    if len(same) != 1:
        many = "several images" if same else "no image"
        raise FileError(f"{path} lists {many} of the name {image.name}; correct its file_name.")
    (own,) = same
    stated = int(own.get("height", shape[0])), int(own.get("width", shape[1]))
    if stated != shape:
        raise FileError(
            f"{path} is of an image of {stated[1]} x {stated[0]} pixels, but {image} has "
            f"{shape[1]} x {shape[0]}; export the annotations of this image."
        )
    listed = record.get("categories") or []
    categories = {one["id"]: str(one.get("name") or one["id"]) for one in listed}
    found = 0
    for one in record["annotations"]:
        if one["image_id"] != own["id"]:
            continue
        found += 1
        outline = one["segmentation"]
        if isinstance(outline, dict):
            made: Any = _of_runs(outline, shape)
        else:
            rings = [np.asarray(ring, float).reshape(-1, 2) for ring in outline]
            if not rings or not all(np.isfinite(ring).all() and len(ring) for ring in rings):
                raise ValueError("no corners")
            made = polygons([[ring] for ring in rings])
        number = one.get("category_id", "")
        (bounds, inside), kind = made, categories.get(number, str(number))
        if one.get("iscrowd"):  # several objects in one outline; of some programs, any mask
            kind = f"{kind} (crowd)".strip()
        yield Outline(str(one.get("id", "")), bounds, inside, kind=kind)
    if not found:
        raise FileError(f"{path} has no annotations of {image.name}; export them.")


def _of_runs(outline: Mapping[str, Any], shape: tuple[int, int]) -> Any:
    """Give bounds and inside of runs of pixels, column by column, outside and inside in turn."""
    counts = outline["counts"]
    runs = _expanded(counts) if isinstance(counts, str) else [int(n) for n in counts]
    height, width = shape
    if tuple(outline["size"]) != shape or min(runs) < 0 or sum(runs) != height * width:
        raise ValueError("runs of another image")
    ends = np.cumsum([0, *runs])
    starts, stops = ends[1:-1:2], ends[2::2]
    starts, stops = starts[stops > starts], stops[stops > starts]
    # The columns that it spans alone: an image for each cell would fill the memory.
    left, right = (starts.min() // height, -(-stops.max() // height)) if len(starts) else (0, 0)
    lengths = np.diff(np.clip(ends, left * height, right * height))
    columns = np.repeat(np.arange(len(runs)) % 2 == 1, lengths).reshape(height, -1, order="F")
    rows = columns.any(axis=1).nonzero()[0]
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, 0)
    pixels = columns[top:bottom].copy()

    def inside(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        return pixels[np.floor(y).astype(int) - top, np.floor(x).astype(int) - left]

    return (float(top), float(left), float(bottom), float(right)), inside


def _expanded(text: str) -> list[int]:
    """Read runs from text: 5 bits a character, differences from the run before the last."""
    runs: list[int] = []
    value = place = 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64 or place > 60:
            raise ValueError("no runs")
        value |= (code & 31) << place
        place += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << place
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = place = 0
    return runs


def _stem(name: str) -> str:
    return key(os.path.splitext(os.path.basename(name.replace("\\", "/")))[0])
