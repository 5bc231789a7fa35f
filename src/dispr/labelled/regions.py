"""Cells from outlines that programs save instead of labels: each keeps its own mask."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dispr.cells.box import Box
from dispr.errors import FileError, NoCellsError
from dispr.images.read import existing
from dispr.labelled.channels import Taken
from dispr.labelled.imagej_rois import read_rois
from dispr.labelled.locate import LocatedCell, located
from dispr.labelled.outlines import Outline
from dispr.labelled.polygon_files import read_polygons
from dispr.labelled.selection import PROJECTION
from dispr.names import ROIS, count_of, printable, some_of


@dataclass(frozen=True, eq=False)
class Regions:
    """The cells of a field by their outlines, which may overlap.

    Attributes
    ----------
    cells : tuple of LocatedCell
        In the order of the file, numbered from 1.
    labels : ndarray
        (Y, X), int32: their numbers, 0 outside. Where cells overlap, the smaller one is on top.
    overlapping : int
        How many cells share pixels with another.
    notes : tuple of str
        What a user must know of them.
    """

    cells: tuple[LocatedCell, ...]
    labels: np.ndarray
    overlapping: int = 0
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """Give a checksum of the masks of all cells."""
        found = hashlib.sha256()
        for cell in self.cells:
            found.update(repr((cell.label, cell.box)).encode())
            found.update(np.packbits(cell.inside).tobytes())
        return found.hexdigest()[:16]


def read_regions(path: Path, image: Path, section: Taken) -> Regions:
    """Read the outlines of the cells of a field.

    Parameters
    ----------
    path : Path
        `.roi` or `.zip` of ImageJ; `.geojson` of QuPath and others; `.json`, COCO annotations.
    image : Path
        The image that they are of.
    section : Taken
        Its section. Of outlines that belong to a plane or time point, those of this one are taken.

    Raises
    ------
    FileError
        If the file cannot be read, or its outlines are of several planes and none was chosen.
    NoCellsError
        If it has no outline in the image.
    """
    path = existing(path)
    shape = (section.array.shape[0], section.array.shape[1])
    if path.suffix.lower() in ROIS:
        outlines, skipped = read_rois(path)
    else:
        outlines, skipped = read_polygons(path, image, shape)
    notes = []
    if skipped:
        notes.append(
            f"{path}: {some_of(skipped)} was not used: it is no outline of a cell."
            if len(skipped) == 1
            else f"{path}: {len(skipped)} objects ({some_of(skipped)}) were not used: they are no "
            "outlines of cells."
        )
    chosen = _of_section(path, outlines, section)
    if len(chosen) < len(outlines):
        notes.append(
            f"{path}: {len(outlines) - len(chosen)} of {len(outlines)} outlines are of other "
            "planes or time points and were not used."
        )
    return _placed(path, chosen, shape, notes)


def _classes_note(path: Path, kinds: Sequence[str]) -> list[str]:
    """Say that outlines are of several classes, of which none is left out."""
    counts = Counter(kinds)
    if len(counts) < 2:
        return []
    told = ", ".join(
        f"{printable(kind) or 'without a class'}: {count}" for kind, count in counts.most_common()
    )
    return [
        f"{path} has outlines of {len(counts)} classes ({told}); each was used as a cell. If some "
        "are of something else, such as nuclei, export the cells alone."
    ]


def _of_section(path: Path, outlines: Sequence[Outline], section: Taken) -> list[Outline]:
    """Take the outlines that were drawn on the section.

    Raises
    ------
    FileError
        If they are on several planes or time points, and the section is on none of them.
    """
    # A stack has either planes or time points, if it is no hyperstack of ImageJ.
    lapse = section.times > section.planes == 1
    chosen = [
        one
        if one.number is None
        else (replace(one, time=one.number) if lapse else replace(one, plane=one.number))
        for one in outlines
    ]
    which = section.which
    plane = which.plane if section.planes > 1 else None
    for axis, number in (("plane", plane), ("time", which.time)):
        drawn = {getattr(one, axis) for one in chosen} - {None}
        if isinstance(number, int):
            chosen = [one for one in chosen if getattr(one, axis) in (None, number)]
        elif len(drawn) > 1:
            what = "planes" if axis == "plane" else "time points"
            why = "a projection" if number == PROJECTION else f"one of the {what}"
            raise FileError(
                f"{path} has outlines on {len(drawn)} {what}, but the image is {why}; give the "
                f"whole stack and --{axis} N, or the outlines of this image alone."
            )
    return chosen


def _placed(
    path: Path, outlines: Sequence[Outline], shape: tuple[int, int], notes: list[str]
) -> Regions:
    cells, outside, masks, kinds = [], [], [], []
    named = any(outline.name for outline in outlines)
    for outline in outlines:
        found = outline.pixels(shape)
        if found is None:
            outside.append(outline.name or "one without a name")
            continue
        masks.append(found)
        kinds.append(outline.kind)
        name = printable(outline.name) if named else None
        cells.append(located(len(masks), *found, shape, name))
    if not cells:
        raise NoCellsError(
            f"{path} has no outline of a cell in this image of {shape[1]} x {shape[0]} pixels; "
            "give the outlines of this image, in its pixels."
        )
    notes += _classes_note(path, kinds)
    if outside:
        notes.append(
            f"{path}: {count_of(len(outside), 'outline is', 'outlines are')} not in the image of "
            f"{shape[1]} x {shape[0]} pixels and not used ({some_of(outside)}); is the file of "
            "this image?"
        )
    labels, overlapping = placed(list(enumerate(masks, start=1)), shape)
    if overlapping:
        notes.append(
            f"{path}: {overlapping} cells overlap others; each was predicted from its own outline, "
            "and labels.tif shows the smaller one on top."
        )
    return Regions(tuple(cells), labels, overlapping, tuple(notes))


def placed(
    masks: Sequence[tuple[int, tuple[Box, np.ndarray]]], shape: tuple[int, int]
) -> tuple[np.ndarray, int]:
    """Paint the masks of cells that may overlap, the smaller ones on top.

    Parameters
    ----------
    masks : sequence of (int, (box, inside))
        Number, and the rows and columns with the pixels in these, of each.
    shape : (int, int)
        Rows and columns of the field.

    Returns
    -------
    labels : ndarray
        (Y, X), int32 or int64.
    overlapping : int
        How many share pixels with another.
    """
    largest = max((label for label, _ in masks), default=0)
    labels = np.zeros(shape, np.int64 if largest > np.iinfo(np.int32).max else np.int32)
    times = np.zeros(shape, np.uint16)
    for label, (box, inside) in sorted(masks, key=lambda one: -one[1][1].sum()):
        labels[box][inside] = label
        times[box][inside] += 1
    return labels, sum(bool((times[box][inside] > 1).any()) for _, (box, inside) in masks)
