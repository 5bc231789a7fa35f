"""How long measuring takes: predictions of simulated cells, five shapes each, in two processes.

    python benchmarks/measure.py [--cells 40] [--jobs 2] [--published]

Prints the time to read and measure them, what that comes to for 1000 cells, and milliseconds of a
core by part for one shape. Give it cores that do nothing else.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from dispr.cells.box import bounding_box
from dispr.cells.classes import TYPES
from dispr.measurements.folder import measure_items
from dispr.measurements.inputs import find_items
from dispr.morphology import shape, voxels
from dispr.morphology.thickness import local_thickness
from dispr.prediction.files import PredictionFolder
from dispr.simulation.cell import simulate_cell
from dispr.surface.surface import surface_of

ENSEMBLE = 5


def write_predictions(folder: Path, cells: int) -> np.ndarray:
    """Write made-up predictions: simulated cells of one type as the samples of a cell."""
    for i in range(cells):
        kind = TYPES[i % len(TYPES)]
        samples = np.stack([simulate_cell(kind, i, k).obj > 127 for k in range(ENSEMBLE)])
        PredictionFolder(folder).write(f"{kind}{i:06d}", samples, samples.mean(axis=0))
    return samples


def core_seconds() -> float:
    """Time of cores that this process and those that it has ended have had."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def milliseconds(function, rounds: int = 10) -> float:
    function()
    begin = time.process_time()
    for _ in range(rounds):
        function()
    return (time.process_time() - begin) / rounds * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--published", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = write_predictions(folder / "predictions", arguments.cells)
        items = find_items(folder / "predictions", published=arguments.published)
        begin, spent = time.perf_counter(), core_seconds()
        measure_items(items, folder / "cells.csv", jobs=arguments.jobs)
        took, spent = time.perf_counter() - begin, core_seconds() - spent
    each = took / arguments.cells
    print(
        f"{arguments.cells} cells of {ENSEMBLE} shapes and a consensus, {arguments.jobs} processes:"
        f" {took:.1f} s, {each * 1000:.0f} s for 1000 cells; "
        f"{spent / arguments.cells / (ENSEMBLE + 1) * 1e3:.0f} ms of a core for a shape"
    )
    body = samples[0]
    box = body[bounding_box(body)]
    mesh = surface_of(box)
    parts = {
        "all measures": lambda: shape.shape_values(body),
        "  mesh": lambda: surface_of(box),
        "  thickness": lambda: local_thickness(mesh),
        "  curvature": mesh.curvatures,
        "  hull of the mesh": mesh.hull_volume,
        "  roughness (Humphrey)": mesh.humphrey_displacement,
        "  roughness (Gauss)": lambda: voxels.roughness(body),
        "  convexity of the voxels": lambda: voxels.convexity(box),
    }
    for part, function in parts.items():
        print(f"{part:26s} {milliseconds(function):6.1f} ms")


if __name__ == "__main__":
    main()
