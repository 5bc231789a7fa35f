"""Turn stacks into a data set to train on; resumable.

OUT holds `train` and `test` with the folders `obj`, `image` and `mask`; `manifest.csv`, which says
what became of each label; `failures.csv`, of stacks that cannot be read; and `stacks.json`, the
record of the run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dispr import checksums
from dispr.cells.metadata import find_spacing
from dispr.cells.square import square_about
from dispr.errors import FileError
from dispr.failures import TABLE as FAILURES
from dispr.failures import Failures
from dispr.files import write_tiff
from dispr.images.read import opened_once
from dispr.labelled.channels import STACK
from dispr.labelled.find import FieldFiles
from dispr.labelled.locate import LocatedCell, as_labels, locate_cells
from dispr.labelled.read import read_image, read_labels
from dispr.labelled.selection import Selection
from dispr.labelled.stack.classes import Classes, Names
from dispr.labelled.stack.cut import Frame, Sections, cut_cell, frame_of, refusal
from dispr.labelled.stack.manifest import (
    MANIFEST,
    PART,
    Manifest,
    Row,
    cell_paths,
    label_row,
    reasons,
)
from dispr.labelled.stack.plan import RECORD, Plan, StackSettings, make_plan, stack_files
from dispr.labelled.stack.survey import label_file
from dispr.progress import SILENT, Progress
from dispr.shards import Shard


def prepare_stacks(
    stacks: Sequence[FieldFiles],
    out: Path,
    settings: StackSettings | None = None,
    classes: Classes | None = None,
    *,
    progress: Progress = SILENT,
) -> tuple[list[Row], Plan]:
    """Write the cells of stacks as a data set to train on; see `prepared`.

    Returns
    -------
    rows : list of dict
        The rows of the manifest.
    plan : Plan
        The frame and the split.

    Raises
    ------
    FileError
        If a file cannot be read or written.
    ConfigError
        If a setting cannot be used, or `out` holds other cells.
    """
    with prepared(stacks, out, settings, classes, progress=progress) as (manifest, plan):
        return list(manifest), plan


@contextlib.contextmanager
def prepared(
    stacks: Sequence[FieldFiles],
    out: Path,
    settings: StackSettings | None = None,
    classes: Classes | None = None,
    *,
    shard: Shard | None = None,
    failures: Failures | None = None,
    progress: Progress = SILENT,
) -> Iterator[tuple[Manifest, Plan]]:
    """Write the cells of stacks, and give the manifest, which is read as it is asked for.

    All labels are looked through before anything is written. One stack is in memory at a time.

    Parameters
    ----------
    stacks : sequence of FieldFiles
        The stacks and their labels (`dispr.labelled.find.find_fields`).
    out : Path
        Folder to write.
    settings : StackSettings, optional
        What is chosen.
    classes : mapping, optional
        Types of cells by (stack, label) (`dispr.labelled.stack.classes.read_classes`).
    shard : Shard, optional
        The part of the stacks to cut in this call, on this machine, say. Frame, split and names are
        those of all stacks.
    failures : Failures, optional
        Receives the stacks that cannot be read or used; `failures.csv` lists them. By default the
        first one stops the run.
    progress : Progress
        Told of the stacks, and of what a user must know of them (`dispr.progress`).

    Yields
    ------
    Manifest
        The rows of the manifest.
    Plan
        The frame and the split.

    Raises
    ------
    FileError
        If a file cannot be written, or no stack can be read.
    ConfigError
        If a setting cannot be used, or `out` holds other cells.
    """
    settings, classes = settings or StackSettings(), classes or {}
    failures = Failures(strict=True) if failures is None else failures
    if shard is not None:
        shard.refuse_empty(len(stacks), "stacks")
    plan = make_plan(stacks, out, settings, classes, shard, failures, progress)
    here = {files.name for files in (stacks if shard is None else shard.of(stacks))}
    others = {files.name for files in stacks} - here
    failures.found = [failure for failure in failures.found if failure.name not in others]
    manifest = Manifest(out, [files.name for files in stacks if files.name in here])
    typed = {stack for stack, _ in classes}
    names = Names()
    count = progress.counter("Cutting", len(here))
    done = 0
    try:
        for files in stacks:
            if files.name in plan.splits:
                cut = _Stack(files, out, settings, plan, classes, names)
                if files.name in here:
                    done += _finish(cut, manifest, failures)
                elif files.name in typed:
                    # Its cells count for the numbers of those behind it.
                    with Failures().of(files.name):
                        cut.number()
            if files.name in here:
                count()
            if files.name == manifest.stacks[-1]:
                break
    finally:
        manifest.write()
    failures.write(out / FAILURES)
    failures.raise_if_none_left(done)
    yield manifest, plan
    manifest.close()


def refuse_empty(rows: Collection[Row], out: Path) -> None:
    """Refuse a data set without cells, and free its folder for another try.

    Raises
    ------
    FileError
        With the reasons why no label can be used.
    """
    if any(row["name"] for row in rows):
        return
    count, why = len(rows), reasons(rows)
    for name in (MANIFEST, MANIFEST + PART, RECORD, FAILURES, checksums.NAME):
        (out / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        out.rmdir()
    raise FileError(
        f"none of the {count} labels is usable ({why}); check the stacks, the voxel size and the "
        "frame."
    )


def _finish(cut: _Stack, manifest: Manifest, failures: Failures) -> bool:
    """Write the cells of a stack, unless they are there; tell whether it could be read."""
    stack = cut.files.name
    if manifest.is_done(stack):
        cut.names.take(row["name"] for row in manifest.of(stack) if row["name"])
        return True
    rows: list[Row] = []
    with failures.of(stack, stack_files(cut.files)):
        for row, write in cut:
            rows.append(row)
            write()
        manifest.add(stack, rows)
        return True
    for row in rows:  # no cell is there that the manifest lacks
        for path in cell_paths(cut.out, row["split"], row["name"]).values() if row["name"] else ():
            path.unlink(missing_ok=True)
    return False


@dataclass(frozen=True)
class _Stack:
    """A stack of which cells are named and cut; all of it is read before the first of them."""

    files: FieldFiles
    out: Path
    settings: StackSettings
    plan: Plan
    classes: Classes
    names: Names

    def __iter__(self) -> Iterator[tuple[Row, Callable[[], None]]]:
        """Give the manifest's row of each label, and what writes its cell, if there is one."""
        files, settings = self.files, self.settings
        path = label_file(files)
        array = read_labels(path, STACK)
        if not array.any():
            return
        labels, _ = as_labels(array, str(path))
        del array
        with opened_once():
            sections = Sections(read_image(files.image, Selection(settings.channel), STACK), labels)
            spacing = find_spacing(files.image, path, settings.voxel_size)
        frame = frame_of(self.plan.frame, spacing, str(files.image))
        split = self.plan.splits[files.name]
        for cell in locate_cells(labels):
            kind = self.classes.get((files.name, cell.label))
            row = label_row(files.name, cell, frame, kind)
            row["reason"] = refusal(cell, frame, settings.least_volume) or sections.fault(
                cell.middle
            )
            if row["reason"]:
                yield row, lambda: None
                continue
            name = self.names.give(files.name, cell.label, kind)
            square = square_about(cell.section.box, frame.edge)
            row |= {"split": split, "name": name}
            row |= {"frame_y_px": square.y, "frame_x_px": square.x}
            paths = cell_paths(self.out, split, name)
            yield row, partial(_write_cell, paths, sections, cell, frame, name)

    def number(self) -> None:
        """Give the names, and write nothing."""
        for _ in self:
            pass


def _write_cell(
    paths: Mapping[str, Path], sections: Sections, cell: LocatedCell, frame: Frame, name: str
) -> None:
    """Write the files of a cell, unless they are there."""
    if not all(path.is_file() for path in paths.values()):
        found = cut_cell(name, sections, cell, frame)
        for kind, path in paths.items():
            write_tiff(path, getattr(found, kind), (frame.voxel,) * 3)
