"""Data sets of simulated cells."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dispr.errors import ConfigError
from dispr.files import atomic_path, make_folder, write_tiff
from dispr.simulate.cell import TYPES, SimulatedCell, simulate_cell

SETTINGS = "simulation.json"
VERSION = 1
"""Changes when the same seed gives other cells."""


def simulate(n: int, seed: int = 0, types: Sequence[str] | None = None) -> Iterator[SimulatedCell]:
    """Simulate cells, the types in turn.

    Cell i depends on the seed and i alone, not on n.

    Parameters
    ----------
    n : int
        How many.
    seed : int
        Another seed gives other cells.
    types : sequence of str, optional
        Types to choose from (`dispr.simulate.cell.TYPES`); all if not given.

    Raises
    ------
    ConfigError
        If there is no such type, or n is not positive.
    """
    chosen = check_types(types)
    if n < 1:
        raise ConfigError(f"the number of cells must be at least 1, not {n}.")
    for i in range(n):
        yield simulate_cell(chosen[i % len(chosen)], (seed, i))


def simulate_folder(
    out: Path,
    n: int,
    seed: int = 0,
    types: Sequence[str] | None = None,
    test_fraction: float = 0.2,
    on_cell: Callable[[], Any] | None = None,
) -> None:
    """Write a data set of simulated cells: `train` and `test` with `obj`, `image` and `mask`.

    Cells that an interrupted call has written are kept.

    Parameters
    ----------
    out : Path
        Folder to write.
    n, seed, types
        As for `simulate`.
    test_fraction : float
        Share of the cells that go to `test`, 0 to 1.
    on_cell : callable, optional
        Called after each cell.

    Raises
    ------
    ConfigError
        If a setting is invalid, or the folder holds other cells.
    FileError
        If a file cannot be written.
    """
    chosen = check_types(types)
    if n < 1:
        raise ConfigError(f"the number of cells must be at least 1, not {n}.")
    if not 0 <= test_fraction <= 1:
        raise ConfigError(f"the test fraction must be from 0 to 1, not {test_fraction}.")
    settings = {
        "version": VERSION,
        "seed": seed,
        "n": n,
        "types": list(chosen),
        "test_fraction": test_fraction,
    }
    _begin(out, settings)
    for i in range(n):
        cell_type = chosen[i % len(chosen)]
        split = "test" if int((i + 1) * test_fraction) > int(i * test_fraction) else "train"
        name = f"{cell_type}{i:06d}.tif"
        paths = {kind: out / split / kind / name for kind in ("obj", "image", "mask")}
        # The mask is written last: where it is, the cell is whole.
        if not paths["mask"].is_file():
            cell = simulate_cell(cell_type, (seed, i))
            write_tiff(paths["obj"], cell.obj)
            write_tiff(paths["image"], cell.image)
            write_tiff(paths["mask"], cell.mask)
        if on_cell:
            on_cell()


def check_types(types: Sequence[str] | None) -> tuple[str, ...]:
    """Give the types to simulate; refuse unknown ones with a `ConfigError`."""
    for name in types or ():
        if name not in TYPES:
            raise ConfigError(f'there is no type "{name}"; there are {", ".join(TYPES)}.')
    return tuple(types) if types else TYPES


def _begin(out: Path, settings: dict[str, Any]) -> None:
    path = out / SETTINGS
    if path.is_file():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            before = None
        if before == settings:
            return
        raise ConfigError(f"{out} holds simulated cells of other settings; name another folder.")
    if out.is_dir() and any(out.iterdir()):
        raise ConfigError(f"{out} is not empty; name another folder.")
    make_folder(out)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(settings, indent=1), encoding="utf-8")
