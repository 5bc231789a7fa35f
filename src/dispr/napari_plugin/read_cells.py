"""The layers of predicted cells, from a folder of predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.spacing import close
from dispr.napari_plugin.layers import DISAGREEMENT, LayerData, World
from dispr.prediction.files import PredictionFolder, opened
from dispr.prediction.shapes import SHAPE


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
    drawn = PredictionFolder(folder)
    names = drawn.names()
    world = _common_world(folder, names)
    table = {row["name"]: row for row in drawn.rows()}
    rows = [{"index": i, "name": name, **table.get(name, {})} for i, name in enumerate(names, 1)]
    count = min(drawn.shapes.count(name) for name in names)

    def probability(i: int) -> np.ndarray:
        return drawn.probability(names[i])

    def disagreement(i: int) -> np.ndarray:
        likely = probability(i)
        return np.asarray(np.rint(100 * np.minimum(likely, 1 - likely)), np.uint8)

    def consensus(i: int) -> np.ndarray:
        return (probability(i) > 0.5).astype(np.int32) * (i + 1)

    def sample(k: int, i: int) -> np.ndarray:
        return drawn.shapes.sample(names[i], k).astype(np.uint8)

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


def _common_world(folder: Path, names: Sequence[str]) -> World:
    """Give the scale of the cells' voxels; 1 where it is not known, or not one."""
    sizes = set()
    for name in names:
        spacing = opened(folder).spacing(name)
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
