"""The meshes of a field's cells, each at its place in the label volume."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from dispr.arguments import one_of
from dispr.cells.arrays import SIZE
from dispr.cells.square import Square
from dispr.labelled.field.place import depth_of
from dispr.labelled.field.prepare import PreparedField
from dispr.prediction.files import PredictionFolder, opened
from dispr.processes import map_in_processes
from dispr.progress import SILENT, Progress
from dispr.records import read_json, write_json
from dispr.surface.files import COLOURED, FORMATS
from dispr.surface.mesh import Mesh, mesh_of

MESHES, RECORD = "meshes", "meshes.json"


def check_meshes(form: str) -> None:
    """Refuse a format that there is not, before anything is computed.

    Raises
    ------
    ConfigError
        If it is neither a format of meshes nor "none".
    """
    one_of(form, (*FORMATS, "none"), "the format of meshes")


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
    height : float
        Of its section above the imaged plane, in pixels of the field.
    """

    folder: Path
    name: str
    path: Path
    square: Square
    depth: int
    pixel_size: float | None
    height: float = 0.0


def write_field_meshes(
    field: PreparedField,
    out: Path,
    form: str = "glb",
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> list[Path]:
    """Write the mesh of each predicted cell to `OUT/meshes/NAME.FORMAT`.

    Coordinates are those of the label volume: X, Y, Z in um (in pixels of the field where their
    size is not known) from the centre of its first voxel. Meshes of the shapes as they are, by the
    checksums in `OUT/meshes.json`, are kept; a cell whose consensus is empty has none.

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
    progress : Progress
        Told of each cell (`dispr.progress`).

    Raises
    ------
    FileError
        If a file cannot be read or written.
    """
    cells = field.predictable
    depth = depth_of([(cell.square.edge, cell.height) for cell in cells])
    names = [cell.name for cell in cells]
    drawn = PredictionFolder(out)
    about = repr((form, field.pixel_size))
    marks = {name: drawn.shapes.digest(name, about) for name in names}
    record = out / RECORD
    before = read_json(record, remedy="remove it to mesh again") if record.is_file() else {}
    paths = {name: out / MESHES / f"{name}.{form}" for name in names}
    tasks = [
        PlacedMesh(
            out,
            cell.name,
            paths[cell.name],
            cell.square,
            depth,
            field.pixel_size,
            cell.height,
        )
        for cell in cells
        if before.get(cell.name) != marks[cell.name] or not paths[cell.name].is_file()
    ]
    count = progress.counter("Meshing", len(tasks))
    for _ in map_in_processes(_write, tasks, jobs):
        count()
    write_json(record, marks)
    return [path for path in paths.values() if path.is_file()]


def placed_mesh(
    mesh: Mesh, square: Square, depth: int, pixel_size: float | None, height: float = 0.0
) -> Mesh:
    """Bring the mesh of a cell to its place in the label volume.

    Parameters
    ----------
    mesh : Mesh
        In units of the volume's voxels, or um where their size is known.
    square, depth, pixel_size, height
        As in `PlacedMesh`.
    """
    # The first voxel of 64 begins where the square does; all squares have their middles at one z.
    half = square.edge / SIZE / 2 - 0.5
    corner = (square.x + half, square.y + half, (depth - square.edge) / 2 + height + half)
    x, y, z = (value * (pixel_size or 1.0) for value in corner)
    return replace(mesh.moved((x, y, z)), unit="voxel" if pixel_size is None else "um")


def _write(task: PlacedMesh) -> None:
    probability = opened(task.folder).probability(task.name)
    if not (probability > 0.5).any():
        task.path.unlink(missing_ok=True)
        return
    edge = task.square.edge / SIZE * (task.pixel_size or 1.0)
    coloured = task.path.suffix[1:] in COLOURED
    samples = opened(task.folder).samples(task.name) if coloured else None
    mesh = mesh_of(probability, (edge,) * 3, samples)
    placed_mesh(mesh, task.square, task.depth, task.pixel_size, task.height).save(task.path)
