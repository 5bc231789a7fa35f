"""Open a folder that `dispr predict` wrote, of a field of view or of single cells."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.spacing import close
from dispr.errors import DisprError, FileError
from dispr.fields.folder import RECORD, TABLE
from dispr.fields.meshes import MESHES
from dispr.fields.read import read_field
from dispr.fields.volume import FORMATS
from dispr.files import read_tiff
from dispr.meshes.mesh import Mesh
from dispr.napari_plugin.layers import (
    DISAGREEMENT,
    LayerData,
    World,
    labels_layer,
    numbers_layer,
    surface_layer,
)
from dispr.napari_plugin.summary import measured
from dispr.prediction.folder import SETTINGS
from dispr.prediction.folder import TABLE as PREDICTIONS
from dispr.prediction.layout import (
    SHAPE,
    predicted_names,
    read_probability,
    read_samples,
    read_spacing,
    sample_path,
)

PathOrPaths = str | Sequence[str]
Reader = Callable[[PathOrPaths], list[LayerData]]


def get_reader(path: PathOrPaths) -> Reader | None:
    """Give the function that reads a path, or None for what is no folder of predictions.

    Parameters
    ----------
    path : str or sequence of str
        What a user opened in napari or dropped on it.
    """
    return read_folders if all(_is_ours(folder) for folder in _folders(path)) else None


def read_folders(path: PathOrPaths) -> list[LayerData]:
    """Read folders of predictions.

    Raises
    ------
    FileError
        If a file is missing or damaged.
    """
    return [
        layer
        for folder in _folders(path)
        for layer in (read_field_folder if _is_field(folder) else read_cells_folder)(folder)
    ]


def read_field_folder(folder: Path) -> list[LayerData]:
    """Show a predicted field: its image where that still is, surfaces, 3D labels with the table.

    All layers are in um, or in pixels where their size is not known. The imaged plane is at 0.

    Parameters
    ----------
    folder : Path
        With `field.json`, `cells.csv`, `labels.ome.tif`, `meshes/` and so on.

    Raises
    ------
    FileError
        If a file is missing or damaged.
    """
    record = _record(folder)
    size = record.get("pixel_size_um")
    world = World() if size is None else World(float(size), unit="um")
    rows = _table(folder / TABLE)
    layers: list[LayerData] = []
    image = _image(folder, record)
    if image is not None:
        known = {"name": f"image: {folder.name}", "colormap": "gray", **world.plane()}
        layers.append((image, known, "image"))
    volume = _volume(folder)
    meshes = _meshes(folder, rows, size)
    if volume is None:
        depth = max((int(row["frame_px"]) for row in rows), default=SHAPE[0])
    else:
        depth = len(volume)
        name = f"3D labels: {folder.name}"
        layers.append(labels_layer(volume, rows, world, name, opacity=0.5))
    unit = "px" if size is None else "µm"
    name = f"surfaces by spread, {unit}: {folder.name}"
    # Surfaces and labels at once would hide one another.
    surfaces = surface_layer(meshes, size or 1.0, depth, world, name, visible=volume is None)
    if surfaces is not None:
        layers.append(surfaces)
    predicted = [row for row in rows if _measured(row)]
    return [*layers, numbers_layer(predicted, world, f"numbers: {folder.name}")]


def read_cells_folder(folder: Path) -> list[LayerData]:
    """Show predicted cells, one at a time, with a slider to go from cell to cell.

    Files are read when they are looked at. Of one cell, volumes are (Z, Y, X); of N cells (N, Z,
    Y, X); the samples have another axis in front, along which a slider goes from one to the next.

    Parameters
    ----------
    folder : Path
        With `probability/` and `samples/`.

    Returns
    -------
    list of LayerData
        The probability; where the samples differ, in percent; the samples, 1 inside; the
        consensus, whose labels are the numbers of the cells, from 1, with the rows of
        `predictions.csv` as features; the names. Lengths are in um where all cells have voxels
        of one known size, else in voxels.

    Raises
    ------
    FileError
        If a file is missing or damaged.
    """
    names = predicted_names(folder)
    world = _common_world(folder, names)
    table = {row.get("name"): row for row in _table(folder / PREDICTIONS)}
    rows = [{"index": i, "name": name, **table.get(name, {})} for i, name in enumerate(names, 1)]
    count = len(read_samples(folder, names[0]))
    missing = [
        path
        for name in names
        for path in (sample_path(folder, name, k) for k in range(count))
        if not path.is_file()
    ]
    if missing:
        raise FileError(f"{missing[0]} does not exist; predict the cell again.")

    def probability(i: int) -> np.ndarray:
        return read_probability(folder, names[i])

    def disagreement(i: int) -> np.ndarray:
        likely = probability(i)
        return np.asarray(np.rint(100 * np.minimum(likely, 1 - likely)), np.uint8)

    def consensus(i: int) -> np.ndarray:
        return (probability(i) > 0.5).astype(np.int32) * (i + 1)

    def sample(k: int, i: int) -> np.ndarray:
        grey = read_tiff(sample_path(folder, names[i], k))
        return np.asarray(grey > grey.max() / 2, np.uint8)

    cells = range(len(names))
    single = len(names) == 1
    place = _stacked(world, 0 if single else 1)
    title = names[0] if single else folder.name
    axes = () if single else ("cell",)
    zyx = ("z", "y", "x")
    samples = [_lazy(partial(sample, k), np.uint8, cells) for k in range(count)]
    layers: list[LayerData] = [
        (
            _lazy(probability, np.float32, cells),
            {
                "name": f"probability: {title}",
                "contrast_limits": (0.0, 1.0),
                # In 3D, the surface of what most samples agree on.
                "rendering": "iso",
                "iso_threshold": 0.5,
                "axis_labels": (*axes, *zyx),
                **place,
            },
            "image",
        ),
        (
            _lazy(disagreement, np.uint8, cells),
            {
                "name": f"samples that differ, %: {title}",
                "contrast_limits": (0, 50),
                "colormap": DISAGREEMENT,
                "blending": "additive",
                "visible": False,
                "axis_labels": (*axes, *zyx),
                **place,
            },
            "image",
        ),
        (
            _stack(samples),
            {
                "name": f"samples: {title}",
                "visible": False,
                "opacity": 0.5,
                "axis_labels": ("sample", *axes, *zyx),
                **_stacked(world, 1 if single else 2),
            },
            "labels",
        ),
        (
            _lazy(consensus, np.int32, cells),
            {
                "name": f"consensus: {title}",
                "visible": False,
                "opacity": 0.5,
                "features": _columns(rows),
                "axis_labels": (*axes, *zyx),
                **place,
            },
            "labels",
        ),
    ]
    return layers if single else [*layers, _names_layer(names, title, place, (*axes, *zyx))]


def _folders(path: PathOrPaths) -> list[Path]:
    """Give the folders that are meant by paths: their own, or that of one of our records."""
    paths = [Path(path)] if isinstance(path, str) else [Path(one) for one in path]
    return [one.parent if one.name in (RECORD, SETTINGS) else one for one in paths]


def _is_ours(folder: Path) -> bool:
    """Tell whether a path is a folder of predictions, without reading much."""
    if not folder.is_dir():
        return False
    if _is_field(folder):
        return True
    return (folder / PREDICTIONS).is_file() and any((folder / "probability").glob("*.tif"))


def _is_field(folder: Path) -> bool:
    if not ((folder / RECORD).is_file() and (folder / TABLE).is_file()):
        return False
    try:
        return "field" in _record(folder)
    except DisprError:
        return False


def _record(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{folder / RECORD} cannot be read; predict the field again.") from error
    return record if isinstance(record, dict) else {}


def _table(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [dict(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error) as error:
        raise FileError(f"{path} cannot be read; predict to this folder again.") from error


def _measured(row: dict[str, Any]) -> bool:
    """Tell whether a cell of a table was predicted."""
    return not math.isnan(measured(row, "volume").value)


def _image(folder: Path, record: dict[str, Any]) -> np.ndarray | None:
    """Read the image of a field, if it still is where it was seen from the folder."""
    if not record.get("image"):
        return None
    path = folder / str(record["image"])
    try:
        return read_field(path, record.get("channel")) if path.is_file() else None
    except DisprError:
        return None


def _volume(folder: Path) -> np.ndarray | None:
    """Read the label volume, of either format; None if none was written."""
    if (folder / FORMATS["tif"]).is_file():
        return read_tiff(folder / FORMATS["tif"])
    path = folder / FORMATS["zarr"]
    if not path.is_dir():
        return None
    try:
        import zarr
    except ImportError as error:
        raise FileError(f"{path} needs another package: pip install 'dispr[zarr]'.") from error
    return np.asarray(zarr.open_array(str(path / "0"), mode="r"))


def _meshes(folder: Path, rows: list[dict[str, Any]], size: float | None) -> dict[int, Mesh]:
    """Read the surfaces of a field's cells that know their spread, by label."""
    import trimesh

    found = {}
    for row in rows:
        path = folder / MESHES / f"{row.get('name')}.glb"
        if not path.is_file():
            continue
        try:
            mesh: Any = trimesh.load(path, force="mesh", process=False)
        except Exception as error:  # trimesh raises many types for a damaged file
            raise FileError(f"{path} is damaged; predict the field again.") from error
        attributes = {name.lower(): v for name, v in mesh.vertex_attributes.items()}
        spread = attributes.get("_spread")
        found[int(row["label"])] = Mesh(
            np.asarray(mesh.vertices, float),
            np.asarray(mesh.faces),
            "voxel" if size is None else "um",
            None if spread is None else np.asarray(spread, float).ravel(),
        )
    return found


def _common_world(folder: Path, names: Sequence[str]) -> World:
    """Give the scale of the cells' voxels; 1 where it is not known, or not one."""
    sizes = set()
    for name in names:
        spacing = read_spacing(folder, name)
        sizes.add(None if spacing is None else spacing[-1])
    first = sizes.pop()
    if first is None or any(size is None or not close(first, size) for size in sizes):
        return World()
    return World(first, unit="um")


def _stacked(world: World, more: int) -> dict[str, Any]:
    """Give the settings of volumes (..., Z, Y, X) with some axes more."""
    return {
        "scale": (1.0,) * more + (world.scale,) * 3,
        "units": ("pixel",) * more + (world.unit,) * 3,
    }


def _lazy(read: Callable[[int], np.ndarray], dtype: Any, cells: Sequence[int]) -> Any:
    """Stack volumes that are read when they are looked at; one volume is read at once."""
    if len(cells) == 1:
        return read(0)
    import dask
    import dask.array as da

    delayed = dask.delayed(read, pure=True, traverse=False)
    return da.stack([da.from_delayed(delayed(i), SHAPE, dtype) for i in cells])


def _stack(volumes: Sequence[Any]) -> Any:
    if isinstance(volumes[0], np.ndarray):
        return np.stack(volumes)
    import dask.array as da

    return da.stack(volumes)


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Turn rows into columns; numbers where all that is stated is numbers."""
    columns: dict[str, list[Any]] = {}
    for name in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(name, "") for row in rows]
        try:
            columns[name] = [float("nan") if v == "" else float(v) for v in values]
        except ValueError:
            columns[name] = [str(v) for v in values]
        if all(v == "" for v in values):
            del columns[name]
    columns["index"] = [int(row["index"]) for row in rows]
    return columns


def _names_layer(
    names: Sequence[str], title: str, place: dict[str, Any], axes: tuple[str, ...]
) -> LayerData:
    """Write the name of each cell beside it, in the plane that napari shows first."""
    z = (SHAPE[0] - 1) // 2
    points = np.array([(i, z, 2, SHAPE[2] / 2) for i in range(len(names))], float)
    known = {
        "name": f"names: {title}",
        "features": {"name": list(names)},
        "text": {"string": "{name}", "color": "white", "size": 10},
        "size": 0,
        "axis_labels": axes,
        **place,
    }
    return points, known, "points"
