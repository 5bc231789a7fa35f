"""The table of what became of each label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dispr.cells.folder import KINDS, SPLITS
from dispr.errors import FileError
from dispr.labelled.locate import LocatedCell
from dispr.labelled.stack.cut import Frame
from dispr.labelled.stack.plan import Plan
from dispr.records import read_csv

MANIFEST = "manifest.csv"

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


def rows_before(out: Path, stacks: Sequence[str]) -> list[Row]:
    """Read the rows of the stacks that an earlier run finished, up to one that lacks files."""
    path = out / MANIFEST
    if not path.is_file():
        return []
    found = read_csv(
        path,
        ["stack", "label", "split", "name", "reason", "voxel_um"],
        numbers=NUMBERS,
        remedy="remove it to extract the cells again",
    )
    for row in found:
        if row["name"] and row["split"] not in SPLITS:
            raise FileError(f"{path} is damaged; remove it to extract the cells again.")
    rows: list[Row] = []
    for stack in stacks:
        its = [dict(row) for row in found if row.get("stack") == stack]
        written = [row for row in its if row.get("name")]
        if not all(
            path.is_file()
            for row in written
            for path in cell_paths(out, row["split"], row["name"]).values()
        ):
            break
        rows += its
    return rows


def summary(rows: Sequence[Mapping[str, Any]], plan: Plan) -> list[str]:
    """Say what became of the labels."""
    written = [row for row in rows if row["name"]]
    counts = Counter(row["split"] for row in written)
    sizes = sorted({float(row["voxel_um"]) for row in written})
    lines = [
        f"{counts['train']} training cells, {counts['test']} test cells; frame {plan.frame:g} um"
        + (f", voxels {_range(sizes)} um." if sizes else ".")
    ]
    left = len(rows) - len(written)
    if left:
        lines.append(
            f"{left} labels were left out ({reasons(rows)}); see {MANIFEST} for the reasons."
        )
    return lines


def reasons(rows: Sequence[Mapping[str, Any]]) -> str:
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
