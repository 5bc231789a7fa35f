"""Turn stacks into a data set to train on; resumable.

OUT holds `train` and `test` with the folders `obj`, `image` and `mask`; `manifest.csv`, which says
what became of each label and is written anew after each stack; and `stacks.json`, the record of the
run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from dispr import checksums
from dispr.cells.metadata import find_spacing
from dispr.cells.read import Cell
from dispr.cells.square import square_about
from dispr.errors import FileError
from dispr.files import write_csv, write_tiff
from dispr.labelled.channels import STACK
from dispr.labelled.find import FieldFiles
from dispr.labelled.locate import as_labels, locate_cells
from dispr.labelled.read import read_image, read_labels
from dispr.labelled.stack.classes import Classes, Names
from dispr.labelled.stack.cut import Sections, cut_cell, frame_of, refusal
from dispr.labelled.stack.manifest import MANIFEST, Row, cell_paths, label_row, reasons, rows_before
from dispr.labelled.stack.plan import RECORD, Plan, StackSettings, make_plan
from dispr.labelled.stack.survey import label_file
from dispr.progress import SILENT, Progress


def prepare_stacks(
    stacks: Sequence[FieldFiles],
    out: Path,
    settings: StackSettings | None = None,
    classes: Classes | None = None,
    *,
    progress: Progress = SILENT,
) -> tuple[list[Row], Plan]:
    """Write the cells of stacks as a data set to train on.

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
    progress : Progress
        Told of the stacks, and of what a user must know of them (`dispr.progress`).

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
    settings, classes = settings or StackSettings(), classes or {}
    plan = make_plan(stacks, out, settings, classes, progress)
    rows = rows_before(out, [files.name for files in stacks])
    names = Names(row["name"] for row in rows if row["name"])
    finished = {row["stack"] for row in rows}
    count = progress.counter("Cutting", len(stacks))
    for files in stacks:
        if files.name not in finished:
            rows += _prepare_stack(files, out, settings, plan, classes, names)
            write_csv(out / MANIFEST, rows)
        count()
    return rows, plan


def refuse_empty(rows: Sequence[Row], out: Path) -> None:
    """Refuse a data set without cells, and free its folder for another try.

    Raises
    ------
    FileError
        With the reasons why no label can be used.
    """
    if any(row["name"] for row in rows):
        return
    for name in (MANIFEST, RECORD, checksums.NAME):
        (out / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        out.rmdir()
    raise FileError(
        f"none of the {len(rows)} labels is usable ({reasons(rows)}); check the stacks, the "
        "voxel size and the frame."
    )


def _prepare_stack(
    files: FieldFiles,
    out: Path,
    settings: StackSettings,
    plan: Plan,
    classes: Classes,
    names: Names,
) -> list[Row]:
    """Write the cells of one stack; give the manifest's rows of its labels."""
    path = label_file(files)
    array = read_labels(path, STACK)
    if not array.any():
        return []
    labels, _ = as_labels(array, str(path))
    del array
    sections = Sections(read_image(files.image, settings.channel, STACK), labels)
    spacing = find_spacing(files.image, path, settings.voxel_size)
    frame = frame_of(plan.frame, spacing, str(files.image))
    split, rows = plan.splits[files.name], []
    for cell in locate_cells(labels):
        kind = classes.get((files.name, cell.label))
        row = label_row(files.name, cell, frame, kind)
        row["reason"] = refusal(cell, frame, settings.least_volume) or sections.fault(cell.middle)
        if not row["reason"]:
            name = names.give(files.name, cell.label, kind)
            square = square_about(cell.section.box, frame.edge)
            row |= {"split": split, "name": name}
            row |= {"frame_y_px": square.y, "frame_x_px": square.x}
            paths = cell_paths(out, split, name)
            if not all(path.is_file() for path in paths.values()):
                _write_cell(paths, cut_cell(name, sections, cell, frame), frame.voxel)
        rows.append(row)
    return rows


def _write_cell(paths: Mapping[str, Path], cell: Cell, voxel: float) -> None:
    for kind, path in paths.items():
        write_tiff(path, getattr(cell, kind), (voxel,) * 3)
