"""Do one thing in a process of its own, and say what it took: seconds, core seconds, peak memory.

    python benchmarks/bench_child.py predict 5 cpu

Used by `bench.py`, since the peak memory of a process never falls again.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench_rounds import Measured

Work = Callable[[], object]


def nothing(size: int, device: str) -> Work:
    """Start Python, and no more."""
    return lambda: None


def imported(size: int, device: str) -> Work:
    """Import the package and what predictions need."""

    def work() -> None:
        import dispr

        assert dispr.load

    return work


def loaded(size: int, device: str) -> Work:
    """Load the shipped model."""

    def work() -> None:
        import dispr

        dispr.load(device=device)

    return work


def predict(size: int, device: str) -> Work:
    """Load the model and predict one cell, with so many shapes."""

    def work() -> None:
        import dispr
        from dispr.simulation.cell import simulate_cell

        cell = simulate_cell("0.00_discocyte", 0, 0)
        dispr.load(device=device).predict(cell.image, cell.mask, ensemble=size)

    return work


def published(size: int, device: str, plainly: bool = False) -> Work:
    """Compute one forward pass of the published network, with volumes of this edge."""

    def work() -> None:
        import torch
        from bench_networks import plain, published_network

        network = published_network(size, device)
        state = network.state_dict()
        x = torch.randn(1, 3, size, size, size, device=device)
        t = torch.tensor([500], device=device)
        with torch.inference_mode():
            plain()(state, x, t, network.config) if plainly else network(x, t)

    return work


def published_plain(size: int, device: str) -> Work:
    """Compute the same by the plain re-statement."""
    return published(size, device, plainly=True)


def cells(size: int, device: str) -> Work:
    """Predict a folder of so many cells to packed files with a tiny network (`growth.py`)."""
    from growth import make_cells, tiny

    from dispr.cells.folder import find_cells
    from dispr.prediction.folder import predict_folder
    from dispr.prediction.settings import PredictionSettings

    try:
        import zarr  # noqa: F401

        store = "zarr"
    except ImportError:
        store = "files"
    folder = Path(HERE.name)
    make_cells(folder / "cells", size)
    model = tiny()
    settings = PredictionSettings(ensemble=1, steps="2", batch_size=8, pixel_size=0.172)
    return lambda: predict_folder(
        model, find_cells(folder / "cells"), folder / "out", settings, store=store
    )


def ensemble(size: int, device: str) -> Work:
    """Draw so many shapes of one cell with the shipped model, in two steps."""
    import dispr
    from dispr.simulation.cell import simulate_cell

    model = dispr.load(device=device)
    cell = simulate_cell("0.00_discocyte", 0, 0)
    return lambda: model.predict(cell.image, cell.mask, ensemble=size, steps=2)


def pixels(size: int, device: str) -> Work:
    """Predict a field of so many million pixels, with 16 cells, with a tiny network."""
    return field(16, round(1024 * size**0.5))


def labels(size: int, device: str) -> Work:
    """Predict a field of 1024 x 1024 pixels with so many cells, with a tiny network."""
    return field(size, 1024)


def field(count: int, edge: int) -> Work:
    """Predict a field with a tiny network, one shape a cell."""
    import numpy as np
    from growth import tiny

    import dispr
    from dispr.simulation.cell import simulate

    drawn = list(simulate(min(count, 16), seed=3))
    image = np.full((edge, edge), 20, np.uint8)
    numbers = np.zeros((edge, edge), np.uint16)
    for k in range(count):
        y, x = 64 * (k // (edge // 64)), 64 * (k % (edge // 64))
        cell = drawn[k % len(drawn)]
        inside = cell.mask > 127
        image[y : y + 64, x : x + 64][inside] = cell.image[inside]
        numbers[y : y + 64, x : x + 64][inside] = k + 1
    model = tiny()
    return lambda: dispr.predict_field(
        image, numbers, model=model, pixel_size=0.172, ensemble=1, steps=2
    )


TASKS: dict[str, Callable[[int, str], Work]] = {
    task.__name__: task
    for task in (
        nothing, imported, loaded, predict, published, published_plain,
        cells, ensemble, pixels, labels,
    )
}  # fmt: skip

HERE = tempfile.TemporaryDirectory(prefix="dispr_bench_")
"""Where a task may write."""


def memory(device: str) -> float:
    """Give the peak memory of this process in MB: of the device, for a GPU."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 1e6
    status = Path("/proc/self/status")
    if status.is_file():  # on Linux, `ru_maxrss` is at least what the parent process had
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found
        return int(found[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


def in_process(task: str, size: int, device: str, threads: int, whole: bool = False) -> Measured:
    """Do a task in a process of its own.

    Parameters
    ----------
    task : str
        One of `TASKS`.
    size : int
        What it is told.
    device : str
        "cpu" or "cuda".
    threads : int
        Threads of torch.
    whole : bool
        Count the start and the end of the process too, and not only the work.
    """
    command = [sys.executable, __file__, task, str(size), device, "--threads", str(threads)]
    if task == "nothing":
        command = [sys.executable, "-c", "print('{}')"]
    begin, core = time.perf_counter(), core_of_children()
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, core = time.perf_counter() - begin, core_of_children() - core
    found = {"seconds": seconds, "core": core, "memory": 0.0, **json.loads(output.split("\n")[-2])}
    return Measured(seconds, core, found["memory"]) if whole else Measured(**found)


def core_of_children() -> float:
    """Give the seconds of cores that ended processes have had."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Do a task, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=sorted(TASKS))
    parser.add_argument("size", type=int)
    parser.add_argument("device")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.task != "imported":
        import torch

        torch.set_num_threads(options.threads)
    work = TASKS[options.task](options.size, options.device)
    begin, core = time.perf_counter(), time.process_time()
    work()
    if options.device == "cuda" and options.task != "imported":
        torch.cuda.synchronize()
    took = {"seconds": time.perf_counter() - begin, "core": time.process_time() - core}
    HERE.cleanup()
    print(json.dumps({**took, "memory": memory(options.device)}))


if __name__ == "__main__":
    main()
