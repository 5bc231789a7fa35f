"""How much compressed parts of files expand to: looked at before they are expanded."""

from __future__ import annotations

import contextlib
import lzma
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import FileError

DEFLATE = (8, 32946, 50013)
LZMA = (34925,)
"""Codes of compressions of TIFF that can expand a thousand times."""

MOST_EXPANDED = {1: 1, 5: 1500, 8: 1100, 32946: 1100, 50013: 1100, 32773: 64}
"""Bytes that a byte can expand to: stored as it is, LZW, Deflate, PackBits."""

MOST_BY_LZMA = 7000

FREELY = 2**28
"""Bytes that a strip or tile may expand to without being looked at first: 256 MiB."""

_CHUNK = 2**24


def check_expansion(path: Path, page: Any) -> None:
    """Make sure that no strip or tile of a page of TIFF expands to more than the page.

    Large ones are expanded for this, piece by piece; tifffile expands them whole.

    Parameters
    ----------
    path : Path
        The file, for errors.
    page : tifffile page
        Whose segments are all there.

    Raises
    ------
    FileError
        If one does.
    """
    compression = int(page.keyframe.compression)
    if compression not in DEFLATE + LZMA or not page.databytecounts:
        return
    each = MOST_BY_LZMA if compression in LZMA else MOST_EXPANDED[compression]
    if max(page.databytecounts) * each <= FREELY:
        return
    most = math.prod(page.keyframe.shape) * np.dtype(page.keyframe.dtype).itemsize + _CHUNK
    handle = page.parent.filehandle
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        with opened(handle):
            handle.seek(offset)
            left = handle.read(count)
        kind: Any = lzma.LZMADecompressor() if compression in LZMA else zlib.decompressobj()
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
