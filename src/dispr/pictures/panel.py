"""A panel of cells: section, side view, and the shapes that were drawn for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from dispr.pictures.render import shaded

TILE = 112
GAP = 6
HEAD = 22
LEFT = 150
PAPER, INK = (255, 255, 255), (30, 30, 30)
BODY = np.array([0.95, 0.45, 0.40])  # colour of predicted shapes
TRUE = np.array([0.45, 0.65, 0.95])  # colour of the truth
OUTLINE = (255, 200, 0)


@dataclass(frozen=True)
class PanelRow:
    """What is shown of a cell.

    Attributes
    ----------
    name : str
        Written beside it.
    image, mask : ndarray
        (Y, X) uint8.
    samples : ndarray
        (K, Z, Y, X) bool.
    probability : ndarray
        (Z, Y, X), 0 to 1.
    truth : ndarray or None
        (Z, Y, X) bool, where it is known.
    note : str
        More lines beside it.
    voxel_size : float or None
        Edge of a voxel in um, where it is known: the section then has a scale bar.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    samples: np.ndarray
    probability: np.ndarray
    truth: np.ndarray | None = None
    note: str = ""
    voxel_size: float | None = None


def panel(rows: Sequence[PanelRow]) -> Image.Image:
    """Draw cells one below the other.

    From left to right: name; image with the mask's outline; vertical section (Z up) of the
    probability, with the outline of the truth where it is known; the truth; the samples. Shapes
    are seen from the side and a little from above, all at one scale.
    """
    known = any(row.truth is not None for row in rows)
    count = max(len(row.samples) for row in rows)
    heads = ["section", "side view"] + ["truth"] * known + [f"sample {k}" for k in range(count)]
    width = LEFT + len(heads) * (TILE + GAP) + GAP
    sheet = Image.new("RGB", (width, HEAD + len(rows) * (TILE + GAP)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, head in enumerate(heads):
        draw.text((LEFT + i * (TILE + GAP), 5), head, INK)
    for i, row in enumerate(rows):
        top = HEAD + i * (TILE + GAP)
        draw.multiline_text((GAP, top + 4), f"{row.name}\n{row.note}", INK)
        tiles = [_section(row), _side(row)]
        if known:
            tiles.append(
                _blank() if row.truth is None else _coloured(shaded(row.truth, pixels=TILE), TRUE)
            )
        tiles += [_coloured(shaded(sample, pixels=TILE), BODY) for sample in row.samples]
        for j, tile in enumerate(tiles):
            sheet.paste(tile, (LEFT + j * (TILE + GAP), top))
    return sheet


def _section(row: PanelRow) -> Image.Image:
    high = max(float(row.image.max()), 1.0)
    grey = _enlarged(row.image / high)
    tile = _outlined(grey, _enlarged(row.mask > 127, order=0) > 0.5)
    if row.voxel_size is not None:
        pixel = row.voxel_size * row.image.shape[1] / TILE
        length = bar_length(TILE * pixel / 3)
        draw = ImageDraw.Draw(tile)
        draw.rectangle((6, TILE - 8, 5 + round(length / pixel), TILE - 6), PAPER)
        draw.text((6, TILE - 21), f"{length:g} um", PAPER)
    return tile


def bar_length(most: float) -> float:
    """Give the longest of 1, 2, 5, 10 and so on that is not longer than this."""
    power = 10.0 ** math.floor(math.log10(most))
    # What rounding took off must not make it a shorter one.
    return max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9))


def _side(row: PanelRow) -> Image.Image:
    """Show the plane through the middle of the mask, Z up."""
    y = round(float(ndimage.center_of_mass(row.mask > 127)[0]))
    grey = _enlarged(row.probability[::-1, y])
    if row.truth is None:
        return _outlined(grey, None)
    return _outlined(grey, _enlarged(row.truth[::-1, y], order=0) > 0.5)


def _enlarged(plane: np.ndarray, order: int = 1) -> np.ndarray:
    return ndimage.zoom(plane.astype(float), TILE / plane.shape[0], order=order)


def _outlined(grey: np.ndarray, body: np.ndarray | None) -> Image.Image:
    colours = np.repeat((np.clip(grey, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)
    if body is not None:
        colours[body & ~ndimage.binary_erosion(body)] = OUTLINE
    return Image.fromarray(colours)


def _coloured(grey: np.ndarray, colour: np.ndarray) -> Image.Image:
    lit = np.where(grey[..., None] > 0, grey[..., None] * colour, 0.08)
    return Image.fromarray((np.clip(lit, 0, 1) * 255).astype(np.uint8))


def _blank() -> Image.Image:
    return Image.new("RGB", (TILE, TILE), PAPER)
