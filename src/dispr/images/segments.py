"""The strips and tiles of TIFF pages: whether all are there, and expand to what they state."""

from __future__ import annotations

import contextlib
import lzma
import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import FileError
from dispr.files import LARGEST, damaged

DEFLATE = (8, 32946, 50013)
LZMA = (34925,)
"""Codes of compressions that can expand a thousand times."""

MOST_EXPANDED = {1: 1, 5: 1500, 8: 1100, 32946: 1100, 50013: 1100, 32773: 64}
"""Bytes that a byte can expand to: stored as it is, LZW, Deflate, PackBits."""

_CHUNK = 2**24


def check_segments(path: Path, tiff: Any, pages: Sequence[Any]) -> None:
    """Make sure that all strips and tiles of pages are in the file, and expand to what they state.

    tifffile takes what is missing for zeros.

    Parameters
    ----------
    path : Path
        The file, for errors.
    tiff : tifffile.TiffFile
        The same, open; pages may be of other files of its set.
    pages : sequence of tifffile pages
        Those that are to be read.

    Raises
    ------
    FileError
        If something is missing, or would expand to far more than the page holds.
    """
    sizes: dict[int, int] = {}
    for page in pages:
        if page is None:
            raise damaged(path)
        handle = page.parent.filehandle
        size = sizes.setdefault(id(handle), int(handle.size))
        offsets, counts = page.dataoffsets, page.databytecounts
        if not counts or len(offsets) != len(counts) or 0 in counts:
            raise damaged(path)
        if any(offset + count > size for offset, count in zip(offsets, counts, strict=True)):
            raise damaged(path)
        key = page.keyframe
        # Of each compression, the bytes that one can stand for: no more memory is asked for.
        most = MOST_EXPANDED.get(int(key.compression))
        bits = math.prod(key.shape) * int(key.bitspersample)
        if most is not None and sum(counts) * most * 8 < bits:
            raise damaged(path)
        if int(key.compression) in DEFLATE + LZMA:
            largest = max(counts)
            if largest * 7000 > LARGEST:
                _check_expansion(path, handle, page)


@contextlib.contextmanager
def opened(handle: Any) -> Iterator[None]:
    """Open the file of a page, if it is closed, for the time of the block."""
    closed = handle.closed
    if closed:
        handle.open()
    try:
        yield
    finally:
        if closed:
            handle.close()


def _check_expansion(path: Path, handle: Any, page: Any) -> None:
    """Expand large segments piece by piece, to see that they are no larger than the page."""
    most = math.prod(page.keyframe.shape) * np.dtype(page.keyframe.dtype).itemsize + _CHUNK
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        with opened(handle):
            handle.seek(offset)
            left = handle.read(count)
        kind: Any = (
            lzma.LZMADecompressor()
            if int(page.keyframe.compression) in LZMA
            else zlib.decompressobj()
        )
        total = 0
        while total <= most and not kind.eof:
            piece = kind.decompress(left, _CHUNK)
            left = getattr(kind, "unconsumed_tail", b"")
            total += len(piece)
            if not piece and not left:
                break
        if total > most:
            raise FileError(
                f"{path} expands to more than the pixels that it states; it is damaged: export it "
                "again."
            )
