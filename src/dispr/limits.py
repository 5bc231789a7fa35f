"""How large files may become in memory: one limit, which a user can raise.

What a file would take is told by its header, or by its length where its content is text, so that
what is too large is refused before it is expanded.
"""

from __future__ import annotations

import math
import os

from dispr.errors import ConfigError

VARIABLE = "DISPR_LARGEST_GIB"
"""The environment variable that raises or lowers all limits."""

DEFAULT_GIB = 4.0
"""Of the largest image or stack, uncompressed."""


def _gib() -> float:
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return DEFAULT_GIB
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 2**20:
        raise ConfigError(
            f"{VARIABLE} must be a positive number of GiB, not {text!r}; correct it, or unset it."
        )
    return value


def largest_image() -> int:
    """Give the bytes of the largest image or stack that is read, uncompressed.

    Raises
    ------
    ConfigError
        If the environment variable `DISPR_LARGEST_GIB` is no number.
    """
    return int(_gib() * 2**30)


def largest_plane() -> int:
    """Give the pixels of the largest plane that is read: by default 16,384 x 16,384."""
    return largest_image() // 16


def largest_archive() -> int:
    """Give the bytes that an archive may unpack to; the published cells are 0.25 GB."""
    return largest_image() * 2


def largest_weights() -> int:
    """Give the bytes of the largest file of weights, and of its parameters as float32."""
    return largest_image()


def largest_table() -> int:
    """Give the bytes of the largest table that commands wrote: by default 256 MiB."""
    return largest_image() // 16


def largest_text() -> int:
    """Give the bytes of the largest JSON record or table of a user: by default 64 MiB.

    Parsed it takes some twenty times as much.
    """
    return largest_image() // 64


def largest_xml() -> int:
    """Give the characters of the largest OME-XML: by default 32 Mi; parsed it takes 30 times so."""
    return largest_image() // 128


def raise_it() -> str:
    """Say how a limit is raised, as the end of a sentence."""
    return f"to allow it, set {VARIABLE} above {_gib():g}"
