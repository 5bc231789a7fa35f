"""PNG files: exact values of all kinds, which Pillow alone does not give.

Pillow keeps the upper 8 bits of 16-bit pictures with more than one channel, and stretches grey
values of 2 and 4 bits to 8.
"""

from __future__ import annotations

import contextlib
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dispr.errors import FileError
from dispr.expansion import MOST_EXPANDED
from dispr.files import check_size
from dispr.images.kinds import PNG_BYTES
from dispr.images.values import Use, by_palette, without_colour, without_opacity

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Channels by the colour type of the header: grey, RGB, palette, grey and opacity, RGBA."""

_DAMAGED = "cannot be read as PNG: it is damaged or in another format; export it again, or as TIFF."


@dataclass(frozen=True, eq=False)
class Header:
    """What a PNG file says before its pixels.

    Attributes
    ----------
    width, height, bits, colour : int
        Size, bits of a value, colour type (`CHANNELS`).
    interlaced : bool
        Whether the pixels come in seven passes.
    palette : ndarray
        (colours, 3), uint8; empty if there is none.
    frames : int
        Pictures in the file, more than 1 in an animation.
    """

    width: int
    height: int
    bits: int
    colour: int
    interlaced: bool
    palette: np.ndarray
    frames: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the values as they are stored."""
        channels = CHANNELS[self.colour]
        return (self.height, self.width) if channels == 1 else (self.height, self.width, channels)


def read_png(path: Path, use: Use) -> tuple[np.ndarray, str]:
    """Read a PNG file.

    Parameters
    ----------
    path : Path
        The file.
    use : "image" or "labels"
        What it shows; see `dispr.images.values`.

    Returns
    -------
    array : ndarray
        (Y, X), or (Y, X, 3) in colours.
    axes : str
        "YX" or "YXS".

    Raises
    ------
    FileError
        If it cannot be read, holds several pictures, or is too large.
    ArrayError
        If its values cannot be understood.
    """
    header = read_header(path)
    check_size(path, header.shape, 2 if header.bits == 16 else 1)
    # Deflate makes no more of a byte, so that no more memory is asked for.
    if math.prod(header.shape) * header.bits > path.stat().st_size * 8 * MOST_EXPANDED[8]:
        raise FileError(f"{path} {_DAMAGED}")
    _check_lengths(path)
    if header.frames > 1:
        raise FileError(f"{path} is an animation with {header.frames} frames; save a single frame.")
    name = str(path)
    array = _deep(path, header) if header.bits == 16 and header.colour else _by_pillow(path, header)
    if header.colour == 3:
        array = by_palette(array, header.palette, name, use)
    elif header.bits in (2, 4) and use == "labels":
        array = array // np.uint8(255 // (2**header.bits - 1))
    elif header.colour in (4, 6):
        array = without_opacity(array[..., :-1], array[..., -1], name, use)
    if array.ndim == 3:
        array = without_colour(array)
    return array, "YXS"[: array.ndim]


def read_header(path: Path) -> Header:
    """Read what comes before the pixels.

    Raises
    ------
    FileError
        If this is not a PNG file.
    """
    palette, frames, start = b"", 1, b""
    try:
        with open(path, "rb") as file:
            if file.read(8) != PNG_BYTES:
                raise ValueError("signature")
            while True:
                length, kind = struct.unpack(">I4s", file.read(8))
                if kind == b"IDAT":
                    break
                if kind in (b"IHDR", b"PLTE", b"acTL"):
                    body = file.read(min(length, 1024))
                    start = body if kind == b"IHDR" else start
                    palette = body[:768] if kind == b"PLTE" else palette
                    frames = struct.unpack(">I", body[:4])[0] if kind == b"acTL" else frames
                    length -= len(body)
                file.seek(length + 4, 1)
        width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", start)
        if colour not in CHANNELS or bits not in (1, 2, 4, 8, 16) or not width * height:
            raise ValueError("header")
        colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
        return Header(width, height, bits, colour, bool(interlaced), colours, frames)
    except (OSError, ValueError, struct.error) as error:
        raise FileError(f"{path} {_DAMAGED}") from error


def _check_lengths(path: Path) -> None:
    """Make sure that no chunk claims to be longer than the file, which Pillow would ask for."""
    whole = path.stat().st_size
    with contextlib.suppress(struct.error), open(path, "rb") as file:
        file.seek(8)
        while True:
            length, _ = struct.unpack(">I4s", file.read(8))
            if length > whole:
                raise FileError(f"{path} {_DAMAGED}")
            file.seek(length + 4, 1)


def _by_pillow(path: Path, header: Header) -> np.ndarray:
    from PIL import PngImagePlugin

    try:
        # Not Image.open, which has a limit of its own.
        with open(path, "rb") as file, PngImagePlugin.PngImageFile(file) as picture:
            array = np.asarray(picture)
    except (OSError, SyntaxError, ValueError, zlib.error, struct.error) as error:
        raise FileError(f"{path} {_DAMAGED}") from error
    if array.shape != header.shape:
        raise FileError(f"{path} {_DAMAGED}")
    return array.astype(np.uint16) if header.bits == 16 else array


def _deep(path: Path, header: Header) -> np.ndarray:
    """Read a picture of 16 bits and several channels."""
    if header.interlaced:
        raise FileError(
            f"{path} is an interlaced PNG with 16 bits and several channels, which is not "
            "supported; save it as TIFF, or without interlacing."
        )
    channels = CHANNELS[header.colour]
    edge, pixel = header.width * channels * 2, channels * 2
    size = header.height * (1 + edge)
    expand = zlib.decompressobj()
    data = bytearray()
    try:
        with open(path, "rb") as file:
            file.seek(8)
            while len(data) < size:
                length, kind = struct.unpack(">I4s", file.read(8))
                if kind == b"IEND":
                    break
                if kind != b"IDAT":
                    file.seek(length + 4, 1)
                    continue
                body = file.read(length)
                if struct.unpack(">I", file.read(4))[0] != zlib.crc32(kind + body):
                    raise ValueError("checksum")
                data += expand.decompress(body, size - len(data))
    except (OSError, ValueError, zlib.error, struct.error) as error:
        raise FileError(f"{path} {_DAMAGED}") from error
    if len(data) != size:
        raise FileError(f"{path} {_DAMAGED}")
    rows = np.frombuffer(data, np.uint8).reshape(header.height, 1 + edge)
    if rows[:, 0].max() > 4:
        raise FileError(f"{path} {_DAMAGED}")
    values = unfiltered(rows[:, 0], rows[:, 1:].reshape(header.height, header.width, pixel))
    return values.view(">u2").astype(np.uint16)


def unfiltered(kinds: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """Undo the filters of PNG, in which pixels are differences to their neighbours.

    Each byte depends on those to the left, above and above left (PNG specification, 9.2). So all
    bytes on a diagonal are independent: they are computed at once, diagonal after diagonal.

    Parameters
    ----------
    kinds : ndarray
        (rows,): the filter of each row: none, left, above, mean, Paeth (0 to 4).
    stored : ndarray
        (rows, columns, bytes of a pixel), uint8.

    Returns
    -------
    ndarray
        uint8, of the same shape, C-contiguous.
    """
    height, width, size = stored.shape
    # With a margin of zeros above and to the left.
    found = np.zeros((height + 1, width + 1, size), np.int16)
    kind = kinds.astype(int)[:, None]
    for diagonal in range(height + width - 1):
        y = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
        x = diagonal - y
        left, above, corner = found[y + 1, x], found[y, x + 1], found[y, x]
        estimate = left + above - corner
        to_left, to_above = abs(estimate - left), abs(estimate - above)
        to_corner = abs(estimate - corner)
        paeth = np.where(
            (to_left <= to_above) & (to_left <= to_corner),
            left,
            np.where(to_above <= to_corner, above, corner),
        )
        guess = np.choose(kind[y], [np.zeros_like(left), left, above, (left + above) // 2, paeth])
        found[y + 1, x + 1] = (stored[y, x] + guess) & 255
    return np.ascontiguousarray(found[1:, 1:].astype(np.uint8))
