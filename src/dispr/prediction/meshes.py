"""Write the meshes of a folder of predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dispr.cells.spacing import Spacing
from dispr.failures import Failures
from dispr.prediction.files import PredictionFolder
from dispr.progress import SILENT, Progress
from dispr.surface.files import COLOURED
from dispr.surface.mesh import mesh_of


@dataclass(frozen=True)
class Written:
    """What `write_meshes` did.

    Attributes
    ----------
    cells, files : int
        How many.
    units : tuple of str
        "um", "voxels" or both.
    empty : tuple of str
        Names of shapes without a voxel, which have no mesh.
    """

    cells: int
    files: int
    units: tuple[str, ...]
    empty: tuple[str, ...]


def write_meshes(
    predictions: Path,
    out: Path,
    form: str = "stl",
    *,
    with_samples: bool = False,
    spacing: Spacing | None = None,
    failures: Failures | None = None,
    progress: Progress = SILENT,
) -> Written:
    """Write the meshes of all cells of a folder.

    Parameters
    ----------
    predictions : Path
        Folder that `dispr predict` wrote.
    out : Path
        Folder to write: `NAME.FORMAT` and, with samples, `NAME_K.FORMAT`.
    form : "stl", "ply", "obj" or "glb"
        Format.
    with_samples : bool
        Write the samples beside the consensus.
    spacing : (float, float, float), optional
        Edges of a voxel along Z, Y and X in um, instead of what the files state.
    failures : Failures, optional
        Receives the cells that cannot be read. By default the first one is an error.
    progress : Progress
        Told of each cell (`dispr.progress`).

    Raises
    ------
    FileError
        If a file cannot be read or written.
    """
    drawn = PredictionFolder(predictions)
    names = drawn.names()
    count = progress.counter("Meshing", len(names))
    units: list[str] = []
    empty: list[str] = []
    files = 0
    failures = Failures(strict=True) if failures is None else failures
    done = 0
    for name in names:
        count()
        samples = None
        with failures.of(name, [drawn.shapes.where(name)]):
            samples, probability = drawn.samples(name), drawn.probability(name)
            edges = spacing or drawn.spacing(name)
        if samples is None:
            continue
        shapes: dict[str, np.ndarray] = {name: probability}
        if with_samples:
            shapes |= {f"{name}_{k}": sample for k, sample in enumerate(samples)}
        for stem, shape in shapes.items():
            if not (shape > 0.5).any():
                empty.append(stem)
                continue
            mesh = mesh_of(shape, edges, samples if form in COLOURED else None)
            mesh.save(out / f"{stem}.{form}")
            files += 1
        units.append("voxels" if edges is None else "um")
        done += 1
    failures.raise_if_none_left(done)
    return Written(done, files, tuple(sorted(set(units))), tuple(empty))
