"""The letters of pictures: a font with µ and ³ where the machine has one."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

NAMES = ("DejaVuSans.ttf", "Arial.ttf", "arial.ttf", "LiberationSans-Regular.ttf")
"""Fonts with the letters of most languages, one of which most systems have."""

PLAIN = {"µ": "u", "²": "2", "³": "3"}  # Pillow's own font has few letters beyond ASCII


def find_font(size: int) -> Font:
    """Give a font of this height in pixels: of the system, of matplotlib, or Pillow's own."""
    found = _find()
    return ImageFont.truetype(found, size) if found else ImageFont.load_default(size)


def written(text: str) -> str:
    """Give a text as the font can write it: "um3" for "µm³" where there is only Pillow's own."""
    if _find():
        return text
    for letter, plain in PLAIN.items():
        text = text.replace(letter, plain)
    return text


@lru_cache(maxsize=1)
def _find() -> str | None:
    for name in NAMES:
        try:
            return str(ImageFont.truetype(name, 10).path)
        except OSError:
            continue
    package = find_spec("matplotlib")
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / NAMES[0]
    return str(path) if path.is_file() else None
