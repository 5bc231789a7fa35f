"""Time predictions: shapes and steps, shapes at once, cores, arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import torch
from bench_networks import gflop
from bench_rounds import Case, Rounds, Row

import dispr
from dispr.prediction.model import Model
from dispr.prediction.section import Section
from dispr.prediction.settings import PredictionSettings
from dispr.simulation.cell import simulate_cell

DISCOCYTE = "0.00_discocyte"


def model_gflop(model: Model, shapes: int, steps: int) -> float:
    """Count the arithmetic of the shapes of a cell, all computed at once, in 1e9 operations."""

    def evaluate(network: torch.nn.Module, place: str) -> None:
        given = network.given(torch.empty(shapes, 2, 64, 64, device=place))
        coarse = torch.empty(shapes, *model.config.noise_shape, device=place)
        for _ in range(steps):
            given(coarse, torch.zeros(shapes, device=place))
        given.refine(coarse)

    return gflop(model.network, evaluate)


def ensembles(rounds: Rounds, tiny: bool) -> list[Row]:
    """Time ensembles of one cell by number of steps."""
    model = dispr.load(device=rounds.device)
    cell = simulate_cell(DISCOCYTE, 0, 0)

    def predict(shapes: int, steps: int) -> Callable[[], object]:
        return lambda: model.predict(cell.image, cell.mask, ensemble=shapes, steps=steps)

    sizes = [(1, 2), (2, 2)] if tiny else [(k, s) for k in (5, 1, 25) for s in (2, 4, 8)]
    cases = [
        Case(
            f"{k} shape{'s' if k > 1 else ''}, {s} step{'s' if s > 1 else ''}",
            predict(k, s),
            gflop=model_gflop(model, k, s),
        )
        for k, s in sizes
    ]
    if not tiny:
        cases[0].call()
    return rounds.of("One cell, shipped model", cases, warm=False)


def batches(rounds: Rounds, tiny: bool) -> list[Row]:
    """Count cells a second by how many shapes are computed at once."""
    model = dispr.load(device=rounds.device)
    cells, sizes, steps = (2, (1, 2), 2) if tiny else (3, (5, 1, 15), 2)
    drawn = [simulate_cell(DISCOCYTE, 0, k) for k in range(cells)]
    sections = [Section(cell.image, cell.mask) for cell in drawn]

    def predict(size: int) -> Callable[[], object]:
        settings = PredictionSettings(ensemble=1 if tiny else 5, steps=steps, batch_size=size)
        return lambda: list(model.predict_stream(sections, settings))

    cases = [
        Case(f"{size} shape{'s' if size > 1 else ''} at once", predict(size), cells, rate=True)
        for size in sizes
    ]
    return rounds.of("Cells a second, 5 shapes in 2 steps", cases, "cells/s", warm=False)


def threads(rounds: Rounds, tiny: bool) -> list[Row]:
    """Time an ensemble on one core, and on two."""
    if rounds.device != "cpu":
        return []
    model = dispr.load(device=rounds.device)
    cell = simulate_cell(DISCOCYTE, 0, 0)
    before = torch.get_num_threads()

    def predict(count: int) -> Callable[[], object]:
        def call() -> None:
            torch.set_num_threads(count)
            try:
                model.predict(
                    cell.image, cell.mask, ensemble=1 if tiny else 5, steps=2 if tiny else None
                )
            finally:
                torch.set_num_threads(before)

        return call

    cases = [Case("1 thread", predict(1)), Case("2 threads", predict(2))]
    return rounds.of("One cell, 5 shapes, by threads", cases)
