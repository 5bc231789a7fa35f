"""A panel as SVG: texts and scale bars stay texts and bars that one can edit."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from xml.sax.saxutils import escape

from dispr.pictures.panel import BAR, FONT, INK, PAPER, TILE, PanelRow, Tile, lay_out

FINENESS = 3
"""How many times as fine the pictures are as on a screen."""


def panel_svg(rows: Sequence[PanelRow], scale: int = FINENESS) -> str:
    """Draw cells one below the other, see `dispr.pictures.panel.lay_out`, as SVG.

    Sections and rendered shapes are PNG pictures inside it, `scale` times as fine as its units.
    """
    sheet = lay_out(rows, scale)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{sheet.width}" height="{sheet.height}" '
        f'viewBox="0 0 {sheet.width} {sheet.height}" font-family="sans-serif" '
        f'font-size="{FONT}">',
        f'<rect width="100%" height="100%" fill="{_colour(PAPER)}"/>',
    ]
    for x, y, text in sheet.texts:
        for i, line in enumerate(text.split("\n")):
            low = y + FONT + round(i * 1.4 * FONT)
            parts.append(f'<text x="{x}" y="{low}" fill="{_colour(INK)}">{escape(line)}</text>')
    for tile in sheet.tiles:
        parts += _tile(tile)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _tile(tile: Tile) -> list[str]:
    data = io.BytesIO()
    tile.picture.save(data, format="PNG")
    coded = base64.b64encode(data.getvalue()).decode()
    parts = [
        f'<image x="{tile.x}" y="{tile.y}" width="{TILE}" height="{TILE}" '
        f'href="data:image/png;base64,{coded}"/>'
    ]
    if tile.bar is not None:
        length, text = tile.bar
        left, low = tile.x + BAR, tile.y + TILE
        parts += [
            f'<rect x="{left}" y="{low - 8}" width="{length:.3f}" height="3" '
            f'fill="{_colour(PAPER)}"/>',
            f'<text x="{left}" y="{low - 11}" fill="{_colour(PAPER)}">{escape(text)}</text>',
        ]
    return parts


def _colour(rgb: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)
