"""Predict a folder of cells to files; resumable."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from dispr._version import __version__
from dispr.cells.arrays import SIZE
from dispr.cells.classes import parse_name
from dispr.cells.folder import CellFiles
from dispr.cells.framing import Crop, Framing, frame_crops, plane_shown, shown
from dispr.cells.planes import TABLE as TABLE_OF_PLANES
from dispr.cells.read import Cell, read_crop
from dispr.cells.spacing import Spacing
from dispr.cells.square import Square, whole_square
from dispr.checksums import guard
from dispr.errors import ArrayError, ConfigError, FileError
from dispr.familiarity.reference import familiarity_of
from dispr.familiarity.traits import describe_all
from dispr.files import make_folder, write_csv
from dispr.images.read import read_numbers
from dispr.intervals.rules import NOWHERE, calibrated
from dispr.model.weights import fingerprint
from dispr.morphology.ellipsoid import ellipsoid_volume
from dispr.morphology.voxels import fragment_share, surface
from dispr.names import key
from dispr.prediction.files import SETTINGS, TABLE, PredictionFolder
from dispr.prediction.model import Model, cell_digest
from dispr.prediction.planes import numbered_planes
from dispr.prediction.prediction import COUNTS, Prediction
from dispr.prediction.settings import PredictionSettings
from dispr.progress import SILENT, Progress
from dispr.records import changes, taken_up

DRAWING = 1
"""Raised when a version draws other shapes from the same settings and inputs."""

MISSING = {"drawing": 1}
"""Settings that records of earlier versions do not state."""


def predict_folder(
    model: Model,
    files: Sequence[CellFiles],
    out: Path,
    settings: PredictionSettings | None = None,
    *,
    framed: bool = False,
    save_grey: bool = False,
    remarks: Mapping[str, str] | None = None,
    command: str = "",
    progress: Progress = SILENT,
) -> list[dict[str, Any]]:
    """Predict cells and write their shapes, probabilities and a table.

    All inputs are read and checked before anything is computed. Cells that an earlier call with
    the same settings has finished are kept, unless their image or mask has changed since.

    Parameters
    ----------
    model : Model
        What to predict with.
    files : sequence of CellFiles
        Cells; no objects are needed. Masks of further planes of a cell are kept by its shapes
        (`Model.predict`).
    out : Path
        Folder to write: `samples/NAME_K.tif`, `probability/NAME.tif`, `predictions.csv`.
    settings : PredictionSettings, optional
        What to draw, and of which pixels. Where the pixel size is known, the model is shown the
        square that it was trained on (`dispr.cells.framing`).
    framed : bool
        The crops are such squares already, and are shown as they are.
    save_grey : bool
        Write what the samples were decided from too, `grey/NAME_K.tif`, float32, 0 to 1.
    remarks : mapping of str to str, optional
        By name, what else to beware of in a cell; part of its warning.
    command : str
        The command that was run, for the record of the prediction.
    progress : Progress
        Told of the cells, or parts of one, that are done, and of what was assumed
        (`dispr.progress`).

    Returns
    -------
    list of dict
        The rows of `predictions.csv`: name, class, group (where there are groups), samples,
        seed, sampler, steps, ellipsoid_volume_voxels (`ellipsoid_volume`), volume_voxels of the
        consensus, mean and standard deviation (n - 1; empty for one sample) of the samples'
        volumes in voxels, boundary_voxels of the consensus
        (`dispr.morphology.voxels.surface`); volume_min_voxels to volume_max_voxels and
        boundary_min_voxels to boundary_max_voxels, the range of samples and consensus;
        volume_low_voxels to volume_high_voxels and boundary_low_voxels to
        boundary_high_voxels, the 90 % intervals, empty where the model is not calibrated or the
        cell has a warning; calibrated (`dispr.intervals.rules.calibrated`);
        fragment_share, the largest share of a sample's voxels outside its largest piece;
        frame_y_px, frame_x_px and frame_px, first row,
        first column and edge of the square of the crop, in its pixels, that the shapes' 64 x 64
        columns stand on (it may reach beyond the crop); familiarity, the share of training cells
        whose sections are more unusual (`dispr.familiarity.statistics`), and a warning where it is
        too low to trust the shapes, both empty where nothing is known of the model's training
        cells. The warning also says what does not fit the frame. Where the pixel size is known,
        also voxel_size_um and the volumes as volume_um3, volume_mean_um3 and so on.

    Raises
    ------
    FileError
        If a file cannot be read or written.
    ConfigError
        If a setting is invalid, or the folder holds predictions with other settings.
    """
    settings = settings or PredictionSettings()
    settings.check(model.config)
    _refuse_namesakes(files)
    cells, known, squares, told, sizes, shapes = _read(model, files, settings, framed, progress)
    sampler = settings.sampler or model.config.sampler
    steps = str(settings.steps or model.config.sampling_steps)
    drawing = {
        "drawing": DRAWING,
        "model": fingerprint(model.network),
        "precision": model.precision,
        "ensemble": model.samples_of(settings.ensemble),
        "seed": settings.seed,
        "sampler": "" if model.config.deterministic else sampler,
        "steps": "" if model.config.deterministic else steps,
    }
    digests = {
        file.name: cell_digest(cell.image, cell.mask, planes)
        for file, cell, planes in zip(files, cells, known, strict=True)
    }
    intervals = None if model.intervals is None else model.intervals.to_dict()
    about = {"dispr": __version__, "intervals": intervals, "made": _made(model, command)}
    drawn = PredictionFolder(out)
    same = _begin(drawn, drawing, about, digests, sizes, squares, shapes)
    looks = _familiarity(model, cells)
    for name, warning in told.items():
        all_told = (warning, (remarks or {}).get(name, ""), looks[name]["warning"])
        looks[name]["warning"] = " ".join(filter(None, all_told))

    # Of the square that the shapes' 64 x 64 columns stand on, in pixels of the crop.
    place = {
        name: {"frame_y_px": square.y, "frame_x_px": square.x, "frame_px": square.edge}
        for name, square in squares.items()
    }

    count = model.samples_of(settings.ensemble)
    grouped = any(file.group for file in files)
    rows: dict[str, dict[str, Any]] = {}
    todo: list[int] = []

    report = progress.counter("Predicting", len(files))

    def finish(i: int, prediction: Prediction) -> None:
        name = files[i].name
        prediction = replace(prediction, warning=looks[name]["warning"])
        volumes = prediction.samples.sum(axis=(1, 2, 3))
        several = len(volumes) > 1
        rows[name] = {
            "name": name,
            "class": parse_name(name).cell_class or "",
            **({"group": files[i].group} if grouped else {}),
            "samples": len(prediction.samples),
            **{key: drawing[key] for key in ("seed", "sampler", "steps")},
            "ellipsoid_volume_voxels": ellipsoid_volume(cells[i].mask),
            "volume_voxels": int(prediction.consensus.sum()),
            "volume_mean_voxels": round(float(volumes.mean()), 1),
            "volume_sd_voxels": round(float(volumes.std(ddof=1)), 1) if several else "",
            "boundary_voxels": surface(prediction.consensus),
            **_intervals(prediction),
            "fragment_share": round(max(map(fragment_share, prediction.samples)), 5),
            **({"sections": 1 + len(known[i])} if any(known) else {}),
            **place[name],
            **looks[name],
        }
        rows[name] |= _micrometres(rows[name], prediction.voxel_size)

    for i, file in enumerate(files):
        before = None
        if file.name in same:
            before = drawn.finished(file.name, count)
        if save_grey and not drawn.has_grey(file.name, count):
            before = None
        if before is None:
            todo.append(i)
        else:
            size = sizes[file.name]
            if not _states(drawn.spacing(file.name), size):
                drawn.write(file.name, *before, size, drawn.grey(file.name, count))
            finish(i, Prediction(*before, model.intervals, size))
            report(1.0)
    share = 1 / (count * model.evaluations(settings.steps))
    try:
        if todo:
            predictions = model.predict_each(
                np.stack([cells[i].image for i in todo]),
                np.stack([cells[i].mask for i in todo]),
                settings,
                classes=[parse_name(files[i].name).cell_class for i in todo]
                if model.config.num_classes
                else None,
                voxel_sizes=[sizes[files[i].name] for i in todo],
                known=[known[i] for i in todo],
                keep_grey=save_grey,
                on_step=lambda shapes: report(shapes * share),
            )
            for i, prediction in zip(todo, predictions, strict=True):
                name = files[i].name
                drawn.write(
                    name,
                    prediction.samples,
                    prediction.probability,
                    prediction.voxel_size,
                    prediction.grey,
                )
                finish(i, prediction)
    finally:
        # The table of an interrupted run lists what is there.
        table = [rows[file.name] for file in files if file.name in rows]
        others = [
            row
            for row in drawn.rows()
            if row["name"] not in digests and drawn.probability_path(row["name"]).is_file()
        ]
        if table:
            write_csv(out / TABLE, [*others, *table])
    return table


def _read(
    model: Model,
    files: Sequence[CellFiles],
    settings: PredictionSettings,
    framed: bool,
    progress: Progress,
) -> tuple[
    list[Cell],
    list[dict[int, np.ndarray]],
    dict[str, Square],
    dict[str, str],
    dict[str, float | None],
    dict[str, list[int]],
]:
    """Read cells as the model is shown them.

    Returns
    -------
    cells : list of Cell
        Without objects.
    known : list of dict of int to ndarray
        Masks of the further planes of each, (64, 64) uint8, by their numbers.
    squares : dict of str to Square
        The part of its crop that a cell is shown in.
    warnings : dict of str to str
        What a user must know of each cell.
    sizes : dict of str to (float or None)
        Edge of its voxels in um.
    shapes : dict of str to [int, int]
        Rows and columns of its crop.
    """
    crops = [read_crop(file, settings.pixel_size) for file in files]
    try:
        if framed:
            squares = tuple(whole_square(crop.shape) for crop in crops)
            framing = Framing(squares, ("",) * len(crops))
        else:
            framing = frame_crops(crops, model.frame, settings.frame)
        arrays = [shown(crop, square) for crop, square in zip(crops, framing.squares, strict=True)]
        known = [
            _read_planes(file, crop, square)
            for file, crop, square in zip(files, crops, framing.squares, strict=True)
        ]
    except ArrayError as error:
        raise FileError(str(error)) from error
    for note in framing.notes:
        progress.note(note)
    names = [file.name for file in files]
    found = list(zip(names, crops, framing.squares, strict=True))
    return (
        [Cell(name, *pair) for name, pair in zip(names, arrays, strict=True)],
        known,
        {name: square for name, _, square in found},
        dict(zip(names, framing.warnings, strict=True)),
        {name: _voxel_size(crop, square) for name, crop, square in found},
        {name: list(crop.shape) for name, crop, _ in found},
    )


def _voxel_size(crop: Crop, square: Square) -> float | None:
    return None if crop.pixel_size is None else crop.pixel_size * square.edge / SIZE


def _read_planes(file: CellFiles, crop: Crop, square: Square) -> dict[int, np.ndarray]:
    """Read the masks of a cell's further planes as the model is shown them."""
    by_number = {p.plane: p.mask for p in file.planes if p.plane is not None}
    by_height = {p.height_um: p.mask for p in file.planes if p.plane is None}
    if len(by_number) + len(by_height) < len(file.planes):
        raise FileError(f"{TABLE_OF_PLANES} gives two masks for one plane of {file.name}.")
    try:
        found = numbered_planes(by_number, by_height, _voxel_size(crop, square))
    except ConfigError as error:
        raise FileError(f"{TABLE_OF_PLANES}, cell {file.name}: {error}") from error
    return {
        number: plane_shown(crop, read_numbers(path), square, str(path))
        for number, path in found.items()
    }


def _familiarity(model: Model, cells: Sequence[Cell]) -> dict[str, dict[str, Any]]:
    """Give the columns that say how like the training cells each cell is, by its name."""
    reference = familiarity_of(model.about)
    if reference is None:
        return {cell.name: {"familiarity": "", "warning": ""} for cell in cells}
    looks = describe_all([cell.image for cell in cells], [cell.mask for cell in cells])
    scores = reference.score_looks(looks)
    return {
        cell.name: {
            "familiarity": round(float(score), 3),
            "warning": reference.warning_of(seen),
        }
        for cell, seen, score in zip(cells, looks, scores, strict=True)
    }


def _intervals(prediction: Prediction) -> dict[str, Any]:
    """Give the columns of ranges and intervals; empty ones where there are none."""
    intervals = None if prediction.warning else prediction.intervals
    columns: dict[str, Any] = {}
    for quantity in COUNTS:
        low, high = NOWHERE if intervals is None else prediction.interval(quantity)
        least, most = prediction.sample_range(quantity)
        for side, end in {"min": least, "max": most, "low": low, "high": high}.items():
            columns[f"{quantity}_{side}_voxels"] = "" if math.isnan(end) else round(end, 1)
    return columns | {"calibrated": calibrated(intervals, len(prediction.samples))}


def _micrometres(row: dict[str, Any], voxel_size: float | None) -> dict[str, Any]:
    """Give the columns of volumes in um3; none without a voxel size.

    There are none of the surface: a number of boundary voxels is not an area.
    """
    if voxel_size is None:
        return {}
    found: dict[str, Any] = {"voxel_size_um": float(f"{voxel_size:.6g}")}
    ends = ("", "_mean", "_sd", "_min", "_max", "_low", "_high")
    for kind in ("ellipsoid_volume", *(f"volume{end}" for end in ends)):
        voxels = row[f"{kind}_voxels"]
        value = "" if voxels == "" else float(f"{voxels * voxel_size**3:.6g}")
        found[f"{kind}_um3"] = value
    return found


def _states(stated: Spacing | None, voxel_size: float | None) -> bool:
    """Tell whether files state this voxel size."""
    if stated is None or voxel_size is None:
        return stated is None and voxel_size is None
    return all(math.isclose(edge, voxel_size, rel_tol=1e-5) for edge in stated)


def _refuse_namesakes(files: Sequence[CellFiles]) -> None:
    seen: dict[str, CellFiles] = {}
    for file in files:
        # Windows and macOS take names for one that differ in capitals alone.
        other = seen.setdefault(key(file.name).casefold(), file)
        if other is file:
            continue
        if other.name == file.name:
            raise ConfigError(
                f"{file.image} and {other.image} have the same name; predict the parts of the "
                "data to separate folders."
            )
        raise ConfigError(
            f"the names of {file.image} and {other.image} differ only in upper and lower case, "
            "and their results would have the same file name on Windows and macOS; rename one of "
            "them."
        )


def _begin(
    drawn: PredictionFolder,
    settings: dict[str, Any],
    about: dict[str, Any],
    digests: dict[str, str],
    sizes: dict[str, float | None],
    squares: dict[str, Square],
    shapes: dict[str, list[int]],
) -> set[str]:
    """Claim the folder, or make sure that it holds a run with the same settings.

    Returns the names of the cells whose image and mask are those of an earlier call.
    """
    record = drawn.path / SETTINGS
    before = drawn.settings
    if changes(before, settings, absent=MISSING):
        if drawn.has_shapes():
            taken_up(record, "predictions", settings, MISSING)
        before = {}  # a record of nothing
    make_folder(drawn.path)
    guard(drawn.path)
    known: dict[str, str] = before.get("cells", {})
    same = {name for name, digest in digests.items() if known.get(name) == digest}
    # Nothing of another image must be taken for this one's if this call is cut short: its row, its
    # shapes and the record go in this order.
    rows = drawn.rows()
    kept = [row for row in rows if row["name"] in same or _is_other(drawn, row["name"], digests)]
    if len(kept) < len(rows):
        if kept:
            write_csv(drawn.path / TABLE, kept)
        else:
            (drawn.path / TABLE).unlink()
    for name in digests.keys() - same:
        drawn.remove(name, int(before.get("ensemble", settings["ensemble"])))
    if before:  # what drew the shapes that are kept is named too
        runs = list(before.get("made", {}).get("runs", []))
        whole = digests.keys() <= same and all(
            drawn.probability_path(name).is_file() for name in digests
        )
        about["made"]["runs"] = runs if whole and runs else [*runs, *about["made"]["runs"]]
    others = {n: at for n, at in before.get("squares", {}).items() if n not in digests}
    cells = {
        **about,
        "cells": {**known, **digests},
        "voxel_sizes_um": {**before.get("voxel_sizes_um", {}), **sizes},
        "squares": others
        | {name: [at.y, at.x, at.edge, shapes[name]] for name, at in squares.items()},
    }
    drawn.write_settings({**settings, **cells})
    return same


def _is_other(drawn: PredictionFolder, name: str, digests: Mapping[str, str]) -> bool:
    """Tell whether the row of a cell that is not predicted now is still of something."""
    return name not in digests and drawn.probability_path(name).is_file()


def _made(model: Model, command: str) -> dict[str, Any]:
    """Give what the record tells people of a prediction: model, training cells, command, date."""
    found: dict[str, Any] = {
        "network": type(model.network).__name__,
        "deterministic": model.config.deterministic,
        "weights": str(model.about.get("name") or ""),
    }
    if model.frame is not None:
        found |= {"trained_on": model.frame.cells, "frame_um": round(model.frame.edge_um, 3)}
    date = datetime.now().astimezone().isoformat("T", "minutes")
    return found | {"runs": [{"command": command, "date": date}] if command else []}
