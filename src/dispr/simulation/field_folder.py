"""Write simulated fields of view; resumable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dispr.checksums import NAME as CHECKSUMS
from dispr.errors import ConfigError, FileError
from dispr.files import write_tiff
from dispr.progress import SILENT, Progress
from dispr.records import begin, taken_up
from dispr.simulation.cell import check_numbers, check_types
from dispr.simulation.field import VOXEL, simulate_field

RECORD = "simulation.json"


def simulate_fields(
    out: Path,
    fields: int,
    cells: int,
    seed: int = 0,
    shape: tuple[int, int] = (512, 512),
    types: Sequence[str] | None = None,
    progress: Progress = SILENT,
) -> list[Path]:
    """Write fields of touching cells with their labels and their true 3D labels.

    Field i has the seed `seed` + i. Fields whose three files are there are left alone.
    `simulation.json` records the arguments.

    Parameters
    ----------
    out : Path
        Folder to write: `field_000.tif`, `labels/field_000.tif`, `truth/field_000.tif`, ...
    fields, cells : int
        Number of fields, and of cells in each.
    seed, shape, types
        As for `dispr.simulation.field.simulate_field`.
    progress : Progress
        Told of each field (`dispr.progress`).

    Returns
    -------
    list of Path
        The images.

    Raises
    ------
    ConfigError
        If the cells do not fit, a type is unknown, or a number makes no sense.
    FileError
        If a file cannot be written, or the folder holds other fields.
    """
    check_numbers(cells, seed)
    if fields < 1:
        raise ConfigError(f"{fields} fields cannot be simulated; choose 1 or more.")
    record = {"cells": cells, "seed": seed, "shape": [*shape], "types": [*check_types(types)]}
    before = taken_up(out / RECORD, "simulated fields", record)
    if before is None and _holds_files(out):
        raise FileError(f"{out} contains other files than these fields; choose another folder.")
    count = progress.counter("Simulating", fields)
    images = []
    for i in range(fields):
        name = f"field_{i:03d}.tif"
        paths = (out / "truth" / name, out / "labels" / name, out / name)
        if not all(path.is_file() for path in paths):
            field = simulate_field(cells, seed + i, shape, types)
            if before is None:  # not before it is clear that the cells fit
                begin(out / RECORD, record)
                before = record
            arrays = (field.truth, field.labels, field.image)
            for path, array in zip(paths, arrays, strict=True):
                write_tiff(path, array, (VOXEL,) * 3)
        images.append(paths[-1])
        count()
    return images


def _holds_files(folder: Path) -> bool:
    """Tell whether a folder holds more than a run leaves that is stopped before its record."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return any(name != CHECKSUMS and not name.startswith(".") for name in names)
