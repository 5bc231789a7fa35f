"""Time what is done around the network: simulate, measure, mesh, report, fields, training data."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from bench_child import core_of_children, field, in_process
from bench_rounds import Case, Measured, Rounds, Row, memory_rows, rows_of

import dispr
from dispr.cells.box import bounding_box
from dispr.cells.classes import TYPES
from dispr.cells.dataset import CellDataset
from dispr.cells.folder import find_cells
from dispr.diffusion.timesteps import UniformTimesteps
from dispr.failures import Failures
from dispr.familiarity.traits import describe_all
from dispr.model.weights import build_network
from dispr.morphology import voxels
from dispr.morphology.shape import shape_values
from dispr.morphology.thickness import local_thickness
from dispr.prediction.drawer import Asked, Drawn
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.inputs import CellReader, common_frame
from dispr.prediction.settings import PredictionSettings
from dispr.recognition.red_cells import recognise
from dispr.report.write import write_report
from dispr.simulation.cell import simulate_cell
from dispr.simulation.folder import simulate_folder
from dispr.surface.mesh import mesh_of
from dispr.surface.surface import surface_of
from dispr.training.objective import Objective
from dispr.training.presets import get_preset
from dispr.training.samples import Samples, make_samples


def starts(rounds: Rounds, tiny: bool) -> list[Row]:
    """Time processes from their start to their end; and their peak memory."""
    threads = torch.get_num_threads()

    def child(task: str, size: int = 0) -> Callable[[], Measured]:
        return lambda: in_process(task, size, rounds.device, threads, whole=True)

    shapes = (1,) if tiny else (5, 25)
    cases = [
        Case("`import dispr`, and `dispr.load` named", child("imported")),
        Case("Python itself", child("nothing")),
        Case("`dispr --help`", command_help),
        Case("the shipped model loaded", child("loaded")),
        *(
            Case(f"first cell predicted: {k} shape{'s' if k > 1 else ''}", child("predict", k))
            for k in shapes
        ),
    ]
    found = rounds.measure(cases, warm=False)
    rows = rows_of("From the start of a process to its end", cases, found, "s")
    by_name = {case.name: calls for case, calls in zip(cases, found, strict=True)}
    kept = [case.name for case in cases[3:]]
    if rounds.device == "cpu":  # nothing is on a GPU yet
        kept.insert(0, cases[0].name)
    edge = 16 if tiny else 48
    for name, task in (("plain re-statement", "published_plain"), ("DISPR", "published")):
        by_name[f"published network, one pass at {edge}^3 voxels, {name}"] = [
            in_process(task, edge, rounds.device, threads)
        ] * len(found[0])
        kept.append(f"published network, one pass at {edge}^3 voxels, {name}")
    return rows + memory_rows("Peak memory of a process", kept, by_name)


def light(rounds: Rounds, tiny: bool) -> list[Row]:
    """Time what begins without a model: the package alone, and the help."""
    cases = [
        Case("Python alone", lambda: command("-c", "")),
        Case("`import dispr` alone", lambda: command("-c", "import dispr")),
        Case("`dispr --help`, files read before", command_help),
        Case("`dispr predict --help`", lambda: command("-m", "dispr", "predict", "--help")),
    ]
    found = rounds.measure(cases, warm=True)
    return rows_of("Start without a model", cases, found, "s")


def command_help() -> Measured:
    """Time `dispr --help`."""
    return command("-m", "dispr", "--help")


def command(*arguments: str) -> Measured:
    """Time Python with these arguments, from the start of the process to its end."""
    begin, core = time.perf_counter(), core_of_children()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return Measured(time.perf_counter() - begin, core_of_children() - core)


def shapes(rounds: Rounds, tiny: bool) -> list[Row]:
    """Time the simulator, and what is done with a shape."""
    count = 2 if tiny else len(TYPES)
    drawn = [simulate_cell(kind, 0, k) for k, kind in enumerate(TYPES[:count])]
    bodies = [cell.obj > 127 for cell in drawn]
    sections = [(cell.image, cell.mask) for cell in drawn]
    boxes = [body[bounding_box(body)] for body in bodies]
    meshes = [surface_of(box) for box in boxes]

    def each(work: Callable[..., object], *things: list) -> Callable[[], None]:
        def call() -> None:
            for one in zip(*things, strict=True):
                work(*one)

        return call

    cases = [
        Case("all measures", each(shape_values, bodies), count),
        Case("of these, the mesh", each(surface_of, boxes), count),
        Case("of these, thickness", each(local_thickness, meshes), count),
        Case("of these, roughness and convexity", each(_of_voxels, bodies, boxes), count),
        Case("the 126 published features", each(_published, bodies), count),
        Case("mesh to show or save", each(mesh_of, bodies), count),
        Case(
            "simulate a cell",
            lambda: [simulate_cell(kind, 1, k) for k, kind in enumerate(TYPES[:count])],
            count,
        ),
        Case("measure a section", each(_section, sections), count),
        Case("familiarity of a section", each(_looks, sections), count),
        Case("class of a section", each(_class, sections), count),
    ]
    return rounds.of(f"A shape or cell, mean of {count} types", cases)


def _of_voxels(body: np.ndarray, box: np.ndarray) -> None:
    voxels.roughness(body)
    voxels.convexity(box)


def _published(body: np.ndarray) -> object:
    return dispr.measure(body, published=True)


def _section(pair: tuple[np.ndarray, np.ndarray]) -> object:
    return dispr.measure_section(*pair)


def _looks(pair: tuple[np.ndarray, np.ndarray]) -> object:
    return describe_all(pair[0][None], pair[1][None])


def _class(pair: tuple[np.ndarray, np.ndarray]) -> object:
    return recognise(*pair)


def folders(rounds: Rounds, tiny: bool) -> list[Row]:
    """Time a cell of a folder: predicted, measured and reported; and a cell of a field."""
    from dispr.measurements.folder import measure_items
    from dispr.measurements.inputs import find_items

    count = 2 if tiny else 4
    model = dispr.load(device=rounds.device)
    settings = PredictionSettings(
        ensemble=2 if tiny else 5, steps=2 if tiny else None, pixel_size=0.172
    )
    with tempfile.TemporaryDirectory(prefix="dispr_bench_") as name:
        folder = Path(name)
        simulate_folder(folder / "cells", count, seed=4, test_fraction=0)
        files = find_cells(folder / "cells")
        number = 0

        def fresh(suffix: str = "") -> Path:
            nonlocal number
            number += 1
            return folder / f"out_{number}{suffix}"

        predicted = fresh()
        predict_folder(model, files, predicted, settings)
        assert len(list(PredictionFolder(predicted).names())) == count
        frame = common_frame(model, files, settings, Failures(strict=True))
        reader = CellReader(model, frame, settings.pixel_size)
        sections = [reader.read(file).section for file in files]
        cases = [
            Case(
                "predict to files (default ensemble)",
                lambda: predict_folder(model, files, fresh(), settings),
                count,
            ),
            Case(
                "of this, drawing the shapes (the network)",
                lambda: list(model.predict_stream(sections, settings)),
                count,
            ),
            Case(
                "measure, 1 process",
                lambda: measure_items(find_items(predicted), fresh(".csv"), jobs=1),
                count,
            ),
            Case(
                "report, 1 process",
                lambda: write_report(predicted, folder / "cells", fresh(".html"), jobs=1),
                count,
            ),
            Case("cell of a field, with a tiny network", field(16, 512), 16),
            *around(folder / "around", 2 if tiny else 32),
        ]
        return rounds.of("A cell of a folder or field", cases, warm=False)


class Instant:
    """Draws at once what it is asked for: stands for a GPU that is faster than all around it."""

    ahead, batch_size = 1, 100

    def __init__(self) -> None:
        z, y, x = np.mgrid[-32:32, -32:32, -32:32]
        self.shape = z**2 / 9**2 + (y**2 + x**2) / 18**2 < 1

    def begin(
        self, asked: Sequence[Asked], settings: PredictionSettings, **_: object
    ) -> Callable[[], Drawn]:
        """Draw."""
        shapes = np.stack([self.shape] * len(asked))
        return lambda: Drawn(shapes, held=True)

    def in_precision(self, precision: str) -> Instant:
        """Give this."""
        return self


def around(folder: Path, count: int) -> list[Case]:
    """Predict cells without the time of a network: what a GPU leaves to the processor."""
    simulate_folder(folder / "cells", count, seed=5, test_fraction=0)
    files = find_cells(folder / "cells")
    model = dispr.load(device="cpu")
    model.drawer = Instant()
    settings = PredictionSettings(pixel_size=0.172)
    number = itertools.count()

    def predict(store: str) -> Callable[[], object]:
        return lambda: predict_folder(
            model,
            files,
            folder / str(next(number)),
            settings,
            store=store,
            failures=Failures(),
        )

    names = {"files": "files", "zarr": "packed files"}
    return [
        Case(f"predict to {name}, all but the network", predict(store), count)
        for store, name in names.items()
    ]


def training(rounds: Rounds, tiny: bool) -> list[Row]:
    """Count training samples a second: made from data, trained on, and both."""
    preset = get_preset("fast")
    size = 1 if tiny else 8
    torch.manual_seed(0)
    network = build_network(preset.model).to(rounds.device)
    objective = Objective(network, preset.model, "fp32").train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5)
    diffusion = preset.model.diffusion
    assert diffusion is not None
    timesteps = UniformTimesteps(diffusion.steps)
    with tempfile.TemporaryDirectory(prefix="dispr_bench_") as name:
        simulate_folder(name, 8, seed=4, test_fraction=0)
        cells = CellDataset(find_cells(name, need_obj=True))
        numbers = list(range(size))

        def make() -> Samples:
            device = torch.device(rounds.device)
            return make_samples(cells, numbers, preset.model, preset.training, timesteps, device)

        def train(s: Samples) -> None:
            optimizer.zero_grad()
            terms = objective(
                s.condition, s.target, s.t, s.noise, s.labels, s.refined, s.known, s.grain
            )
            (terms["loss"] * s.weight).mean().backward()
            optimizer.step()

        made = make()
        cases = [
            Case("data and training step", lambda: train(make()), size, rate=True),
            Case("data alone: read, varied, noise drawn", make, size, rate=True),
            Case("training step alone", lambda: train(made), size, rate=True),
        ]
        title = f"Training samples a second, `fast`, batch of {size}"
        return rounds.of(title, cases, "samples/s", warm=False)
