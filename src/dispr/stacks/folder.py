"""Turn stacks into a data set to train on; an interrupted run goes on where it was.

OUT holds `train` and `test` with the folders `obj`, `image` and `mask`; `manifest.csv`, which says
what became of each label and is written anew after each stack; and `stacks.json`, the record of the
run.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dispr.cells.arrays import SIZE
from dispr.cells.folder import KINDS, parts
from dispr.cells.read import Cell
from dispr.errors import ArrayError, ConfigError, FileError
from dispr.fields.find import FieldFiles
from dispr.files import atomic_path, make_folder, write_csv, write_tiff
from dispr.stacks.classes import Classes, Names
from dispr.stacks.cut import Frame, cut_cell, frame_of, refusal
from dispr.stacks.frame import as_frame, choose_frame
from dispr.stacks.locate import StackCell, as_label_stack, locate_cells
from dispr.stacks.read import read_label_stack, read_spacing, read_stack
from dispr.stacks.split import split_stacks
from dispr.stacks.survey import Survey, label_file, survey_stack

RECORD = "stacks.json"
MANIFEST = "manifest.csv"

Row = dict[str, Any]

Report = Callable[[str, int, int], Any]
"""Called with what is done at present, how many of it are done, and of how many."""

Note = Callable[[str], Any]
"""Called with what a user must know of a stack."""


@dataclass(frozen=True)
class StackSettings:
    """What is chosen for all stacks.

    Attributes
    ----------
    channel : int, optional
        Channel of the stacks, from 0.
    voxel_size : tuple of float, optional
        Edges of a voxel along Z, Y and X in um, instead of what the files say.
    frame : str or float
        Edge of the cube that a cell is shown in, in um, or "auto" (`dispr.stacks.frame`).
    test_fraction : float
        Share of the cells that go to `test`, by whole stacks.
    seed : int
        Chooses the stacks for testing.
    least_volume : float
        Smallest volume of a cell in um3.
    """

    channel: int | None = None
    voxel_size: tuple[float, ...] | None = None
    frame: str | float = "auto"
    test_fraction: float = 0.2
    seed: int = 0
    least_volume: float = 0.0

    def __post_init__(self) -> None:
        as_frame(self.frame)
        split_stacks({}, self.test_fraction)
        if self.seed < 0:
            raise ConfigError(f"the seed is a whole number from 0, not {self.seed}.")


@dataclass(frozen=True)
class Plan:
    """What is decided before the first cell is cut.

    Attributes
    ----------
    frame : float
        Edge of the frame in um.
    splits : mapping of str to str
        "train" or "test" for each stack.
    """

    frame: float
    splits: Mapping[str, str]


def prepare_stacks(
    stacks: Sequence[FieldFiles],
    out: Path,
    settings: StackSettings | None = None,
    classes: Classes | None = None,
    *,
    on_progress: Report | None = None,
    on_note: Note | None = None,
) -> tuple[list[Row], Plan]:
    """Write the cells of stacks as a data set to train on.

    All labels are looked through before anything is written. One stack is in memory at a time.

    Parameters
    ----------
    stacks : sequence of FieldFiles
        The stacks and their labels (`dispr.fields.find.find_fields`).
    out : Path
        Folder to write.
    settings : StackSettings, optional
        What is chosen.
    classes : mapping, optional
        Types of cells by (stack, label) (`dispr.stacks.classes.read_classes`).
    on_progress : callable, optional
        See `Report`.
    on_note : callable, optional
        See `Note`.

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
    report = on_progress or (lambda work, done, total: None)
    note = on_note or (lambda text: None)
    plan = _plan(stacks, out, settings, classes, report, note)
    rows = _rows_before(out, [files.name for files in stacks])
    names = Names(row["name"] for row in rows if row["name"])
    finished = {row["stack"] for row in rows}
    for done, files in enumerate(stacks):
        if files.name not in finished:
            rows += _prepare_stack(files, out, settings, plan, classes, names)
            write_csv(out / MANIFEST, rows)
        report("Cutting", done + 1, len(stacks))
    return rows, plan


def _plan(
    stacks: Sequence[FieldFiles],
    out: Path,
    settings: StackSettings,
    classes: Classes,
    report: Report,
    note: Note,
) -> Plan:
    """Decide on frame and split, or take up what an earlier run decided."""
    run = {
        "settings": json.loads(json.dumps(asdict(settings))),
        "classes": [[*key, kind] for key, kind in sorted(classes.items())],
        "stacks": {files.name: _identity(files) for files in stacks},
    }
    before = _read_record(out)
    if before is not None:
        changed = [key for key in run if before.get(key) != run[key]]
        if changed:
            raise ConfigError(
                f"{out} was prepared with other {changed[0]}; name another folder, or use the same "
                f"{changed[0]} to go on."
            )
        return Plan(float(before["frame_um"]), dict(before["splits"]))
    if out.exists() and (not out.is_dir() or parts(out)):
        raise FileError(f"{out} is no new folder; name one for the cells of these stacks.")
    surveys = {}
    for done, files in enumerate(stacks):
        surveys[files.name] = survey_stack(files, settings.voxel_size, settings.least_volume)
        report("Looking", done + 1, len(stacks))
    plan = _decide(surveys, settings, classes, note)
    for files in stacks:
        frame_of(plan.frame, surveys[files.name].spacing, str(files.image))
    make_folder(out)
    with atomic_path(out / RECORD) as temporary:
        record = {**run, "frame_um": plan.frame, "splits": dict(plan.splits)}
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return plan


def _decide(
    surveys: Mapping[str, Survey], settings: StackSettings, classes: Classes, note: Note
) -> Plan:
    for name, survey in surveys.items():
        if not survey.labels:
            note(f"{name} has no labelled cell.")
        if survey.from_mask:
            note(f"the labels of {name} are one mask; its separate pieces are taken for cells.")
    for stack, label in classes:
        if label not in surveys[stack].labels:
            raise FileError(f"the table of classes has label {label} of {stack}, which has none.")
    if not any(survey.labels for survey in surveys.values()):
        raise FileError("no cell is labelled in any stack; 0 is the background, cells are above.")
    frame = as_frame(settings.frame)
    if frame is None:
        frame = choose_frame([extent for survey in surveys.values() for extent in survey.whole])
    counts = {name: len(survey.whole) for name, survey in surveys.items()}
    splits = split_stacks(counts, settings.test_fraction, settings.seed)
    if len(set(splits.values())) == 1 and 0 < settings.test_fraction < 1:
        note("cells of one stack stay together, so all are for training; none are for testing.")
    return Plan(frame, splits)


def _prepare_stack(
    files: FieldFiles,
    out: Path,
    settings: StackSettings,
    plan: Plan,
    classes: Classes,
    names: Names,
) -> list[Row]:
    """Write the cells of one stack; give the manifest's rows of its labels."""
    path = label_file(files).labels
    assert path is not None
    array = read_label_stack(path)
    if not array.any():
        return []
    labels, _ = as_label_stack(array, str(path))
    del array
    stack = read_stack(files.image, settings.channel)
    if stack.shape != labels.shape:
        raise FileError(
            f"{path} has the shape {labels.shape} but {files.image} has {stack.shape}; labels are "
            "of the very same voxels (Z, Y, X)."
        )
    spacing = read_spacing(files.image, path, settings.voxel_size)
    frame = frame_of(plan.frame, spacing, str(files.image))
    split, rows = plan.splits[files.name], []
    for cell in locate_cells(labels):
        kind = classes.get((files.name, cell.label))
        row = _row(files.name, cell, frame, kind)
        row["reason"] = refusal(cell, frame, settings.least_volume)
        if not row["reason"]:
            name = names.give(files.name, cell.label, kind)
            try:
                cut, square = cut_cell(name, stack, labels, cell, frame)
            except ArrayError as error:
                row["reason"] = str(error)
            else:
                row |= {"split": split, "name": name}
                row |= {"frame_y_px": square.y, "frame_x_px": square.x}
                _write_cell(out / split, cut, frame.voxel)
        rows.append(row)
    return rows


def _row(stack: str, cell: StackCell, frame: Frame, kind: str | None) -> Row:
    depth, height, width = frame.spacing
    z, y, x = cell.centre
    return {
        "stack": stack,
        "label": cell.label,
        "split": "",
        "name": "",
        "reason": "",
        "type": kind or "",
        "z_um": f"{z * depth:.6g}",
        "y_um": f"{y * height:.6g}",
        "x_um": f"{x * width:.6g}",
        "volume_um3": f"{cell.volume(frame.spacing):.6g}",
        "pieces": cell.pieces,
        "plane": cell.middle,
        "frame_y_px": "",
        "frame_x_px": "",
        "frame_px": frame.edge,
        "stack_z_um": f"{depth:.6g}",
        "stack_y_um": f"{height:.6g}",
        "stack_x_um": f"{width:.6g}",
        "voxel_um": f"{frame.voxel:.6g}",
    }


def _write_cell(folder: Path, cell: Cell, voxel: float) -> None:
    for kind in KINDS:
        path = folder / kind / f"{cell.name}.tif"
        write_tiff(path, getattr(cell, kind), (voxel,) * 3)


def _rows_before(out: Path, stacks: Sequence[str]) -> list[Row]:
    """Read the rows of the stacks that an earlier run finished, up to one that lacks files."""
    path = out / MANIFEST
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    rows: list[Row] = []
    for stack in stacks:
        its = [dict(row) for row in found if row.get("stack") == stack]
        written = [row for row in its if row.get("name")]
        files = [
            out / row["split"] / kind / f"{row['name']}.tif" for row in written for kind in KINDS
        ]
        if not all(file.is_file() for file in files):
            break
        rows += its
    return rows


def _identity(files: FieldFiles) -> list[Any]:
    """Say which files a stack is, so that others are told from them."""
    found: list[Any] = []
    for path in (files.image, label_file(files).labels):
        assert path is not None
        about = path.stat()
        found.append([path.name, about.st_size, about.st_mtime_ns])
    return found


def _read_record(out: Path) -> dict[str, Any] | None:
    path = out / RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        record = None
    if not isinstance(record, dict):
        raise FileError(f"{path} is damaged; name another folder.")
    return record


def summary(rows: Sequence[Mapping[str, Any]], plan: Plan) -> list[str]:
    """Say what became of the labels."""
    written = [row for row in rows if row["name"]]
    counts = {split: sum(row["split"] == split for row in written) for split in ("train", "test")}
    lines = [
        f"{counts['train']} training cells, {counts['test']} test cells; frame {plan.frame:g} um, "
        f"voxels {plan.frame / SIZE:.4g} um."
    ]
    left = len(rows) - len(written)
    if left:
        why: dict[str, int] = {}
        for row in rows:
            if row["reason"]:
                words = row["reason"].partition(":")[0]
                key = words.partition(" of the stack")[0].partition(" of ")[0]
                why[key] = why.get(key, 0) + 1
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(why.items()))
        lines.append(f"{left} labels were left out ({reasons}); {MANIFEST} says why.")
    return lines
