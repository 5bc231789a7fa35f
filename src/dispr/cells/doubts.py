"""What can be read, but is probably not meant: masks in pieces, cut cells, empty images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from dispr.cells.pieces import pieces_of

SPECK = 3
"""Pixels of the smallest piece of a mask that is worth a word; real masks have single ones."""


def doubt_image(image: np.ndarray) -> str:
    """Say what is odd about an image (Y, X); nothing if it is not."""
    low, high = image.min(), image.max()
    if low == high:
        return f"has the same value, {low:g}, everywhere, so it shows nothing of the cell"
    if ((image == low) | (image == high)).all():
        return "has only two values, like a mask, so it shows nothing of the cell"
    return ""


def doubts_mask(inside: np.ndarray, of_pieces: bool = False) -> list[str]:
    """Say what is odd about a mask.

    Parameters
    ----------
    inside : ndarray
        (Y, X), bool, not empty.
    of_pieces : bool
        Whether the cell may be of several pieces, as clusters are.

    Returns
    -------
    list of str
        Ends of sentences that begin with the file; none if nothing is odd.
    """
    found = []
    border = np.concatenate([inside[0], inside[-1], inside[1:-1, 0], inside[1:-1, -1]])
    if border.any():
        found.append("touches the border of the image, so part of the cell may be missing")
    _, areas = pieces_of(inside)
    many = int(np.count_nonzero(areas >= SPECK))
    if many > 1 and not of_pieces:
        rest = int(areas.sum() - areas.max())
        found.append(
            f"has {many} pieces, {rest} pixels outside the largest, which the model also sees; "
            "remove pieces that do not belong to the cell"
        )
    return found


def doubt_sizes(shapes: Iterable[tuple[int, ...]]) -> str:
    """Say that the images of a data set are of several sizes; nothing if they are not."""
    counts = Counter(shapes)
    if len(counts) < 2:
        return ""
    common = [" x ".join(map(str, shape)) for shape, _ in counts.most_common(3)]
    return (
        f"the images have {len(counts)} sizes ({', '.join(common)}{', ...' * (len(counts) > 3)}); "
        "crop all cells to the same size, with the same pixel size, or give the pixel size"
    )
