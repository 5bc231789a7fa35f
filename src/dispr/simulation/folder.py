"""Write a data set of simulated cells; resumable."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import floor
from pathlib import Path
from typing import Any

from dispr.cells.folder import KINDS, SPLITS, parts, tiff_files
from dispr.errors import ConfigError, FileError
from dispr.files import make_folder, write_tiff
from dispr.progress import SILENT, Progress
from dispr.records import begin, taken_up
from dispr.simulation.cell import check_numbers, check_types, simulate_cell

SIMULATOR_VERSION = 2
"""To be raised whenever a seed gives other cells than before."""

RECORD = "simulation.json"


def simulate_folder(
    out: str | os.PathLike[str],
    n: int,
    seed: int = 0,
    types: Sequence[str] | None = None,
    test_fraction: float = 0.2,
    progress: Progress = SILENT,
) -> dict[str, int]:
    """Write `n` simulated cells to `out`/{train,test}/{obj,image,mask}/NAME.tif.

    Run again with the same arguments, it adds what is missing and leaves the rest alone. Cell i
    and whether it is for testing depend on `seed`, `types` and `test_fraction`, not on `n`.

    Parameters
    ----------
    out : path
        The folder; made if it does not exist. `simulation.json` in it records the arguments.
    n : int
        Number of cells.
    seed : int
        Seed of all randomness.
    types : sequence of str or None
        The types, in turn; all published types if None.
    test_fraction : float
        Share of the cells of each type that go to `test`, 0 to 1.
    progress : Progress
        Told of each cell (`dispr.progress`).

    Returns
    -------
    dict
        Number of cells in "train" and "test".

    Raises
    ------
    ConfigError
        If an argument is out of its range or a type is unknown.
    FileError
        If the folder holds other cells, or cannot be written to.
    """
    chosen = check_types(types)
    check_numbers(n, seed)
    if not 0 <= test_fraction <= 1:
        raise ConfigError(f"The test fraction is {test_fraction}; choose 0 to 1.")
    folder = Path(out)
    record = {
        "simulator": SIMULATOR_VERSION,
        "seed": seed,
        "n": n,
        "types": list(chosen),
        "test_fraction": test_fraction,
    }
    plan = [(i, chosen[i % len(chosen)], split_of(i, len(chosen), test_fraction)) for i in range(n)]
    _claim(folder, record, {(split, f"{kind}{i:06d}") for i, kind, split in plan})
    # Both parts exist from the start, so that an interrupted run already is a data set.
    for split in {split for _, _, split in plan}:
        for kind in KINDS:
            make_folder(folder / split / kind)

    count = progress.counter("Simulating", n)
    for index, cell_type, split in plan:
        paths = {kind: folder / split / kind / f"{cell_type}{index:06d}.tif" for kind in KINDS}
        if not all(path.is_file() for path in paths.values()):
            cell = simulate_cell(cell_type, seed, index)
            for kind, path in paths.items():
                write_tiff(path, getattr(cell, kind))
        count()
    return {name: sum(split == name for _, _, split in plan) for name in SPLITS}


def split_of(index: int, type_count: int, test_fraction: float) -> str:
    """Say whether a cell is for "train" or "test".

    Every type gets its share, and the types take turns, so that small sets have test cells too.
    """
    turn = index // type_count + index % type_count
    is_test = floor((turn + 1) * test_fraction) > floor(turn * test_fraction)
    return "test" if is_test else "train"


def _claim(folder: Path, record: dict[str, Any], planned: set[tuple[str, str]]) -> None:
    """Make sure that the folder is free or of this very run, and record the run in it."""
    path = folder / RECORD
    before = taken_up(path, "simulated cells", record)
    found = {
        (split, name)
        for split, part in parts(folder).items()
        for kind in KINDS
        for name in tiff_files(part / kind)
    }
    if found - planned or (found and before is None):
        raise FileError(
            f"{folder} contains other cells; choose a new folder for the simulated cells."
        )
    if before is None:
        begin(path, record)
