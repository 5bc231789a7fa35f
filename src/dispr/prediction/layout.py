"""Where the files of a prediction are."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.metadata import read_voxel_size
from dispr.cells.spacing import Spacing
from dispr.cells.square import Grid, Square, whole_square
from dispr.errors import ConfigError, FileError
from dispr.files import read_tiff, write_tiff
from dispr.intervals.rules import Intervals, intervals_of
from dispr.names import key
from dispr.records import read_csv, read_json

SHAPE = (64, 64, 64)
TABLE = "predictions.csv"
SETTINGS = "prediction.json"
"""The table of the cells, and the record of what they were predicted with."""

NUMBERS = (
    *("samples", "seed", "frame_y_px", "frame_x_px", "frame_px", "familiarity", "voxel_size_um"),
    *(f"ellipsoid_volume_{unit}" for unit in ("voxels", "um3")),
    *(f"volume{s}_{u}" for s in ("", "_mean", "_sd", "_low", "_high") for u in ("voxels", "um3")),
    *(f"boundary{end}_voxels" for end in ("", "_low", "_high")),
)
"""Columns of the table that hold numbers, where they are there and not empty."""

AGAIN = "remove it and predict again, which writes it anew"
MOST_SAMPLES = 10**6


def sample_path(out: Path, name: str, k: int) -> Path:
    """Give the file of sample k of a cell."""
    return out / "samples" / f"{name}_{k}.tif"


def probability_path(out: Path, name: str) -> Path:
    """Give the file of a cell's ensemble mean."""
    return out / "probability" / f"{name}.tif"


def grey_path(out: Path, name: str, k: int) -> Path:
    """Give the file of the occupancies that sample k of a cell was decided from."""
    return out / "grey" / f"{name}_{k}.tif"


def write_prediction(
    out: Path,
    name: str,
    samples: np.ndarray,
    probability: np.ndarray,
    voxel_size: float | None = None,
    grey: np.ndarray | None = None,
) -> None:
    """Write the shapes of a cell; the probability last, as the sign that all are there.

    Parameters
    ----------
    out : Path
        Folder of the prediction.
    name : str
        Name of the cell.
    samples : ndarray
        bool, (K, 64, 64, 64); written as uint8, 0 and 255.
    probability : ndarray
        float, (64, 64, 64), 0 to 1; written as float32.
    voxel_size : float, optional
        Edge of a voxel in um, kept in the metadata of the files as ImageJ keeps it.
    grey : ndarray, optional
        float, (K, 64, 64, 64), 0 to 1: what the samples were decided from; written as float32.

    Raises
    ------
    FileError
        If a file cannot be written.
    """
    spacing = None if voxel_size is None else (voxel_size,) * 3
    for k, values in enumerate(() if grey is None else grey):
        write_tiff(grey_path(out, name, k), values.astype(np.float32), spacing)
    for k, sample in enumerate(samples):
        write_tiff(sample_path(out, name, k), sample.astype(np.uint8) * 255, spacing)
    write_tiff(probability_path(out, name), probability.astype(np.float32), spacing)


def read_square(out: Path, name: str) -> Square | None:
    """Read the part of a cell's crop that its shape stands on; None if it is not recorded.

    In pixels of the crop: the shape's 64 x 64 columns fill it.
    """
    found = _read_place(out, name)
    return None if found is None else found[0]


def read_grid(out: Path, name: str) -> Grid | None:
    """Read where a shape stands on the grid of a 3D cell that fills its crop.

    Returns
    -------
    (float, float, float) or None
        First row, first column and edge of the shape's square in voxels of the 3D cell; None where
        the two stand on one grid, as all shapes of earlier versions do.
    """
    found = _read_place(out, name)
    if found is None:
        return None
    square, whole = found[0], whole_square(found[1])
    if square == whole:
        return None
    scale = SHAPE[1] / whole.edge
    return (square.y - whole.y) * scale, (square.x - whole.x) * scale, square.edge * scale


def _read_place(out: Path, name: str) -> tuple[Square, tuple[int, int]] | None:
    place = read_settings(out).get("squares", {}).get(name)
    if place is None:
        return None
    y, x, edge, (height, width) = place
    return Square(y, x, edge), (height, width)


def read_settings(out: Path) -> dict[str, Any]:
    """Read the record of a prediction, `prediction.json`; empty if there is none.

    Returns
    -------
    dict
        The settings that the shapes were drawn with; `cells`, a checksum of each cell's input;
        `voxel_sizes_um`; `squares`; `intervals`, those of the model. The last three are absent from
        records of earlier versions.

    Raises
    ------
    FileError
        If it is damaged.
    """
    path = out / SETTINGS
    if not path.is_file():
        return {}
    remedy = "predict to another folder"
    record = read_json(path, remedy=remedy)
    parts = [record.get(key, {}) for key in ("cells", "voxel_sizes_um", "squares")]
    ensemble = record.get("ensemble", 1)
    if not (
        all(isinstance(part, dict) for part in parts)
        and isinstance(record.get("model", ""), str)
        and isinstance(ensemble, int)
        and 0 < ensemble <= MOST_SAMPLES
        and all(isinstance(digest, str) for digest in parts[0].values())
        and all(size is None or _is_size(size) for size in parts[1].values())
        and all(_is_place(place) for place in parts[2].values())
    ):
        raise FileError(f"{path} is damaged; {remedy}.")
    return record


def _is_place(place: Any) -> bool:
    return (
        isinstance(place, list)
        and len(place) == 4
        and isinstance(place[3], list)
        and len(place[3]) == 2
        and all(isinstance(n, int) and abs(n) < 2**31 for n in (*place[:3], *place[3]))
        and min(place[2], *place[3]) > 0
    )


def _is_size(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def read_predictions(out: Path) -> list[dict[str, str]]:
    """Read the rows of `predictions.csv`; none if it is not there.

    Raises
    ------
    FileError
        If it is damaged or another table.
    """
    if not (out / TABLE).is_file():
        return []
    rows = read_csv(out / TABLE, ["name"], numbers=NUMBERS, unique="name", remedy=AGAIN)
    # Earlier versions called the boundary surface.
    old = re.compile(r"^surface(\w*_voxels)$")
    return [{old.sub(r"boundary\1", name): row[name] for name in row} for row in rows]


def read_intervals(out: Path) -> Intervals | None:
    """Read what the intervals of a prediction's measures are made by; None if none were fitted.

    Raises
    ------
    FileError
        If the record is damaged.
    """
    try:
        return intervals_of(read_settings(out))
    except ConfigError as error:
        raise FileError(f"{out / SETTINGS} is damaged: {error}") from error


def read_spacing(out: Path, name: str) -> Spacing | None:
    """Read the size of a predicted cell's voxels in um; None if it is not known.

    Raises
    ------
    FileError
        If the ensemble mean is missing or no TIFF file.
    """
    return read_voxel_size(probability_path(out, name)).spacing


def sample_paths(out: Path, names: Collection[str]) -> dict[str, list[Path]]:
    """List the files of the samples of some cells, by name and in order.

    Raises
    ------
    FileError
        If a cell has none, or one is missing: as the others show, or as `prediction.json` says.
    """
    numbers: dict[str, set[int]] = {name: set() for name in names}
    folder = out / "samples"
    for path in folder.iterdir() if folder.is_dir() else ():
        match = re.fullmatch(r"(.+)_(\d+)\.tif", key(path.name))
        if match is not None and match[1] in numbers:
            numbers[match[1]].add(int(match[2]))
    stated = _stated_ensemble(out)
    found = {}
    for name, known in numbers.items():
        count = max(max(known, default=0) + 1, stated)
        missing = next((k for k in range(count) if k not in known), None)
        if missing is not None:
            raise FileError(
                f"{sample_path(out, name, missing)} does not exist; predict the cell again."
            )
        found[name] = [sample_path(out, name, k) for k in range(count)]
    return found


def _stated_ensemble(out: Path) -> int:
    """Give the number of samples that the record of a prediction states; 0 if it states none."""
    return int(read_settings(out).get("ensemble", 0))


def read_samples(out: Path, name: str) -> np.ndarray:
    """Read all shapes of a cell, bool, (K, 64, 64, 64).

    Occupied is what exceeds half of a file's maximum, so that shapes that another program wrote as
    0 and 1 are read as well as those of 0 and 255.

    Raises
    ------
    FileError
        If there are none, one is missing, or a file is not a volume.
    """
    volumes = [_read(path) for path in sample_paths(out, [name])[name]]
    return np.stack([volume > volume.max() / 2 for volume in volumes])


def read_probability(out: Path, name: str) -> np.ndarray:
    """Read the ensemble mean of a cell, float32, (64, 64, 64), 0 to 1.

    Raises
    ------
    FileError
        If it is missing or no volume.
    """
    return _read(probability_path(out, name)).astype(np.float32)


def read_prediction(out: Path, name: str, count: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Read the samples and probability of a cell; None unless `count` samples and it are there."""
    paths = [probability_path(out, name), *(sample_path(out, name, k) for k in range(count))]
    if not all(path.is_file() for path in paths):
        return None
    samples = np.stack([_read(sample_path(out, name, k)) > 127 for k in range(count)])
    return samples, read_probability(out, name)


def has_grey(out: Path, name: str, count: int) -> bool:
    """Tell whether the occupancies of `count` samples of a cell are there."""
    return all(grey_path(out, name, k).is_file() for k in range(count))


def read_grey(out: Path, name: str, count: int) -> np.ndarray | None:
    """Read the occupancies of a cell's samples, (K, 64, 64, 64); None unless all are there."""
    if not has_grey(out, name, count):
        return None
    return np.stack([_read(grey_path(out, name, k)) for k in range(count)])


def drop_grey(out: Path, name: str) -> None:
    """Remove the occupancies of a cell's samples."""
    k = 0
    while grey_path(out, name, k).exists():
        grey_path(out, name, k).unlink()
        k += 1


def has_shapes(out: Path) -> bool:
    """Tell whether a folder holds any shape."""
    return any(any((out / part).glob("*.tif")) for part in ("samples", "probability"))


def predicted_names(out: Path) -> list[str]:
    """List the predicted cells by name.

    Raises
    ------
    FileError
        If the folder holds no predictions.
    """
    folder = out / "probability"
    names = sorted(key(p.stem) for p in folder.glob("*.tif") if not p.name.startswith("."))
    if not names:
        raise FileError(f"{out} holds no predictions (probability/NAME.tif); predict to it first.")
    return names


def _read(path: Path) -> np.ndarray:
    volume = read_tiff(path)
    if volume.shape != SHAPE:
        raise FileError(f"{path} has the shape {volume.shape}, not 64 x 64 x 64.")
    return volume
