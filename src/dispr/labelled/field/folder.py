"""Predict a field to files; resumable.

OUT holds a folder of single-cell crops (`cells/`) and the prediction of that folder, as `dispr
predict OUT/cells -o OUT` would write it; beside them the table of the field's cells and the label
volume in which every cell stands at its place.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.folder import CellFiles
from dispr.cells.planes import TABLE as TABLE_OF_PLANES
from dispr.cells.planes import PlaneFile
from dispr.errors import ConfigError, FileError, NoCellsError
from dispr.failures import TABLE as FAILURES
from dispr.failures import Failures
from dispr.files import write_csv, write_tiff
from dispr.labelled.field.layers import Layers
from dispr.labelled.field.meshes import write_field_meshes
from dispr.labelled.field.place import FieldVolume, placed_shape
from dispr.labelled.field.prepare import PreparedField
from dispr.labelled.field.read import read_prepared
from dispr.labelled.field.settings import FieldSettings
from dispr.labelled.field.table import Row, field_rows, unit_of, voxel_edge, written_rows
from dispr.labelled.field.volume import write_volume
from dispr.labelled.find import FieldFiles
from dispr.locks import hold
from dispr.measurements.columns import is_wide
from dispr.measurements.folder import TABLE as MEASURED
from dispr.measurements.folder import digest, measure_items, read_record, write_record
from dispr.measurements.inputs import Item, find_items, with_intervals
from dispr.morphology.features import UNITS, Unit
from dispr.names import count_of
from dispr.prediction.files import SETTINGS, PredictionFolder, is_prediction
from dispr.prediction.folder import predict_folder
from dispr.prediction.model import Model
from dispr.prediction.precision import settled
from dispr.progress import SILENT, Progress
from dispr.recognition.red_cells import COLUMNS
from dispr.records import begin, read_csv, taken_up
from dispr.spool import Spool

RECORD = "field.json"
LABELS = "labels.tif"
TABLE = "cells.csv"
CROPS = "cells"
PLANES = "planes"

KEPT = 2**30
"""Bytes of fields that are kept from their check to their prediction; others are read again."""


def predict_field_files(
    model: Model,
    files: FieldFiles,
    out: Path,
    settings: FieldSettings | None = None,
    *,
    field: PreparedField | None = None,
    command: str = "",
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> list[Row]:
    """Predict the cells of a field and write all there is to say of them.

    Parameters
    ----------
    model : Model
        What to predict with.
    files : FieldFiles
        The field.
    out : Path
        Folder to write: `cells/` (crops), `samples/`, `probability/`, `predictions.csv` (as
        `predict_folder`), `labels.tif` (the labels that were used), `cells.csv`,
        `labels.ome.tif` and `meshes/`.
    settings : FieldSettings, optional
        How the field is taken apart, and what is drawn.
    field : PreparedField, optional
        The field as `read_prepared` gives it, where it was read before.
    command : str
        As for `predict_folder`.
    jobs : int, optional
        Processes that measure and mesh; as many as cores if not given.
    progress : Progress
        Told of cells and planes, and of what a user must know of the field (`dispr.progress`).

    Returns
    -------
    list of dict
        The rows of `cells.csv`, in order of the labels (`dispr.labelled.field.table.cell_row`).

    Raises
    ------
    FileError
        If a file cannot be read or written.
    ConfigError
        If a setting cannot be used, or `out` holds another field or other settings.
    """
    settings = settings or FieldSettings()
    settings.check(model.config)
    field = field or read_prepared(files, settings, model.frame)
    for note in field.notes:
        progress.note(note)
    _claim(out, field, _relative(files.image, out))
    write_labels(out / LABELS, field)
    crops = write_crops(field, out / CROPS)
    cells = [dataclasses.replace(crop, group=files.group) for crop in crops]
    predictions = predict_folder(
        model,
        cells,
        out,
        dataclasses.replace(settings, pixel_size=field.pixel_size),
        framed=True,
        remarks={cell.name: cell.warning for cell in field.predictable},
        command=command,
        progress=progress,
    )
    about = {row["name"]: row for row in predictions}
    measures = measure_field(field, out, jobs, progress) if settings.measures else {}
    overlaps = None
    if settings.volume != "none":
        overlaps = write_field_volume(field, out, settings, progress)
    if settings.meshes != "none":
        write_field_meshes(field, out, settings.meshes, jobs, progress)
    unit = unit_of(field.pixel_size)
    found = {}
    for cell in field.predictable:
        row = about.get(cell.name, {})
        found[cell.label] = {
            "measures": measures.get(cell.name)
            or _volumes(row, voxel_edge(cell, field.pixel_size), unit),
            "familiarity": row.get("familiarity", ""),
            "warning": row.get("warning", ""),
            "recognised": {name: row[name] for name in COLUMNS if name in row},
        }
    rows = written_rows(field_rows(field.cells, field.pixel_size, found, overlaps))
    if field.layers is not None:
        rows = [_with_planes(row, field.layers) for row in rows]
    if files.group:
        rows = [{"label": row["label"], "group": files.group, **row} for row in rows]
    write_csv(out / TABLE, rows)
    return rows


def _with_planes(row: Row, layers: Layers) -> Row:
    """Say of a cell of a stack which plane its section is in, and in how many it is labelled."""
    label = int(row["label"])
    section = layers.section(label)
    place = {
        "section_plane": section,
        "z_um": float(f"{section * layers.spacing[0]:.6g}"),
        "labelled_planes": len(layers.planes[label]),
    }
    items = list(row.items())
    after = 1 + [name for name, _ in items].index("x_px")
    return dict([*items[:after], *place.items(), *items[after:]])


def write_labels(path: Path, field: PreparedField) -> None:
    """Keep the labels that were used, those of a simple segmentation too."""
    few = field.labels.max() <= np.iinfo(np.uint16).max
    numbers = field.labels.astype(np.uint16 if few else np.uint32)
    spacing = None if field.pixel_size is None else (field.pixel_size,) * 3
    write_tiff(path, numbers, spacing)


def write_crops(field: PreparedField, folder: Path) -> list[CellFiles]:
    """Write the crops of a field's cells as a data set of single cells; list them."""
    spacing = None if field.pixel_size is None else (field.pixel_size,) * 3
    files: list[CellFiles] = []
    table = []
    for cell in field.predictable:
        paths = [folder / kind / f"{cell.name}.tif" for kind in ("image", "mask")]
        if not all(path.is_file() for path in paths):
            for path, array in zip(paths, field.crop(cell), strict=True):
                write_tiff(path, array, spacing)
        planes = []
        for number, mask in (
            field.layers.known(cell.label, cell.square) if field.layers else {}
        ).items():
            path = folder / PLANES / f"{cell.name}_{number:02d}.tif"
            if not path.is_file():
                write_tiff(path, mask, spacing)
            planes.append(PlaneFile(path, number, None))
            table.append(
                {"name": cell.name, "mask": path.relative_to(folder).as_posix(), "plane": number}
            )
        files.append(CellFiles(cell.name, paths[0], paths[1], planes=tuple(planes)))
    if table:
        write_csv(folder / TABLE_OF_PLANES, table)
    return files


def measure_field(
    field: PreparedField, out: Path, jobs: int | None, progress: Progress
) -> dict[str, Row]:
    """Measure the predicted shapes of a field, by name; `measurements.csv` keeps them.

    Lengths are um, or pixels of the field where these are of unknown size.
    """
    edges = {cell.name: voxel_edge(cell, field.pixel_size) for cell in field.predictable}
    items = [
        dataclasses.replace(item, spacing=(edges[item.name],) * 3, unit=unit_of(field.pixel_size))
        for item in with_intervals(find_items(out), out, PredictionFolder(out).intervals())
        if item.name in edges
    ]
    before = _measured_before(out, items)
    if before is not None:
        return before
    rows = measure_items(items, out / MEASURED, jobs=jobs, progress=progress)
    write_record(out, items)
    return {row["name"]: row for row in rows}


def _measured_before(out: Path, items: Sequence[Item]) -> dict[str, Row] | None:
    """Read the measures of an earlier run, if they are all, of all shapes as they now are."""
    known = read_record(out)
    if any(known.get(item.name, ("", ""))[1] != digest(item) for item in items):
        return None
    found = read_csv(out / MEASURED, ["name"], unique="name", remedy="remove it to measure again")
    rows: dict[str, Row] = {row["name"]: dict(row) for row in found}
    whole = rows.keys() >= {item.name for item in items} and all(map(is_wide, rows.values()))
    return rows if whole else None


def write_field_volume(
    field: PreparedField, out: Path, settings: FieldSettings, progress: Progress
) -> dict[int, float]:
    """Write the label volume from the predicted files; give the overlap of each cell by label."""
    drawn = PredictionFolder(out)
    shapes = [
        placed_shape(cell.label, cell.square, drawn.probability(cell.name), cell.height)
        for cell in field.predictable
    ]
    height, width = field.image.shape
    volume = FieldVolume(shapes, (height, width))
    count = progress.counter("Placing", volume.shape[0])
    write_volume(out, volume, settings.volume, field.pixel_size, count, settings.ome_zarr_version)
    return volume.overlaps()


def predict_fields(
    model: Model,
    fields: Sequence[FieldFiles],
    out: Path,
    settings: FieldSettings | None = None,
    **options: Any,
) -> list[Row]:
    """Predict several fields, and give the rows of all of them; see `predicted_fields`."""
    with predicted_fields(model, fields, out, settings, **options) as rows:
        return list(rows)


@contextlib.contextmanager
def predicted_fields(
    model: Model,
    fields: Sequence[FieldFiles],
    out: Path,
    settings: FieldSettings | None = None,
    *,
    failures: Failures | None = None,
    progress: Progress = SILENT,
    **options: Any,
) -> Iterator[Sequence[Row]]:
    """Predict several fields, each to `OUT/NAME`, and write one table of all cells.

    Fields without cells are left out. The memory does not grow with the number of fields.

    Parameters
    ----------
    model, fields, out, settings, progress
        As for `predict_field_files`.
    failures : Failures, optional
        Receives the fields that cannot be read or used. By default the first one stops the run,
        before anything is computed.
    **options
        Its other arguments.

    Yields
    ------
    sequence of dict
        The rows of all fields, each with the name of its field; read as they are asked for.
    """
    settings = settings or FieldSettings()
    settings.check(model.config)
    failures = Failures(strict=True) if failures is None else failures
    model = settled(model, [out / files.name for files in fields], progress)
    prepared = _prepared(model, fields, settings, failures, progress)
    done = 0
    with hold(out), Spool(out) as rows:
        for files, field in list(prepared) if failures.strict else prepared:
            found = predict_field_files(
                model, files, out / files.name, settings, field=field, progress=progress, **options
            )
            for row in found:
                rows.append({"field": files.name, **row})
            done += 1
        failures.raise_if_none_left(done)
        if not done:
            raise FileError(f"no cell of {count_of(len(fields), 'field')} can be predicted.")
        write_csv(out / TABLE, rows)
        failures.write(out / FAILURES)
        yield rows


def _prepared(
    model: Model,
    fields: Sequence[FieldFiles],
    settings: FieldSettings,
    failures: Failures,
    progress: Progress,
) -> Iterator[tuple[FieldFiles, PreparedField | None]]:
    """Read fields; those that there is no room for, all being read at once, are read again."""
    room = KEPT
    for files in fields:
        with failures.of(files.name, list(filter(None, (files.image, files.labels, files.mask)))):
            try:
                field = read_prepared(files, settings, model.frame)
            except NoCellsError as error:
                progress.note(f"{files.name} was skipped. {error}")
                continue
            room -= field.image.nbytes + field.labels.nbytes
            yield files, field if room >= 0 or not failures.strict else None


def _relative(image: Path, out: Path) -> str:
    """Give the path of an image as seen from the folder of its prediction, where there is one."""
    try:
        return Path(os.path.relpath(image, out)).as_posix()
    except ValueError:  # another drive
        return image.absolute().as_posix()


def _claim(out: Path, field: PreparedField, image: str) -> None:
    """Make sure that the folder is free or of this very field, and record the field in it."""
    path = out / RECORD
    record = {
        "field": field.checksums(),
        "cells": len(field.cells),
        "pixel_size_um": field.pixel_size,
        "frame": field.rule,
        "image": image,
        **field.which.record(),
    }
    if taken_up(path, "a field of view", {"field": record["field"]}) is None:
        if (out / CROPS).exists():
            raise ConfigError(
                f"{out / CROPS} exists but does not belong to a field; choose another folder."
            )
        if is_prediction(out) or (out / SETTINGS).exists():
            raise ConfigError(f"{out} contains predictions of single cells; choose another folder.")
    begin(path, record)


def _volumes(row: Row, edge: float, unit: Unit) -> Row:
    """Take the volumes out of a row of `predictions.csv`.

    Parameters
    ----------
    row : dict
        The row.
    edge : float
        Edge of a voxel; in units of this are the volumes.
    unit : "um" or "px"
        Its unit.
    """
    return {
        name.replace("voxels", UNITS["volume"][unit]): ""
        if value == ""
        else float(f"{value * edge**3:.6g}")
        for name, value in row.items()
        if name.startswith(("ellipsoid", "volume")) and name.endswith("_voxels")
    }
