"""The strips and tiles of TIFF pages: whether all are there, and expand to what they state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dispr.expansion import MOST_EXPANDED, check_expansion
from dispr.files import damaged


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
        check_expansion(path, page)
