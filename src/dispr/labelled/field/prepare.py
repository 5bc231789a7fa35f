"""From a field and its labels to cells that can be predicted: located, framed, cut out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dispr.cells.arrays import as_mask, grey_mask, same_shape
from dispr.cells.frame import PUBLISHED, Frame, Frames, choose_frames
from dispr.cells.framing import Crop, frame_crops, joined, scale_note, size_warning
from dispr.cells.spacing import as_pixel_size
from dispr.cells.square import Square, background_level, cut, square_about, whole_square
from dispr.errors import ArrayError, NoCellsError
from dispr.images.given import as_array
from dispr.labelled.channels import ANY, only_labels
from dispr.labelled.crop import crop_cell, too_small
from dispr.labelled.field.layers import Layers
from dispr.labelled.field.segment import segment
from dispr.labelled.grey import as_grey
from dispr.labelled.locate import (
    LocatedCell,
    as_labels,
    background_note,
    check_whole,
    locate_cells,
    refuse_greys,
)
from dispr.labelled.regions import Regions
from dispr.labelled.selection import Selection

BORDER = "It touches the border of the field, so part of it may be missing."


@dataclass(frozen=True, eq=False)
class FieldCell:
    """A cell of a field, and the part of the field that the model sees.

    Attributes
    ----------
    name : str
        Name of its files: name of the field and label.
    located : LocatedCell
        Where it is.
    square : Square
        The part of the field that the model sees at 64 x 64.
    height : float
        Height of its section above the imaged plane, in pixels; 0 except in a stack.
    warning : str
        Warning about the cell; empty if there is none.
    refused : str
        Why it cannot be predicted; empty if it can.
    """

    name: str
    located: LocatedCell
    square: Square
    warning: str = ""
    refused: str = ""
    height: float = 0.0

    @property
    def label(self) -> int:
        """Label of the cell in the label image."""
        return self.located.label


@dataclass(frozen=True, eq=False)
class PreparedField:
    """A field whose cells can be predicted; made by `prepare_field`.

    Attributes
    ----------
    image, labels : ndarray
        (Y, X): uint8, uint16 or float32; and integers, 0 for the background.
    cells : tuple of FieldCell
        In order of their labels.
    pixel_size : float or None
        Edge of a pixel in um.
    rule : str
        What the frames were chosen by (`Frames.rule`), or "whole" for a single cell.
    notes : tuple of str
        What a user must know of the whole field.
    background : float
        Grey value outside of the cells.
    mask : ndarray or None
        The mask of a single cell as it was given, perhaps with a grey border.
    which : Selection
        Which section of its file it is, where that has several.
    layers : Layers or None
        The stack that the cells are labelled in, where they are known in several planes.
    outlines : str
        A checksum of the masks of the cells, where these are from outlines, which can overlap.
    """

    image: np.ndarray
    labels: np.ndarray
    cells: tuple[FieldCell, ...]
    pixel_size: float | None
    rule: str
    notes: tuple[str, ...] = ()
    background: float = 0.0
    mask: np.ndarray | None = None
    which: Selection = ANY
    outlines: str = ""
    layers: Layers | None = None

    @property
    def predictable(self) -> list[FieldCell]:
        """The cells that are not refused."""
        return [cell for cell in self.cells if not cell.refused]

    def crop(self, cell: FieldCell) -> tuple[np.ndarray, np.ndarray]:
        """Cut out the image and mask of a cell; a single one that is its frame is whole."""
        if self.layers is not None:
            return self.layers.crop(cell.located, cell.square)
        if self.mask is not None:
            if self.rule == "whole":
                return self.image, self.mask
            grey = grey_mask(self.mask, "mask")
            return cut(self.image, cell.square, self.background), cut(grey, cell.square)
        image, mask, _ = crop_cell(
            self.image, self.labels, cell.located, cell.square.edge, self.background
        )
        return image, mask

    def checksums(self) -> dict[str, str]:
        """Give checksums of all that the cells' crops depend on."""
        labels = self.labels if self.mask is None else self.mask
        places = repr((self.rule, [(cell.name, cell.square) for cell in self.cells]))
        layers = self.layers
        return {
            "image": _digest(self.image if layers is None else layers.stack),
            "labels": self.outlines or _digest(labels if layers is None else layers.labels),
            "pixels": hashlib.sha256(repr(self.pixel_size).encode()).hexdigest()[:16],
            "frames": hashlib.sha256(places.encode()).hexdigest()[:16],
        }


def _digest(array: np.ndarray) -> str:
    found = hashlib.sha256(repr((array.dtype, array.shape)).encode())
    found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()[:16]


def prepare_field(
    image: Any,
    labels: Any = None,
    *,
    single: bool = False,
    pixel_size: float | None = None,
    frame: str | float = "auto",
    trained: Frame | None = PUBLISHED,
    name: str = "cell",
    image_name: str = "image",
    labels_name: str = "labels",
    caution: str = "",
) -> PreparedField:
    """Find the cells of a field and choose how each is shown to the model.

    Parameters
    ----------
    image : array-like
        (Y, X), grey values of any real type (`dispr.labelled.grey`).
    labels : array-like, optional
        (Y, X), whole numbers, 0 for the background; or `Regions`. Without them the image is
        segmented in a simple way (`dispr.labelled.field.segment`).
    single : bool
        The image is a crop of one cell, and the labels are its mask. The cell is seen as by
        `dispr.Model.predict` of the same two arrays (`dispr.cells.framing`).
    pixel_size : float, optional
        Edge of a pixel in um.
    frame : str or float
        How large a part of the field each cell is seen in (`dispr.cells.frame`).
    trained : Frame or None
        The frame that the model was trained on; None if it is not known.
    name : str
        What the names of cells begin with.
    image_name, labels_name : str
        What errors call the arrays.
    caution : str
        A warning that each cell gets.

    Raises
    ------
    ArrayError
        If an array cannot be used; a `NoCellsError` if there is no cell to predict.
    ConfigError
        If the frame or the pixel size cannot be used.
    """
    edge = as_pixel_size(pixel_size)
    grey = as_grey(image, image_name)
    mask: np.ndarray | None = None
    outlines = labels.digest() if isinstance(labels, Regions) else ""
    if single:
        mask = np.squeeze(as_array(_only_one(labels, labels_name), labels_name))
        same_shape(grey, mask, image_name, labels_name)
        as_mask(mask, labels_name)  # which refuses what is not a mask of one cell
        numbers = (mask if mask.dtype == bool else mask > mask.max() / 2).astype(np.int32)
        (located,) = locate_cells(numbers)
        framing = frame_crops([Crop(grey, mask, edge, name)], trained, frame)
        (square,), (odd,), notes = framing.squares, framing.warnings, list(framing.notes)
        cells: tuple[FieldCell, ...] = (FieldCell(name, located, square, joined(caution, odd)),)
        rule = "whole" if square == whole_square(grey.shape) else "um"
        mask = _writable(mask)
    else:
        if isinstance(labels, Regions):
            same_shape(grey, labels.labels, image_name, labels_name)
            numbers, notes, found = labels.labels, list(labels.notes), list(labels.cells)
        else:
            numbers, notes = _numbered(grey, labels, edge, image_name, labels_name)
            found = list(locate_cells(numbers))
            notes += _pieces_note(found, labels_name)
        whole = [not cell.border for cell in found]
        frames = choose_frames([cell.extent for cell in found], whole, edge, frame, trained)
        if edge is not None and frame == "auto" and frames.rule == "field":
            notes.append(scale_note(f" of {image_name}", frames.median, trained))
        cells, rule = _field_cells(found, frames, name, edge, trained, caution), frames.rule
        if all(cell.refused for cell in cells):
            size = float(np.median([cell.extent for cell in found]))
            raise NoCellsError(
                f"{labels_name}: all cells are too small to be predicted: the median cell is "
                f"{size:g} pixels long in a frame of {frames.edge:.4g}; check the pixel size and "
                "the frame."
            )
    level = background_level(grey, numbers)
    return PreparedField(
        grey, numbers, cells, edge, rule, tuple(notes), level, mask, outlines=outlines
    )


def prepare_layers(
    layers: Layers,
    *,
    frame: str | float = "auto",
    trained: Frame | None = PUBLISHED,
    name: str = "cell",
    labels_name: str = "labels",
) -> PreparedField:
    """Choose how the cells of a stack that are labelled in some of its planes are shown.

    Parameters
    ----------
    layers : Layers
        The stack and its labels. The image of the field is the plane in focus.
    frame, trained, name, labels_name
        As for `prepare_field`.

    Raises
    ------
    ArrayError
        As `prepare_field`.
    ConfigError
        If the frame cannot be used.
    """
    field = prepare_field(
        layers.stack[layers.focus],
        Regions(layers.cells, layers.projected()),
        pixel_size=layers.spacing[1],
        frame=frame,
        trained=trained,
        name=name,
        image_name=f"plane {layers.focus} of {layers.name}",
        labels_name=labels_name,
    )
    cells = tuple(
        replace(
            cell,
            height=layers.height(cell.label),
            warning=joined(cell.warning, layers.warning(cell.label, cell.square)),
        )
        for cell in field.cells
    )
    return replace(field, cells=cells, layers=layers, outlines="")


def _only_one(labels: Any, name: str) -> Any:
    """Give the mask of a single cell; that of its outline, if there is one."""
    if not isinstance(labels, Regions):
        return labels
    if len(labels.cells) > 1:
        raise ArrayError(
            f"{name} has {len(labels.cells)} outlines; give that of the single cell, or all with "
            "--labels."
        )
    return labels.labels > 0


def _numbered(
    grey: np.ndarray, labels: Any, pixel_size: float | None, image_name: str, labels_name: str
) -> tuple[np.ndarray, list[str]]:
    """Give each cell a number; say what a user must know of how."""
    if labels is None:
        try:
            numbers = segment(grey, pixel_size)
        except ArrayError as error:
            raise type(error)(f"{image_name}: {error}") from error
        return numbers, [
            f"{image_name} has no labels, so its cells were segmented by brightness only; check "
            "them, and use labels of a segmentation program such as Cellpose or StarDist for "
            "reliable results."
        ]
    checked = only_labels(as_array(labels, labels_name), name=labels_name)
    same_shape(grey, checked, image_name, labels_name)
    refuse_greys(checked, labels_name)
    try:
        numbers, from_mask = as_labels(checked)
    except ArrayError as error:
        raise type(error)(f"{labels_name}: {error}") from error
    of_mask = (
        f"{labels_name} is a mask with one value: each connected component was treated as a cell, "
        "so touching cells are merged."
    )
    told = (of_mask if from_mask else "", background_note(numbers, labels_name))
    return numbers, [note for note in told if note]


def _pieces_note(located: Sequence[LocatedCell], name: str) -> list[str]:
    """Say that the only cell is in pieces; nothing if it is whole, and refuse what is no label."""
    check_whole([cell.pieces for cell in located], name)
    if len(located) > 1 or located[0].pieces <= 2:
        return []
    return [
        f"{name} has one value, {located[0].label}, in {located[0].pieces} pieces, the largest of "
        "which was used; if it is a mask of several cells, save it with the value 255."
    ]


def _field_cells(
    located: Sequence[LocatedCell],
    frames: Frames,
    name: str,
    pixel_size: float | None,
    trained: Frame | None,
    caution: str,
) -> tuple[FieldCell, ...]:
    cells = []
    for cell, edge, enlarged in zip(located, frames.edges, frames.enlarged, strict=True):
        told = [caution]
        if cell.border:
            told.append(BORDER)
        if cell.pieces > 1:
            told.append(f"Its label has {cell.pieces} pieces; the largest was predicted.")
        if pixel_size is not None and trained is not None:
            told.append(size_warning(cell.extent, pixel_size, trained))
        if frames.rule != "cell" and enlarged:
            told.append("It is too large for the frame of its field, so it was scaled down.")
        square = square_about(cell.box, edge)
        refused = _refusal(cell, edge)
        cells.append(FieldCell(f"{name}_{cell.label:04d}", cell, square, joined(*told), refused))
    return tuple(cells)


def _refusal(cell: LocatedCell, edge: int) -> str:
    """Say why a cell cannot be predicted; nothing if it can."""
    if too_small(cell, edge):
        return "It was not predicted: it is too small to be a cell."
    mask = np.zeros((edge, edge), bool)
    height, width = cell.inside.shape
    mask[:height, :width] = cell.inside
    try:
        as_mask(mask)
    except ArrayError:
        return "It was not predicted: it is too thin at 64 x 64 pixels."
    return ""


def _writable(mask: np.ndarray) -> np.ndarray:
    """Bring a mask to a type that files keep: uint8, or float32 from 0 to 1."""
    if mask.dtype == np.uint8:
        return mask
    if mask.dtype.kind == "f":
        return mask.astype(np.float32)
    return (mask != 0).astype(np.uint8) * 255
