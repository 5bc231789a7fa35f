"""What a GPU gains: the published network and the shipped one, step by step from plain execution.

`make bench-gpu` measures it, and writes where the time goes to `profile.txt`. The goals for one
H100: a training step and a sampling step of the published network five times as fast as plain ones;
200 ensembles of five a second, in less than 8 GB.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from bench_networks import forward, plain, published_network, step
from bench_rounds import Case, Rounds, Row, row_of
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

import dispr
from dispr.model.device import autocast
from dispr.network import memory_format
from dispr.network.compiled import compiled_copy
from dispr.network.memory_format import channels_last
from dispr.prediction.model import Model
from dispr.prediction.section import Section
from dispr.prediction.settings import PredictionSettings
from dispr.simulation.cell import check_types, simulate_cell

ENSEMBLE = 5

compiling = True
"""Whether compiled networks are measured too: each takes a minute to compile."""


def published(rounds: Rounds, tiny: bool) -> list[Row]:
    """Time a sampling step and a training step of the published network, at its full size.

    Plain execution is that of the re-statement in float32, with contiguous features.
    """
    edge, rough = (8, "fp32") if tiny else (64, "bf16")
    rows = []
    for what in ("sampling step", "training step"):
        cases = []
        for name, options in {
            "plain re-statement, float32": {"again": True},
            "DISPR, float32": {},
            "DISPR, channels-last": {"last": True},
            "DISPR, channels-last, bfloat16": {"last": True, "precision": rough},
            "DISPR, channels-last, bfloat16, compiled": {
                "last": True,
                "precision": rough,
                "compiled": not tiny,
            },
        }.items():
            if options.get("compiled") and not compiling:
                continue
            run = _published_run(rounds.device, edge, what == "training step", **options)
            cases.append(Case(name, run))
        rows += rounds.of(f"GPU: published network, {what}, {edge}^3 voxels", cases)
    return rows


def _published_run(
    device: str,
    edge: int,
    train: bool,
    again: bool = False,
    last: bool = False,
    precision: str = "fp32",
    compiled: bool = False,
) -> Callable[[], object]:
    """Make a pass, or a training step, of the published network."""
    network = published_network(edge, device)
    if last:
        channels_last(network)
    if compiled:
        network = compiled_copy(network)
    x = torch.randn(1, 3, edge, edge, edge, device=device)
    t = torch.tensor([500], device=device)
    run: Callable[[], Tensor] = partial(network, x, t)
    if again:
        run = partial(plain(), dict(network.named_parameters()), x, t, network.config)

    def computed() -> Tensor:
        with autocast(torch.device(device), precision):
            return run()

    return step(network, computed) if train else forward(computed)


def ensembles(rounds: Rounds, tiny: bool) -> list[Row]:
    """Count ensembles of five a second, by layout, precision and shapes at once; and the memory."""
    count = 1 if tiny else 100
    sections = [simulated_section(k) for k in range(count)]
    sizes = (1,) if tiny else (100, 25, 50, 200)
    variants: dict[str, Callable[[], object]] = {}
    rough = "fp32" if tiny else "bf16"
    shipped = dispr.load(device=rounds.device, precision="fp32")
    for size in sizes:
        told = f"{size} shapes at once"
        variants[f"bfloat16, {told}"] = drawing(shipped.in_precision(rough), sections, size)
        if size == sizes[0]:
            variants[f"float32, {told}"] = drawing(shipped, sections, size)
            variants[f"bfloat16, contiguous features, {told}"] = normalised_by_pytorch()(
                drawing(loaded_contiguous(rounds.device, rough), sections, size)
            )
            if compiling and not tiny:
                variants[f"bfloat16, compiled, {told}"] = drawing(
                    dispr.load(device=rounds.device, precision=rough, compiled=True),
                    sections,
                    size,
                )
    cases = [Case(name, call, count, rate=True) for name, call in variants.items()]
    rows = rounds.of("GPU: ensembles of five a second, shipped network", cases, "1/s")
    if rounds.device == "cuda":
        rows += memory({name: case.call for name, case in zip(variants, cases, strict=True)})
    return rows


def memory(calls: dict[str, Callable[[], object]]) -> list[Row]:
    """Measure the peak of the GPU's memory."""
    group, rows, first = "GPU: peak memory, shipped network (MB)", [], 0.0
    for name, call in calls.items():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        call()
        peak = torch.cuda.max_memory_reserved() / 1e6
        first = first or peak
        rows.append(row_of(group, name, "MB", [peak], [first]))
    return rows


def loaded_contiguous(device: str, precision: str) -> Model:
    """Load the shipped model with contiguous kernels."""
    model = dispr.load(device=device, precision=precision)
    for parameter in model.network.parameters():
        parameter.data = parameter.data.contiguous()
    return model


@contextlib.contextmanager
def normalised_by_pytorch() -> Iterator[None]:
    """Leave normalisation and interpolation to PyTorch on all devices."""
    before = memory_format.KEEPS
    memory_format.KEEPS = ("cpu", "cuda")
    try:
        yield
    finally:
        memory_format.KEEPS = before


def drawing(model: Model, sections: list[Section], size: int) -> Callable[[], object]:
    """Make the drawing of an ensemble of each section."""
    settings = PredictionSettings(ensemble=min(ENSEMBLE, size), batch_size=size)
    return lambda: sum(1 for _ in model.predict_stream(sections, settings))


def simulated_section(number: int) -> Section:
    """Simulate a section."""
    types = check_types(None)
    cell = simulate_cell(types[number % len(types)], 0, number)
    return Section(cell.image, cell.mask)


def profiled(device: str, folder: Path, tiny: bool) -> Path:
    """Write which operations take the time of a batch of the shipped network, and of the gaps."""
    model = dispr.load(device=device, precision="fp32" if device == "cpu" else "bf16")
    size = 1 if tiny else 100
    call = drawing(model, [simulated_section(k) for k in range(-(-size // ENSEMBLE))], size)
    call()
    activities = [ProfilerActivity.CPU]
    if device == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as found:
        call()
    order = "self_cuda_time_total" if device == "cuda" else "self_cpu_time_total"
    table = found.key_averages().table(sort_by=order, row_limit=30, max_name_column_width=70)
    path = folder / "profile.txt"
    path.write_text(table, encoding="utf-8")
    return path
