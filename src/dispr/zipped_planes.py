"""Stacks whose planes are compressed one by one, as this program writes them: read at once.

tifffile makes an object of each tag of each plane, which takes several times as long as the planes
themselves. What is not exactly such a file is left to it, and so is every error.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_BYTES = 2**26
"""Larger files are left to tifffile, which need not have them in memory."""

WIDTH, LENGTH, BITS, COMPRESSION, LIGHT, DESCRIPTION, OFFSET = 256, 257, 258, 259, 262, 270, 273
CHANNELS, ROWS, BYTES, UNIT, PROGRAM, FORMAT = 277, 278, 279, 296, 305, 339
RESOLUTION = (282, 283)
NUMBERS = {WIDTH, LENGTH, BITS, COMPRESSION, LIGHT, OFFSET, CHANNELS, ROWS, BYTES}
BESIDE = {DESCRIPTION, *RESOLUTION, UNIT, PROGRAM, FORMAT}
"""Tags of a plane: those that all have, and others; a file with any further one is another kind."""

DEFLATE = (8, 32946)
KINDS = {(8, 1): "u1", (16, 1): "<u2", (32, 3): "<f4"}
"""Types by the bits of a value and the format: 1 of whole numbers, 3 of floating point."""

WORDS = {
    "ImageJ",
    "images",
    "slices",
    "hyperstack",
    "mode",
    "unit",
    "spacing",
    "loop",
    "min",
    "max",
}
"""What the description of a stack along Z says; other words may tell of other axes."""


@dataclass(frozen=True)
class ZippedPlanes:
    """A file of planes of one size and type, each one strip.

    Attributes
    ----------
    shape : (int, int, int)
        Planes, rows and columns.
    dtype : numpy.dtype
        Of the values.
    parts : list of bytes
        The compressed planes.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    parts: list[bytes]

    def read(self) -> np.ndarray | None:
        """Expand the planes; None if one of them is damaged, or is not of its size."""
        _, rows, columns = self.shape
        size = rows * columns * self.dtype.itemsize
        planes = bytearray()
        for part in self.parts:
            one = zlib.decompressobj()
            try:
                planes += one.decompress(part, size + 1)
            except zlib.error:
                return None
            if not one.eof or one.unused_data or len(planes) % size:
                return None
        if len(planes) != size * len(self.parts):
            return None
        values = np.frombuffer(planes, self.dtype).reshape(self.shape)
        return values.astype(self.dtype.newbyteorder("="), copy=False)


def zipped_planes(path: str | os.PathLike[str]) -> ZippedPlanes | None:
    """Find the planes of a stack along Z; None if the file is of any other kind, or not there."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(size) if size <= MOST_BYTES else b""
        return _planes(content)
    except (OSError, struct.error, ValueError):
        return None


def _planes(content: bytes) -> ZippedPlanes | None:
    if content[:4] != b"II*\0":
        return None
    (offset,) = struct.unpack_from("<I", content, 4)
    end = 0
    parts: list[bytes] = []
    first: dict[int, int] = {}
    described = -1
    while offset:
        if offset < end:  # pages in a circle, or in another order
            return None
        (count,) = struct.unpack_from("<H", content, offset)
        end = offset + 2 + 12 * count
        entries = list(struct.iter_unpack("<HHII", content[offset + 2 : end]))
        tags = {tag: value for tag, _, _, value in entries}
        if len(tags) != count or not tags.keys() >= NUMBERS or not tags.keys() <= NUMBERS | BESIDE:
            return None
        for tag, kind, values, value in entries:
            # Numbers stand in the entry itself, two bytes of them or four.
            if tag in NUMBERS and not (
                values == 1 and (kind == 4 or (kind == 3 and value < 2**16))
            ):
                return None
        if not parts:
            first = tags
            described = _slices(content, entries)
        elif DESCRIPTION in tags or any(
            tags.get(tag) != first.get(tag) for tag in (NUMBERS | {FORMAT}) - {OFFSET, BYTES}
        ):
            return None
        start, length = tags[OFFSET], tags[BYTES]
        if not 0 < length <= len(content) - start:
            return None
        parts.append(content[start : start + length])
        (offset,) = struct.unpack_from("<I", content, end)
    kind = KINDS.get((first.get(BITS, 0), first.get(FORMAT, 1)))
    usual = (
        first.get(COMPRESSION) in DEFLATE
        and first.get(LIGHT) == 1
        and first.get(CHANNELS) == 1
        and first.get(ROWS) == first.get(LENGTH)
    )
    if kind is None or not usual or len(parts) < 2 or described != len(parts):
        return None
    shape = (len(parts), first[LENGTH], first[WIDTH])
    return ZippedPlanes(shape, np.dtype(kind), parts) if min(shape) > 0 else None


def _slices(content: bytes, entries: list[tuple[int, int, int, int]]) -> int:
    """Give how many planes along Z a description of ImageJ states; -1 if it says anything else."""
    for tag, kind, count, value in entries:
        if tag == DESCRIPTION and kind == 2 and 4 < count <= len(content) - value:
            text = content[value : value + count].rstrip(b"\0").decode("ascii")
            said = dict(line.split("=", 1) for line in text.splitlines() if line)
            if text.startswith("ImageJ=") and said.keys() <= WORDS:
                both = {said.get("images", ""), said.get("slices", "")}
                number = both.pop()
                return int(number) if not both and number.isdecimal() else -1
    return -1
