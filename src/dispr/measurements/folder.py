"""Measure the cells of a folder in parallel; resumable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dispr.cells.arrays import as_body
from dispr.cells.classes import parse_name
from dispr.cells.metadata import read_voxel_size
from dispr.cells.spacing import Spacing
from dispr.checksums import files_digest
from dispr.errors import ArrayError, ConfigError, FileError
from dispr.files import make_folder, read_tiff, write_csv, write_error
from dispr.images.read import read_greys, read_numbers
from dispr.intervals.ensemble import measure_ensemble, summarise
from dispr.intervals.rules import calibrated
from dispr.limits import largest_table
from dispr.measurements.columns import short_rows, written
from dispr.measurements.inputs import Item
from dispr.morphology.features import UNITS
from dispr.morphology.published_features import PUBLISHED_SHAPE
from dispr.processes import map_in_processes
from dispr.progress import SILENT, Progress
from dispr.records import read_json, write_json

Row = dict[str, Any]

TABLE, RECORD = "measurements.csv", "measurements.json"
"""A table of measures in the folder of a prediction, and the checksums of what was measured."""

MEASURING = 1
"""Raised when a version measures other values of the same files."""

PUBLISHED_NAMES = {"volume": "volume", "boundary": "boundary_3D"}
"""Published features that there are intervals of, by names of measures."""


class Done(NamedTuple):
    """A cell that was measured.

    Attributes
    ----------
    digest : str
        Checksum of its files and of how it was measured.
    row : dict
        Its row of the table.
    """

    digest: str
    row: Row


def measure_items(
    items: Sequence[Item],
    out: Path,
    *,
    wide: bool = True,
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> list[Row]:
    """Measure cells and write a table.

    Rows are kept in `OUT.part` while they come in. Where that file is left from an interrupted
    run, cells whose files and settings are the same are not measured again.

    Parameters
    ----------
    items : sequence of Item
        What `dispr.measurements.inputs.find_items` found, of one kind.
    out : Path
        CSV file to write.
    wide : bool
        Write all measures with all their statistics; else the short table of
        `dispr.measurements.columns`. Published features are written in any case.
    jobs : int, optional
        Processes; as many as cores if not given.
    progress : Progress
        Told of each cell (`dispr.progress`).

    Returns
    -------
    list of dict
        The rows: name, class (and split, where there are parts), the size of the voxels or pixels
        where it is known, and the measures; of predictions also what to beware of, and the volume
        of the ellipsoid on the outline. An empty text stands for what is not defined.

    Raises
    ------
    FileError
        If a file cannot be read or measured, or the table cannot be written.
    """
    make_folder(out.parent)
    part = out.with_name(out.name + ".part")
    known = read_part(part)
    count = progress.counter("Measuring", len(items))
    done: dict[int, Row] = {}
    for i, item in enumerate(items):
        before = known.get(_key(item))
        if before is not None and before.digest == digest(item):
            done[i] = before.row
            count()
    todo = [i for i in range(len(items)) if i not in done]
    try:
        file = open(part, "a", encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise write_error(part, error) from error
    try:
        with file:
            results = map_in_processes(measure_item, [items[i] for i in todo], jobs)
            for i, result in zip(todo, results, strict=True):
                done[i] = result.row
                file.write(kept_line(_key(items[i]), result) + "\n")
                file.flush()
                count()
    finally:
        if not part.stat().st_size:
            part.unlink()
    rows = [done[i] for i in range(len(items))]
    if not wide and not items[0].published:
        rows = short_rows(rows, sections=items[0].kind == "sections")
    write_csv(out, rows)
    part.unlink(missing_ok=True)
    return rows


def measure_item(item: Item) -> Done:
    """Measure one cell.

    Raises
    ------
    FileError
        If a file cannot be read, or holds nothing that could be measured.
    """
    mark = digest(item)
    try:
        found = _MEASURES[item.kind](item)
    except (ArrayError, ConfigError) as error:
        path = item.paths[0]
        text = str(error)
        raise FileError(text if str(path) in text else f"{path}: {text}") from error
    about: Row = {"name": item.name, "class": parse_name(item.name).cell_class or ""}
    if item.split:
        about["split"] = item.split
    if item.group:
        about["group"] = item.group
    return Done(mark, about | {name: written(value) for name, value in found.items()})


def digest(item: Item) -> str:
    """Give a checksum of all that a row depends on.

    Raises
    ------
    FileError
        If a file cannot be read.
    """
    settings = (
        *(MEASURING, item.kind, item.published, item.spacing, item.unit),
        *(item.intervals, item.ellipsoid, item.warning, item.group),
    )
    return files_digest(item.paths, repr(settings))


def write_record(folder: Path, items: Sequence[Item]) -> None:
    """Keep what the table of measures in the folder of a prediction was made from."""
    record = {item.name: [files_digest(item.paths), digest(item)] for item in items}
    write_json(folder / RECORD, record)


def read_record(folder: Path) -> dict[str, tuple[str, str]]:
    """Read what `write_record` wrote, if the table is there: checksums of files and all, by name.

    Raises
    ------
    FileError
        If it is damaged.
    """
    path = folder / RECORD
    if not (path.is_file() and (folder / TABLE).is_file()):
        return {}
    remedy = "remove it to measure again"
    found = {}
    for name, marks in read_json(path, remedy=remedy).items():
        if not isinstance(marks, list) or list(map(type, marks)) != [str, str]:
            raise FileError(f"{path} is damaged: it contains no checksums of {name}; {remedy}.")
        found[name] = marks[0], marks[1]
    return found


def _prediction(item: Item) -> Row:
    probability = read_tiff(item.paths[0])
    volumes = [read_tiff(path) for path in item.paths[1:]]
    for path, volume in zip(item.paths, (probability, *volumes), strict=True):
        if volume.ndim != 3 or volume.shape != probability.shape:
            raise FileError(f"{path} has the shape {volume.shape}; predict the cell again.")
    # A shape may be empty, and then says so in the table.
    samples = [volume > volume.max() / 2 for volume in volumes]
    consensus = probability > 0.5
    spacing = item.spacing or read_voxel_size(item.paths[0]).spacing
    row: Row = {
        "samples": len(samples),
        "calibrated": calibrated(item.intervals, len(samples)),
        "warning": item.warning,
        **_sizes(spacing, item),
    }
    if item.published:
        known = None if item.intervals is None else item.intervals.named(PUBLISHED_NAMES)
        row["calibrated"] = row["calibrated"].replace("all", "volume")
        of_samples = [_published(body) for body in samples]
        return row | summarise(PUBLISHED_SHAPE, _published(consensus), of_samples, known)
    row |= _ellipsoid(item, spacing)
    return row | measure_ensemble(consensus, samples, spacing, item.intervals, item.unit)


def _ellipsoid(item: Item, spacing: Spacing | None) -> Row:
    """Give the column of the ellipsoid's volume; none where the prediction does not state it."""
    if item.ellipsoid is None:
        return {}
    edges = spacing or (1.0,) * 3
    unit = UNITS["volume"][item.unit if spacing else "voxel"]
    return {f"ellipsoid_volume_{unit}": item.ellipsoid * math.prod(edges)}


def _shape(item: Item) -> Row:
    from dispr.morphology.shape import measure

    path = item.paths[0]
    body = as_body(read_numbers(path), str(path))
    spacing = item.spacing or read_voxel_size(path).spacing
    return _sizes(spacing, item) | measure(body, spacing, published=item.published)


def _section(item: Item) -> Row:
    from dispr.cells.folder import CellFiles
    from dispr.cells.read import read_mask, read_original_pixel_size
    from dispr.morphology.section import measure_section

    image, mask = item.paths
    read_mask(mask)  # whose refusals name the file
    given = None if item.spacing is None else item.spacing[2]
    size = read_original_pixel_size(CellFiles(item.name, image, mask), given)
    row: Row = {} if size is None or item.published else {"pixel_size_um": size}
    return row | measure_section(
        read_greys(image), read_numbers(mask), size, published=item.published
    )


_MEASURES: dict[str, Callable[[Item], Row]] = {
    "predictions": _prediction,
    "shapes": _shape,
    "sections": _section,
}


def _published(body: np.ndarray) -> dict[str, float]:
    from dispr.morphology.published import published_shape_features

    if not body.any():
        return dict.fromkeys((feature.name for feature in PUBLISHED_SHAPE), math.nan)
    return published_shape_features(body)


def _sizes(spacing: Spacing | None, item: Item) -> Row:
    """Give the columns of the voxel size; published features are in voxels in any case."""
    if spacing is None or item.published:
        return {}
    return {f"voxel_{axis}_{item.unit}": edge for axis, edge in zip("zyx", spacing, strict=True)}


def _key(item: Item) -> str:
    return f"{item.kind} {item.split} {item.name}"


def read_part(path: Path) -> dict[str, Done]:
    """Read the rows of an interrupted run; lines that are damaged or cut short are left out."""
    found: dict[str, Done] = {}
    if path.is_file() and path.stat().st_size <= largest_table():
        for line in path.read_bytes().decode("utf-8", "replace").split("\n"):
            content, _, digest = line.rpartition("\t")
            if digest and digest == _short_digest(content):
                with contextlib.suppress(ValueError, TypeError, RecursionError):
                    key, mark, row = json.loads(content)
                    found[str(key)] = Done(str(mark), dict(row))
    return found


def kept_line(key: str, done: Done) -> str:
    """Give the line that keeps a row of an interrupted run: JSON and its checksum."""
    content = json.dumps([key, *done])
    return f"{content}\t{_short_digest(content)}"


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
