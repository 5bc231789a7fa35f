"""The meshes of a field's cells, each at its place in the label volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dispr.cells.arrays import SIZE
from dispr.cells.square import Square
from dispr.errors import ConfigError
from dispr.fields.prepare import PreparedField
from dispr.prediction.layout import probability_path, read_probability, read_samples
from dispr.processes import map_in_processes
from dispr.surface.files import COLOURED, FORMATS
from dispr.surface.mesh import Mesh, mesh_of

MESHES = "meshes"


def check_meshes(form: str) -> None:
    """Refuse a format that there is not, before anything is computed.

    Raises
    ------
    ConfigError
        If it is neither a format of meshes nor "none".
    """
    if form not in (*FORMATS, "none"):
        raise ConfigError(f'meshes are written as {", ".join(FORMATS)} or none, not "{form}".')


@dataclass(frozen=True)
class PlacedMesh:
    """What to write the mesh of a cell from.

    Attributes
    ----------
    folder : Path
        Of the predictions.
    name : str
        Of the cell.
    path : Path
        File to write.
    square : Square
        The part of the field that its shape's 64 x 64 columns stand on.
    depth : int
        Planes of the field's label volume.
    pixel_size : float or None
        Edge of a pixel of the field in um.
    """

    folder: Path
    name: str
    path: Path
    square: Square
    depth: int
    pixel_size: float | None


def write_field_meshes(
    field: PreparedField,
    out: Path,
    form: str = "glb",
    jobs: int | None = None,
    report: Callable[[str, float, float], Any] | None = None,
) -> list[Path]:
    """Write the mesh of each predicted cell to `OUT/meshes/NAME.FORMAT`.

    Coordinates are those of the label volume: X, Y, Z in um (in pixels of the field where their
    size is not known) from the centre of its first voxel. Meshes that are newer than the shape of
    their cell are kept; a cell whose consensus is empty has none.

    Parameters
    ----------
    field : PreparedField
        The field.
    out : Path
        Folder of its predictions.
    form : "glb", "ply", "obj" or "stl"
        Format; the first two hold the spread of the samples.
    jobs : int, optional
        Processes; as many as cores if not given.
    report : callable, optional
        Called with "Meshing", how many cells are done, and of how many.

    Raises
    ------
    FileError
        If a file cannot be read or written.
    """
    cells = field.predictable
    depth = max((cell.square.edge for cell in cells), default=SIZE)
    tasks = [
        PlacedMesh(
            out,
            cell.name,
            out / MESHES / f"{cell.name}.{form}",
            cell.square,
            depth,
            field.pixel_size,
        )
        for cell in cells
    ]
    for done, _ in enumerate(map_in_processes(_write, tasks, jobs), 1):
        if report:
            report("Meshing", done, len(tasks))
    return [task.path for task in tasks if task.path.is_file()]


def placed_mesh(mesh: Mesh, square: Square, depth: int, pixel_size: float | None) -> Mesh:
    """Bring the mesh of a cell to its place in the label volume.

    Parameters
    ----------
    mesh : Mesh
        In units of the volume's voxels, or um where their size is known.
    square, depth, pixel_size
        As in `PlacedMesh`.
    """
    # The first voxel of 64 begins where the square does; all squares have their middles at one z.
    half = square.edge / SIZE / 2 - 0.5
    corner = (square.x + half, square.y + half, (depth - square.edge) / 2 + half)
    x, y, z = (value * (pixel_size or 1.0) for value in corner)
    return replace(mesh.moved((x, y, z)), unit="voxel" if pixel_size is None else "um")


def _write(task: PlacedMesh) -> None:
    shape = probability_path(task.folder, task.name)
    if task.path.is_file() and task.path.stat().st_mtime_ns > shape.stat().st_mtime_ns:
        return
    probability = read_probability(task.folder, task.name)
    if not (probability > 0.5).any():
        return
    edge = task.square.edge / SIZE * (task.pixel_size or 1.0)
    coloured = task.path.suffix[1:] in COLOURED
    samples = read_samples(task.folder, task.name) if coloured else None
    mesh = mesh_of(probability, (edge,) * 3, samples)
    placed_mesh(mesh, task.square, task.depth, task.pixel_size).save(task.path)
