"""Cells as a data set with a memory cache, and the validation split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TypedDict

import numpy as np
import torch
from torch.utils.data import Dataset

from dispr.cells.blocks import blocks
from dispr.cells.classes import CLASSES, CellName, parse_name
from dispr.cells.folder import CellFiles
from dispr.cells.read import Cell, read_cell
from dispr.errors import ConfigError, FileError


class Batch(TypedDict):
    """Cells stacked: uint8 images (N, 64, 64) and volumes (N, 64, 64, 64), classes (N,), names."""

    image: torch.Tensor
    mask: torch.Tensor
    obj: torch.Tensor
    label: torch.Tensor
    names: list[str]


class CellDataset(Dataset[Cell]):
    """Cells with their 3D shapes, read when first asked for and then kept in memory.

    Parameters
    ----------
    files : sequence of CellFiles
        All with an obj.
    cache_bytes : int
        Most bytes of decoded arrays to keep (264 KiB a cell); the rest is read anew each time.

    Raises
    ------
    FileError
        If a cell has no obj; on access, if a file cannot be read or is refused.
    """

    def __init__(self, files: Sequence[CellFiles], cache_bytes: int = 8 * 2**30) -> None:
        for file in files:
            if file.obj is None:
                raise FileError(
                    f"{file.image} has no 3D shape; add {file.image.name} to the folder obj."
                )
        self.files = list(files)
        self._cache: dict[int, Cell] = {}
        self._room = cache_bytes

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[Cell]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> Cell:
        # Negative indices and the end of iteration follow the list.
        position = range(len(self.files))[index]
        cell = self._cache.get(position)
        if cell is None:
            cell = read_cell(self.files[position])
            size = cell.image.nbytes + cell.mask.nbytes + _obj(cell).nbytes
            if size <= self._room:
                self._room -= size
                self._cache[position] = cell
        return cell

    def batch(self, indices: Sequence[int]) -> Batch:
        """Stack cells.

        Parameters
        ----------
        indices : sequence of int
            Places in `files`, repeated or not.

        Returns
        -------
        dict
            image, mask: uint8 tensors (N, 64, 64); obj: uint8 tensor (N, 64, 64, 64); label: long
            tensor (N,) of indices into `CLASSES`, -1 where the name tells no class; names.
        """
        cells = [self[int(i)] for i in indices]
        classes = [parse_name(cell.name).cell_class for cell in cells]
        return {
            "image": torch.from_numpy(np.stack([cell.image for cell in cells])),
            "mask": torch.from_numpy(np.stack([cell.mask for cell in cells])),
            "obj": torch.from_numpy(np.stack([_obj(cell) for cell in cells])),
            "label": torch.tensor([-1 if c is None else CLASSES.index(c) for c in classes]),
            "names": [cell.name for cell in cells],
        }


def _obj(cell: Cell) -> np.ndarray:
    assert cell.obj is not None
    return cell.obj


def validation_split(
    files: Sequence[CellFiles], fraction: float = 0.1, seed: int = 0
) -> tuple[list[CellFiles], list[CellFiles]]:
    """Set cells aside for validation, whole blocks of neighbouring numbers at a time.

    Cells with neighbouring numbers often come from one donor, so that a validation cell would
    otherwise have its siblings in training. Within each type, consecutive numbers make a run, and
    longer runs are cut into blocks of at most eight. Blocks are drawn as long as that brings the
    type's share nearer to `fraction`; one block at least stays in training. Cells without a number
    are blocks of their own.

    Parameters
    ----------
    files : sequence of CellFiles
        In any order, which does not matter.
    fraction : float
        Share of cells to set aside, from 0 to less than 1.
    seed : int
        Chooses the blocks.

    Returns
    -------
    train, validation : list of CellFiles
        Both sorted by name.
    """
    if not 0 <= fraction < 1:
        raise ConfigError(
            f"The validation fraction must be at least 0 and below 1, not {fraction}."
        )
    by_type: dict[str, list[tuple[CellName, CellFiles]]] = defaultdict(list)
    for file in sorted(files, key=lambda file: (file.name, str(file.image))):
        name = parse_name(file.name)
        by_type["" if name.number is None else name.type].append((name, file))
    validation: list[CellFiles] = []
    for kind in sorted(by_type):
        chunks = blocks(by_type[kind])
        # Types are drawn apart, so that cells of one type do not change the choice in another.
        rng = np.random.default_rng([seed, *kind.encode()])
        target, taken, left = fraction * len(by_type[kind]), 0, len(chunks)
        for i in rng.permutation(len(chunks)):
            nearer = abs(taken + len(chunks[i]) - target) <= abs(taken - target)
            if left > 1 and nearer:
                validation += chunks[i]
                taken += len(chunks[i])
                left -= 1
    chosen = {id(file) for file in validation}
    train = [file for file in files if id(file) not in chosen]
    return sorted(train, key=lambda f: f.name), sorted(validation, key=lambda f: f.name)
