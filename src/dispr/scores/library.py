"""The training cells that the baseline "nearest" chooses from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dispr.cells.folder import CellFiles, find_cells, parts
from dispr.cells.read import read_mask
from dispr.errors import FileError
from dispr.scores.baselines import nearest


class Library:
    """Training cells by their masks.

    Parameters
    ----------
    cells : sequence of CellFiles
        Those without an object are passed over.

    Raises
    ------
    FileError
        If a mask cannot be read.
    """

    def __init__(self, cells: Sequence[CellFiles]) -> None:
        known = [(cell.mask, cell.obj) for cell in cells if cell.obj is not None]
        self.files: list[Path] = [mask.resolve() for mask, _ in known]
        self.objs: list[Path] = [obj for _, obj in known]
        self.masks = np.array([read_mask(mask) > 0 for mask, _ in known], dtype=bool)

    def __len__(self) -> int:
        return len(self.objs)

    def most_similar(self, mask: Path) -> Path | None:
        """Give the object of the cell whose mask is most similar to the one in this file.

        The cell of the file itself is not a candidate: a training cell would be answered with its
        own truth. None if there is no other.

        Raises
        ------
        FileError
            If the mask cannot be read.
        """
        itself = mask.resolve()
        others = [i for i, file in enumerate(self.files) if file != itself]
        if not others:
            return None
        return self.objs[others[nearest(read_mask(mask), self.masks[others])]]


def training_cells(data: Path, train: Path | None = None) -> Library:
    """Find the training cells of a data set.

    Parameters
    ----------
    data : Path
        Data set; its part train is taken. Where there is none, the library is empty.
    train : Path, optional
        Data set to take them from instead: its part train, or all of it if it has no parts.

    Raises
    ------
    FileError
        If `train` holds no training cells with objects, or a file cannot be read.
    """
    if train is None:
        return Library(find_cells(data, split="train") if "train" in parts(data) else [])
    split = None if set(parts(train)) == {None} else "train"
    library = Library(find_cells(train, split=split, need_obj=True))
    if not len(library):
        raise FileError(f"{train} has no training cells with objects; give another data set.")
    return library
