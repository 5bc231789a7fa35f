"""The layers of a predicted field of view, from its folder."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.arrays import SIZE
from dispr.errors import DisprError, FileError
from dispr.files import read_tiff
from dispr.labelled.field.meshes import MESHES
from dispr.labelled.field.volume import written_volume
from dispr.labelled.field.written import read_field_record, read_field_rows
from dispr.labelled.read import read_image
from dispr.labelled.selection import recorded
from dispr.napari_plugin.layers import (
    LayerData,
    World,
    labels_layer,
    numbers_layer,
    surface_layer,
)
from dispr.napari_plugin.summary import measured
from dispr.packages import zarr_package
from dispr.surface.mesh import Mesh


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
    record = read_field_record(folder)
    size = record.get("pixel_size_um")
    world = World() if size is None else World(float(size), unit="um")
    rows: list[dict[str, Any]] = [dict(row) for row in read_field_rows(folder)]
    layers: list[LayerData] = []
    image = _image(folder, record)
    if image is not None:
        known = {"name": f"image: {folder.name}", "colormap": "gray", **world.plane()}
        layers.append((image, known, "image"))
    volume = _volume(folder)
    meshes = _meshes(folder, rows, size)
    if volume is None:
        depth = max((int(row["frame_px"]) for row in rows), default=SIZE)
    else:
        depth = len(volume)
    unit = "px" if size is None else "µm"
    name = f"surfaces by spread, {unit}: {folder.name}"
    surfaces = surface_layer(meshes, size or 1.0, depth, world, name)
    if volume is not None:
        # Surfaces and labels at once would hide one another.
        name = f"3D labels: {folder.name}"
        shown = surfaces is None
        layers.append(labels_layer(volume, rows, world, name, opacity=0.5, visible=shown))
    if surfaces is not None:
        layers.append(surfaces)
    predicted = [row for row in rows if _measured(row)]
    return [*layers, numbers_layer(predicted, world, f"numbers: {folder.name}")]


def _measured(row: dict[str, Any]) -> bool:
    """Tell whether a cell of a table was predicted."""
    return not math.isnan(measured(row, "volume").value)


def _image(folder: Path, record: dict[str, Any]) -> np.ndarray | None:
    """Read the image of a field, if it still is where it was seen from the folder."""
    if not record.get("image"):
        return None
    path = folder / str(record["image"])
    try:
        return read_image(path, recorded(record)) if os.path.exists(path) else None
    except DisprError:
        return None


def _volume(folder: Path) -> np.ndarray | None:
    """Read the label volume, of either format; None if none was written."""
    path = written_volume(folder)
    if path is None:
        return None
    if path.is_file():
        return read_tiff(path)
    zarr = zarr_package(str(path))
    try:  # of both versions
        return np.asarray(zarr.open_array(str(path / "0"), mode="r"))
    except Exception as error:  # zarr and its codecs raise many types
        raise FileError(f"{path} is damaged; predict the field again.") from error


def _meshes(folder: Path, rows: list[dict[str, Any]], size: float | None) -> dict[int, Mesh]:
    """Read the surfaces of a field's cells that know their spread, by label."""
    import trimesh

    found = {}
    for row in rows:
        path = folder / MESHES / f"{row.get('name')}.glb"
        if not os.path.isfile(path):  # also where the name is too long
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
