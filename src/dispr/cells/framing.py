"""Crops of single cells, shown to a model as its training cells were.

A crop whose pixels are of known size is cut, or padded, to the square that the model was trained
on, with the cell in its middle, just as the cells of a field are; a crop that is that square
already is taken as it is. So one cell gets one shape, however it was cropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dispr.cells.arrays import (
    SIZE,
    as_image,
    as_mask,
    as_plane,
    grey_mask,
    same_shape,
    section_of,
)
from dispr.cells.box import Box, at_border, bounding_box, longer_side
from dispr.cells.frame import Frame, Scale, choose_scale, enlarge
from dispr.cells.pieces import pieces_of
from dispr.cells.square import Square, background_level, cut, square_about, whole_square

SMALLER = "It is too large for the frame, so it was scaled down."

CUT = "It touches the border of its image, so part of it may be missing."

_UNSTATED = "the weights do not state the frame of their training cells"

SPECK = 0.05
"""Share of the largest piece of a mask below which another piece is a speck, not of the cell."""


@dataclass(frozen=True, eq=False)
class Crop:
    """A crop of one cell, as it was given.

    Attributes
    ----------
    image, mask : ndarray
        (Y, X), as `dispr.cells.arrays.as_image` and `as_mask` take them.
    pixel_size : float or None
        Edge of a pixel in um.
    image_name, mask_name : str
        What errors call the arrays.
    cluster : bool
        Whether this is a cluster of cells, so that its mask may have several pieces.
    """

    image: np.ndarray
    mask: np.ndarray
    pixel_size: float | None = None
    image_name: str = "image"
    mask_name: str = "mask"
    cluster: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        height, width = section_of(self.mask, self.mask_name).shape
        return height, width

    @property
    def inside(self) -> np.ndarray:
        """Which pixels are the cell's, (Y, X) bool."""
        return grey_mask(section_of(self.mask, self.mask_name), self.mask_name) > 127


@dataclass(frozen=True)
class Framing:
    """How crops are shown to a model.

    Attributes
    ----------
    squares : tuple of Square
        The part of each crop that the model sees at 64 x 64.
    warnings : tuple of str
        What a user must know of each cell; empty if nothing.
    notes : tuple of str
        What was assumed of all.
    """

    squares: tuple[Square, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()


def frame_crops(
    crops: Sequence[Crop], trained: Frame | None, rule: str | float = "auto"
) -> Framing:
    """Choose the square of each crop, by all of them; see `FrameOfAll`.

    Raises
    ------
    ArrayError
        If a mask cannot be used.
    ConfigError
        If the rule is none.
    """
    frame = FrameOfAll([Extent.of(crop) for crop in crops], trained, rule)
    squares, warnings = zip(*map(frame.of, crops), strict=True) if crops else ((), ())
    return Framing(squares, warnings, frame.notes)


@dataclass(frozen=True)
class Extent:
    """What of a crop the frame of all depends on.

    Attributes
    ----------
    length : int
        Longer side of the cell in pixels.
    whole : bool
        Whether it is seen whole.
    shape : (int, int)
        Rows and columns of the crop.
    pixel_size : float or None
        Edge of a pixel in um.
    """

    length: int
    whole: bool
    shape: tuple[int, int]
    pixel_size: float | None

    @classmethod
    def of(cls, crop: Crop) -> Extent:
        """Measure a crop; ArrayError if its mask cannot be used."""
        box, _ = body_of(crop.inside)
        return cls(longer_side(box), not at_border(box, crop.shape), crop.shape, crop.pixel_size)


@dataclass(frozen=True)
class _Chosen:
    """The frame of crops of known pixel size, or of those of unknown."""

    scale: Scale
    edge: int
    published: bool


class FrameOfAll:
    """How the cells of a run are shown to a model, so that they can be compared with each other.

    Crops of known pixel size are seen in the frame of the training cells in um. The others have one
    frame in pixels: 64, as the published data, if at least half of them are 64 x 64; else that in
    which the median cell is as large as the median training cell. A crop that is the frame itself
    is taken whole, and in all others the cell stands in the middle.

    Parameters
    ----------
    extents : sequence of Extent
        Of all cells, or of many of them.
    trained : Frame or None
        The frame of the training cells; None if it is not known.
    rule : str or float
        As for `dispr.cells.frame.choose_scale`.

    Attributes
    ----------
    notes : tuple of str
        What was assumed.

    Raises
    ------
    ConfigError
        If the rule is none.
    """

    def __init__(
        self, extents: Sequence[Extent], trained: Frame | None, rule: str | float = "auto"
    ) -> None:
        self.trained, self.rule = trained, rule
        self._of_known: _Chosen | None = None
        self._of_unknown: _Chosen | None = None
        notes: list[str] = []
        known = [one for one in extents if one.pixel_size is not None]
        unknown = [one for one in extents if one.pixel_size is None]
        if known:
            self._of_known = self._choose(known)
            notes += self._notes(self._of_known, len(known), len(extents), True)
        if unknown:
            self._of_unknown = self._choose(unknown)
            notes += self._notes(self._of_unknown, len(unknown), len(extents), False)
        self.notes = tuple(notes)

    @property
    def key(self) -> str:
        """All that `of` depends on, as text."""
        return repr((self.rule, self.trained, self._of_known, self._of_unknown))

    def of(self, crop: Crop) -> tuple[Square, str]:
        """Choose the square of a crop.

        Returns
        -------
        Square
            The part of the crop that the model sees at 64 x 64.
        str
            What a user must know of the cell; empty if nothing.

        Raises
        ------
        ArrayError
            If its mask cannot be used.
        """
        body = body_of(crop.inside)
        box, size, shape = body[0], crop.pixel_size, crop.shape
        chosen = self._of_unknown if size is None else self._of_known
        if chosen is None:  # none of those that were looked at is like it
            chosen = self._choose([Extent.of(crop)])
        extent = longer_side(box)
        frames = chosen.scale.frames([extent], size)
        warning = _first_warning(crop, body, bool(at_border(box, shape)))
        plain = SIZE if chosen.published else chosen.edge
        if size is not None and self.trained is not None and self.rule == "auto":
            plain = round(self.trained.edge_um / size)
            warning = joined(warning, size_warning(extent, size, self.trained))
        if self.rule != "cell" and shape == (plain, plain):
            return whole_square(shape), warning
        edge = enlarge(extent, SIZE) if chosen.published else frames.edges[0]
        larger = edge > SIZE if chosen.published else frames.enlarged[0]
        if frames.rule != "cell" and larger:
            warning = joined(warning, SMALLER)
        return square_about(box, edge), warning

    def _choose(self, extents: Sequence[Extent]) -> _Chosen:
        sizes = [one.pixel_size for one in extents if one.pixel_size is not None] or None
        lengths = [one.length for one in extents]
        whole = [one.whole for one in extents]
        scale = choose_scale(lengths, whole, sizes, self.rule, self.trained)
        # Published data are 64 x 64 pixels of a size that their files do not state.
        published = self.rule == "auto" and (sizes is None or self.trained is None)
        published &= 2 * sum(one.shape == (SIZE, SIZE) for one in extents) >= len(extents)
        return _Chosen(scale, scale.frames(lengths, sizes).edge, published)

    def _notes(self, chosen: _Chosen, count: int, total: int, known: bool) -> list[str]:
        """Say what was assumed of crops; nothing where all is known."""
        if self.rule != "auto" or chosen.scale.rule == "um":
            return []
        which = "" if count == total else f" of {count} of {total} cells"
        if known and not chosen.published:
            return [scale_note(which, chosen.scale.median, self.trained)]
        what = _UNSTATED if known else f"the pixel size{which} is not known"
        if chosen.published:
            size = "" if self.trained is None else f", {self.trained.edge_um:.5g} um"
            return [f"{what}: 64 pixels were assumed to be the frame of the training cells{size}."]
        return [
            f"{what}: all were shown at one scale, {chosen.edge} pixels as the frame, in which the "
            "median cell is as large as the median training cell; give --pixel-size and, for "
            "weights that do not state it, --frame."
        ]


def joined(*texts: str) -> str:
    """Join sentences; empty ones are left out."""
    return " ".join(filter(None, texts))


def _first_warning(crop: Crop, body: tuple[Box, int], border: bool) -> str:
    """Say what of a mask a user must know; nothing if all is well."""
    told = [CUT] if border else []
    if crop.image.size and crop.image.min() == crop.image.max():
        told.append("Its image has the same value everywhere, so only its outline is known.")
    if body[1] > 1 and not crop.cluster:
        told.append(f"Its mask has {body[1]} pieces, which were treated as one cell.")
    return joined(*told)


def scale_note(which: str, length: float, trained: Frame | None) -> str:
    """Say that cells, of pixels of known size, were not shown at the scale of the training cells.

    Parameters
    ----------
    which : str
        Which cells, such as " of a.tif"; empty for all.
    length : float
        Longer side of the median one in um.
    trained : Frame or None
        The frame of the training cells; None if it is not known.
    """
    median = f"the median cell{which}"
    if trained is None:
        return (
            f"{_UNSTATED}, so {median} ({length:.3g} um long) was scaled to the size of "
            "the median training cell; give the frame in um if it is known."
        )
    low, high = trained.span_um
    return (
        f"{median} is {length:.3g} um long, unlike the {trained.cells} that the model was "
        f"trained on ({low:.3g} to {high:.3g} um), so the cells were shown at another scale; check "
        "the pixel size."
    )


def shown(crop: Crop, square: Square) -> tuple[np.ndarray, np.ndarray]:
    """Give what the model sees of a crop: image and mask, (64, 64) uint8.

    Beyond the crop there is background: the median grey value outside of the cell.

    Raises
    ------
    ArrayError
        If the image or the mask cannot be used.
    """
    names = crop.image_name, crop.mask_name
    if square == whole_square(crop.shape):
        return as_image(crop.image, names[0]), as_mask(crop.mask, names[1])
    image, mask = section_of(crop.image, names[0], "image"), section_of(crop.mask, names[1])
    grey = grey_mask(mask, names[1])
    level = background_level(image, grey > 127)
    return (
        as_image(cut(image, square, level), names[0]),
        as_mask(cut(grey, square), names[1]),
    )


def plane_shown(crop: Crop, plane: np.ndarray, square: Square, name: str) -> np.ndarray:
    """Give what the model sees of the cell's mask in another plane: (64, 64) uint8.

    Parameters
    ----------
    crop : Crop
        The cell's section.
    plane : ndarray
        The mask, cropped as the section is; all 0 above or below the cell.
    square : Square
        What the model sees of the crop.
    name : str
        What errors call the plane.

    Raises
    ------
    ArrayError
        If it cannot be used, or is not as large as the section.
    """
    mask = section_of(plane, name)
    same_shape(crop.mask, mask, crop.mask_name, name)
    if square == whole_square(crop.shape) or not mask.any():
        return as_plane(mask, name)
    return as_plane(cut(grey_mask(mask, name), square), name)


def size_warning(extent: int, pixel_size: float, trained: Frame) -> str:
    """Say that a cell is larger or smaller than any training cell; nothing if it is not.

    Parameters
    ----------
    extent : int
        Its longer side in pixels.
    pixel_size : float
        Edge of a pixel in um.
    trained : Frame
        The frame of the training cells.
    """
    # By one pixel of 64 the outline of a cell may be drawn otherwise.
    if trained.holds(extent * pixel_size, slack=1):
        return ""
    low, high = trained.span_um
    return (
        f"It is {extent * pixel_size:.3g} um long, unlike the {trained.cells} of the training data "
        f"({low:.3g} to {high:.3g} um)."
    )


def body_of(inside: np.ndarray) -> tuple[Box, int]:
    """Give the box about a cell and the number of its pieces.

    Parameters
    ----------
    inside : ndarray
        (Y, X), bool: its pixels. Pieces smaller than `SPECK` of the largest one are passed over:
        one stray pixel would move the box. Where nothing is inside, the box is the whole.
    """
    pieces, areas = pieces_of(inside)
    if not areas.size:
        return tuple(slice(0, length) for length in inside.shape), 0
    large = areas >= SPECK * areas.max()
    return bounding_box(np.append(False, large)[pieces]), int(large.sum())
