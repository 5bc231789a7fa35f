"""A panel of cells: section, side view, and the shapes that were drawn for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from dispr.pictures.letters import find_font, written
from dispr.pictures.render import shaded

TILE = 112
GAP = 6
HEAD = 22
LEFT = 166
LETTERS = 26  # of a name beside a cell, in a line
BAR = 6  # from the left end of a tile to its scale bar
FONT = 10
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
        Edge of a voxel in um, where it is known: section, side view and first sample then have a
        scale bar.
    """

    name: str
    image: np.ndarray
    mask: np.ndarray
    samples: np.ndarray
    probability: np.ndarray
    truth: np.ndarray | None = None
    note: str = ""
    voxel_size: float | None = None


@dataclass(frozen=True)
class Tile:
    """A picture in a sheet.

    Attributes
    ----------
    x, y : int
        Of its upper left corner, in pixels of a sheet of scale 1.
    picture : Image
        What is shown, `TILE` times the scale wide and high.
    bar : (float, str) or None
        Length of its scale bar in pixels of a sheet of scale 1, and what is written beside it.
    """

    x: int
    y: int
    picture: Image.Image
    bar: tuple[float, str] | None = None


@dataclass(frozen=True)
class Sheet:
    """A panel before it is drawn; lengths are in pixels of a sheet of scale 1.

    Attributes
    ----------
    width, height : int
        Of the sheet.
    texts : list of (int, int, str)
        Left and upper end of a text, and its lines.
    tiles : list of Tile
        The pictures.
    """

    width: int
    height: int
    texts: list[tuple[int, int, str]]
    tiles: list[Tile]


def lay_out(rows: Sequence[PanelRow], scale: int = 1) -> Sheet:
    """Lay out cells one below the other.

    From left to right: name; image with the mask's outline; vertical section (Z up) of the
    probability, with the outline of the truth where it is known; the truth; the samples. Shapes
    are seen from the side and a little from above, all at one scale.

    Parameters
    ----------
    rows : sequence of PanelRow
        The cells.
    scale : int
        How many times as fine the pictures are.
    """
    known = any(row.truth is not None for row in rows)
    count = max(len(row.samples) for row in rows)
    heads = ["section", "side view"] + ["truth"] * known + [f"sample {k}" for k in range(count)]
    texts = [(LEFT + i * (TILE + GAP), 5, head) for i, head in enumerate(heads)]
    tiles = []
    for i, row in enumerate(rows):
        top = HEAD + i * (TILE + GAP)
        texts.append((GAP, top + 4, f"{fill(row.name, LETTERS)}\n{row.note}"))
        pictures: list[Image.Image | None] = [_section(row, scale), _side(row, scale)]
        if known:
            pictures.append(None if row.truth is None else _solid(row.truth, TRUE, scale))
        shape = len(pictures)
        pictures += [_solid(sample, BODY, scale) for sample in row.samples]
        for j, picture in enumerate(pictures):
            bar = _bar(row) if j in (0, 1, shape) and picture is not None else None
            tiles.append(Tile(LEFT + j * (TILE + GAP), top, picture or _blank(scale), bar))
    width = LEFT + len(heads) * (TILE + GAP) + GAP
    return Sheet(width, HEAD + len(rows) * (TILE + GAP), texts, tiles)


def panel(rows: Sequence[PanelRow], scale: int = 1) -> Image.Image:
    """Draw cells one below the other, see `lay_out`; `scale` times as many pixels as at 1."""
    sheet = lay_out(rows, scale)
    picture = Image.new("RGB", (sheet.width * scale, sheet.height * scale), PAPER)
    draw = ImageDraw.Draw(picture)
    font = find_font(FONT * scale)
    for x, y, text in sheet.texts:
        draw.multiline_text((x * scale, y * scale), written(text), INK, font)
    for tile in sheet.tiles:
        picture.paste(tile.picture, (tile.x * scale, tile.y * scale))
        if tile.bar is not None:
            length, text = tile.bar
            left, low = (tile.x + BAR) * scale, tile.y + TILE
            right = left + round(length * scale) - 1
            draw.rectangle((left, (low - 8) * scale, right, (low - 5) * scale - 1), PAPER)
            draw.text((left, (low - 21) * scale), written(text), PAPER, font)
    return picture


def _bar(row: PanelRow) -> tuple[float, str] | None:
    if row.voxel_size is None:
        return None
    pixel = row.voxel_size * row.image.shape[1] / TILE
    length = bar_length(TILE * pixel / 3)
    return length / pixel, f"{length:g} µm"


def _section(row: PanelRow, scale: int) -> Image.Image:
    high = max(float(row.image.max()), 1.0)
    grey = _enlarged(row.image / high, scale)
    return _outlined(grey, _enlarged(row.mask > 127, scale, order=0) > 0.5, scale)


def bar_length(most: float) -> float:
    """Give the longest of 1, 2, 5, 10 and so on that is not longer than this."""
    power = 10.0 ** math.floor(math.log10(most))
    # What rounding took off must not make it a shorter one.
    return max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9))


def _side(row: PanelRow, scale: int) -> Image.Image:
    """Show the plane through the middle of the mask, Z up."""
    y = round(float(ndimage.center_of_mass(row.mask > 127)[0]))
    grey = _enlarged(row.probability[::-1, y], scale)
    if row.truth is None:
        return _outlined(grey, None, scale)
    return _outlined(grey, _enlarged(row.truth[::-1, y], scale, order=0) > 0.5, scale)


def _enlarged(plane: np.ndarray, scale: int, order: int = 1) -> np.ndarray:
    return ndimage.zoom(plane.astype(float), TILE * scale / plane.shape[0], order=order)


def _outlined(grey: np.ndarray, body: np.ndarray | None, scale: int) -> Image.Image:
    colours = np.repeat((np.clip(grey, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)
    if body is not None:
        colours[body & ~ndimage.binary_erosion(body, iterations=scale)] = OUTLINE
    return Image.fromarray(colours)


def _solid(body: np.ndarray, colour: np.ndarray, scale: int) -> Image.Image:
    grey = shaded(body, pixels=TILE * scale)
    lit = np.where(grey[..., None] > 0, grey[..., None] * colour, 0.08)
    return Image.fromarray((np.clip(lit, 0, 1) * 255).astype(np.uint8))


def _blank(scale: int) -> Image.Image:
    return Image.new("RGB", (TILE * scale,) * 2, PAPER)
