"""Measure the cells of a folder in parallel; resumable."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dispr.cells.arrays import as_body
from dispr.cells.classes import parse_name
from dispr.cells.metadata import read_voxel_size
from dispr.cells.spacing import Spacing
from dispr.errors import ArrayError, ConfigError, DisprError, FileError
from dispr.failures import Failures
from dispr.images.read import read_greys, read_numbers
from dispr.intervals.ensemble import measure_ensemble, summarise
from dispr.intervals.rules import stated
from dispr.journal import Journal
from dispr.locks import hold
from dispr.measurements.columns import besides_main, written
from dispr.measurements.inputs import Item, contents
from dispr.morphology.features import UNITS
from dispr.morphology.published_features import PUBLISHED_SHAPE
from dispr.parquet import write_table
from dispr.prediction.files import opened
from dispr.processes import try_in_processes
from dispr.progress import SILENT, Progress
from dispr.records import read_json, write_json

Row = dict[str, Any]

TABLE, RECORD = "measurements.csv", "measurements.json"
"""A table of measures in the folder of a prediction, and the checksums of what was measured."""

MEASURING = 1
"""Raised when a version measures other values of the same files."""

PUBLISHED_NAMES = {"volume": "volume", "boundary": "boundary_3D"}
"""Published features that there are intervals of, by names of measures."""


PART = ".part"
"""What the name of an unfinished table ends in."""


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
    failures: Failures | None = None,
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
        Table to write: CSV, or Parquet if its name ends in .parquet.
    wide : bool
        Write all measures with all their statistics; else the short table of
        `dispr.measurements.columns`. Published features are written in any case.
    jobs : int, optional
        Processes; as many as cores if not given.
    failures : Failures, optional
        Receives the cells that cannot be read or measured. By default the first one stops the run.
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
    ConfigError
        If another process writes this table.
    """
    with measured(items, out, wide, jobs, failures, progress) as rows:
        return list(rows)


@contextlib.contextmanager
def measured(
    items: Sequence[Item],
    out: Path,
    wide: bool = True,
    jobs: int | None = None,
    failures: Failures | None = None,
    progress: Progress = SILENT,
) -> Iterator[Sequence[Row]]:
    """Measure cells, write a table, and give its rows, which are read as they are asked for.

    For parameters and errors see `measure_items`, which gives them all.
    """
    failures = Failures(strict=True) if failures is None else failures
    with hold(out, folder=False):
        kept = Journal(out.with_name(out.name + PART), is_kept_row)
        count = progress.counter("Measuring", len(items))
        todo: list[Item] = []
        for item in items:
            before = kept.get(_key(item))
            if before is not None and before["digest"] == _digest_or_none(item):
                count()
            else:
                todo.append(item)
        failed: set[str] = set()
        for item, done in zip(todo, try_in_processes(measure_item, todo, jobs), strict=True):
            if isinstance(done, DisprError):
                failures.add(item.name, [where(item), *item.paths], done)
                failed.add(_key(item))
            else:
                kept.append({_key(item): done._asdict()})
            count()
        rows = _Rows(kept, [key for item in items if (key := _key(item)) not in failed])
        failures.raise_if_none_left(len(rows))
        if not wide and not items[0].published:
            rows.leave_out(besides_main(rows, sections=items[0].kind == "sections"))
        write_table(out, rows)
        yield rows
        kept.path.unlink(missing_ok=True)


class _Rows(Sequence[Row]):
    """Rows of a journal, without some columns."""

    def __init__(self, kept: Journal, keys: Sequence[str]) -> None:
        self._kept, self._keys = kept, keys
        self._left_out: Collection[str] = ()

    def leave_out(self, columns: Collection[str]) -> None:
        self._left_out = columns

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        row = self._kept[self._keys[i]]["row"]
        return {name: value for name, value in row.items() if name not in self._left_out}


def is_kept_row(entry: Mapping[str, Any]) -> bool:
    """Tell whether an entry of an unfinished table is the row of a cell, with its checksum."""
    return isinstance(entry.get("digest"), str) and isinstance(entry.get("row"), dict)


def _digest_or_none(item: Item) -> str | None:
    """Give the checksum of an item; None where its files cannot be read."""
    try:
        return digest(item)
    except FileError:
        return None


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
        path = where(item)
        text = str(error)
        raise FileError(text if str(path) in text else f"{path}: {text}") from error
    about: Row = {"name": item.name, "class": parse_name(item.name).cell_class or ""}
    if item.split:
        about["split"] = item.split
    if item.group:
        about["group"] = item.group
    return Done(mark, about | {name: written(value) for name, value in found.items()})


def where(item: Item) -> Path:
    """Name the file of an item, for messages."""
    return item.paths[0] if item.folder is None else opened(item.folder).shapes.where(item.name)


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
    return contents(item, repr(settings))


def write_record(folder: Path, items: Sequence[Item]) -> None:
    """Keep what the table of measures in the folder of a prediction was made from."""
    record = {item.name: [contents(item), digest(item)] for item in items}
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
    assert item.folder is not None
    drawn = opened(item.folder)
    # A shape may be empty, and then says so in the table.
    samples = drawn.samples(item.name)
    consensus = drawn.probability(item.name) > 0.5
    spacing = item.spacing or drawn.spacing(item.name)
    row: Row = {
        "samples": len(samples),
        **stated(item.intervals, len(samples)),
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
