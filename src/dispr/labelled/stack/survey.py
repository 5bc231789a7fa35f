"""Look through all stacks before anything is written: what there is, one frame, a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dispr.cells.metadata import find_spacing
from dispr.cells.spacing import Spacing
from dispr.errors import FileError
from dispr.images.read import opened_once
from dispr.labelled.channels import STACK
from dispr.labelled.find import FieldFiles
from dispr.labelled.locate import as_labels, check_whole, locate_cells, refuse_greys
from dispr.labelled.read import jpeg_note, read_labels
from dispr.labelled.selection import Selection
from dispr.labelled.stack.cut import LEAST_PLANES
from dispr.labelled.stack.frame import Extent
from dispr.labelled.stack.read import planes_note, stack_shape


@dataclass(frozen=True)
class Survey:
    """What is known of a stack from its labels alone.

    Attributes
    ----------
    labels : tuple of int
        The labels that it has.
    whole : tuple of (float, float, float)
        Extents in um along Z, Y and X of the cells that do not touch its border.
    spacing : (float, float, float)
        Edges of its voxels in um.
    from_mask : bool
        Whether its labels are a mask of several pieces.
    notes : tuple of str
        What a user must know of its files.
    """

    labels: tuple[int, ...]
    whole: tuple[Extent, ...]
    spacing: Spacing
    from_mask: bool = False
    notes: tuple[str, ...] = ()


def label_file(files: FieldFiles) -> Path:
    """Give the labels of a stack.

    Raises
    ------
    FileError
        If it has none.
    """
    if files.labels is None:
        raise FileError(
            f"{files.image} has no labels in its folder; give them by --labels, with * in place "
            "of the stack's name if there are several."
        )
    return files.labels


@opened_once()
def survey_stack(
    files: FieldFiles,
    voxel_size: Sequence[float] | None = None,
    least_volume: float = 0.0,
    channel: int | str | None = None,
) -> Survey:
    """Look at the labels of a stack.

    Parameters
    ----------
    files : FieldFiles
        The stack.
    voxel_size : sequence of float, optional
        Edges of its voxels along Z, Y and X in um, instead of what the files say.
    least_volume : float
        Smallest volume in um3 of the cells that count.
    channel : int or str, optional
        Channel of the stack: its number, from 0, or its name.

    Raises
    ------
    FileError
        If the labels cannot be read, are not of the stack's voxels, or nobody states the size of
        these.
    ArrayError
        If they are not labels of cells.
    """
    labels = label_file(files)
    array = read_labels(labels, STACK)
    which = Selection(channel)
    shape = stack_shape(files.image, which)
    if shape != array.shape:
        raise FileError(
            f"{labels} has the shape {array.shape} but {files.image} has {shape}; labels must be "
            "on the same voxel grid (Z, Y, X)."
        )
    spacing = find_spacing(files.image, labels, voxel_size)
    told = (planes_note(files.image, which), planes_note(labels), jpeg_note(files.image))
    notes = tuple(note for note in told if note)
    refuse_greys(array, str(labels))
    if not array.any():
        return Survey((), (), spacing, notes=notes)
    numbered, from_mask = as_labels(array, str(labels))
    found, whole, pieces = [], [], []
    for cell in locate_cells(numbered):
        found.append(cell.label)
        pieces.append(cell.pieces)
        usable = not cell.border and cell.inside.shape[0] >= LEAST_PLANES
        if usable and cell.volume(spacing) >= least_volume:
            whole.append(cell.lengths(spacing))
    check_whole(pieces, str(labels))
    return Survey(tuple(found), tuple(whole), spacing, from_mask, notes)
