"""The table of what became of each label."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dispr.cells.folder import KINDS, SPLITS
from dispr.errors import FileError
from dispr.files import write_csv
from dispr.journal import Journal
from dispr.labelled.locate import LocatedCell
from dispr.labelled.stack.cut import Frame
from dispr.labelled.stack.plan import Plan
from dispr.names import count_of
from dispr.records import read_csv

MANIFEST = "manifest.csv"

PART = ".part"
"""What the name of an unfinished table ends in."""

NUMBERS = (
    *("label", "z_um", "y_um", "x_um", "volume_um3", "pieces", "plane", "frame_y_px"),
    *("frame_x_px", "frame_px", "stack_z_um", "stack_y_um", "stack_x_um", "voxel_um"),
)
"""Columns that hold numbers."""

Row = dict[str, Any]
"""Its columns are described in docs/stacks.md."""


def label_row(stack: str, cell: LocatedCell, frame: Frame, kind: str | None) -> Row:
    """Give the row of a label that is not written, or not yet.

    Parameters
    ----------
    stack : str
        Name of the stack.
    cell : LocatedCell
        What is labelled.
    frame : Frame
        What cells of the stack are shown in.
    kind : str or None
        Its type, where there is one.
    """
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


def cell_paths(out: Path, split: str, name: str) -> dict[str, Path]:
    """Give the files of a cell by kind."""
    return {kind: out / split / kind / f"{name}.tif" for kind in KINDS}


class Manifest(Collection[Row]):
    """What became of the labels of some stacks; read as it is asked for.

    Rows come in stack by stack. Until all are there they are kept in `manifest.csv.part`
    (`dispr.journal`), from which the table is written.

    Parameters
    ----------
    out : Path
        The folder of the data set. What an earlier run left there is taken up.
    stacks : sequence of str
        Names of the stacks, in the order of the table.

    Raises
    ------
    FileError
        If the table of an earlier run is damaged.
    """

    def __init__(self, out: Path, stacks: Sequence[str]) -> None:
        self.out, self.stacks = out, stacks
        self._kept = Journal(out / (MANIFEST + PART), _is_entry)
        if any(stack not in self._kept for stack in stacks):
            before = read_manifest(out)
            new = {stack: rows for stack, rows in before.items() if stack not in self._kept}
            if new:
                self._kept.append({stack: {"rows": rows} for stack, rows in new.items()})

    def of(self, stack: str) -> list[Row]:
        """Give the rows of a stack; none of one that is not done."""
        rows: list[Row] = (self._kept.get(stack) or {"rows": []})["rows"]
        return rows

    def is_done(self, stack: str) -> bool:
        """Tell whether the rows of a stack are there, and the files of its cells."""
        return stack in self._kept and not lacking_cells(self.out, self.of(stack))

    def add(self, stack: str, rows: Sequence[Row]) -> None:
        """Keep the rows of a stack whose cells are written."""
        self._kept.append({stack: {"rows": rows}})

    def write(self) -> None:
        """Write the table of the rows that are there."""
        if any(True for _ in self):
            write_csv(self.out / MANIFEST, self)

    def close(self) -> None:
        """Remove what the table was written from."""
        self._kept.path.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Row]:
        for stack in self.stacks:
            yield from self.of(stack)

    def __len__(self) -> int:
        return sum(len(self.of(stack)) for stack in self.stacks)

    def __contains__(self, row: object) -> bool:
        return any(row == one for one in self)


def _is_entry(entry: Mapping[str, Any]) -> bool:
    rows = entry.get("rows")
    return isinstance(rows, list) and all(isinstance(row, dict) and "name" in row for row in rows)


def read_manifest(out: Path) -> dict[str, list[Row]]:
    """Read the table of a data set, by stack; nothing where there is none.

    Raises
    ------
    FileError
        If it is damaged.
    """
    path = out / MANIFEST
    found: dict[str, list[Row]] = {}
    if not path.is_file():
        return found
    remedy = "remove it to extract the cells again"
    columns = ["stack", "label", "split", "name", "reason", "voxel_um"]
    for row in read_csv(path, columns, numbers=NUMBERS, remedy=remedy):
        if row["name"] and row["split"] not in SPLITS:
            raise FileError(f"{path} is damaged; {remedy}.")
        found.setdefault(row["stack"], []).append(dict(row))
    return found


def lacking_cells(out: Path, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """List the cells of some rows that lack a file."""
    return [
        row["name"]
        for row in rows
        if row["name"]
        and not all(map(os.path.isfile, cell_paths(out, row["split"], row["name"]).values()))
    ]


def summary(rows: Collection[Mapping[str, Any]], plan: Plan) -> list[str]:
    """Say what became of the labels."""
    counts = Counter(row["split"] for row in rows if row["name"])
    sizes = sorted({float(row["voxel_um"]) for row in rows if row["name"]})
    lines = [
        f"{count_of(counts['train'], 'training cell')}, {count_of(counts['test'], 'test cell')}; "
        f"frame {plan.frame:g} um" + (f", voxels {_range(sizes)} um." if sizes else ".")
    ]
    left = len(rows) - counts.total()
    if left:
        lines.append(
            f"{count_of(left, 'label was', 'labels were')} left out ({reasons(rows)}); see "
            f"{MANIFEST} for the reasons."
        )
    return lines


def reasons(rows: Iterable[Mapping[str, Any]]) -> str:
    """Count why labels were left out."""
    why = Counter(_short(row["reason"]) for row in rows if row["reason"])
    return ", ".join(f"{count} {reason}" for reason, count in sorted(why.items()))


def _short(reason: str) -> str:
    """Give the part of a reason that is the same for many cells."""
    for end in (":", " of the stack", " of "):
        reason = reason.partition(end)[0]
    return reason


def _range(values: Sequence[float]) -> str:
    low, high = f"{values[0]:.4g}", f"{values[-1]:.4g}"
    return low if low == high else f"{low} to {high}"
