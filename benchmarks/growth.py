"""Predict many cells, and see whether memory and time per cell grow with their number.

    python benchmarks/growth.py --cells 20000 --store zarr

The cells are simulated, shifted and turned so that no two are the same. By default a tiny network
with random weights predicts them, to measure what is around the network; --shipped uses the shipped
weights, with one sample in two steps. --report also writes the report, whose memory is watched in
the same way.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from dispr.cells.folder import find_cells
from dispr.diffusion.config import DiffusionConfig
from dispr.files import write_tiff
from dispr.model.config import ModelConfig
from dispr.model.weights import build_network
from dispr.network.config import UNetConfig
from dispr.prediction.folder import predict_folder
from dispr.prediction.model import Model, load
from dispr.prediction.settings import PredictionSettings
from dispr.progress import Progress
from dispr.report.write import write_report
from dispr.simulation.cell import simulate

PAGE = 4096


class Log(Progress):
    """Notes memory and time at every so many cells."""

    def __init__(self, every: int) -> None:
        self.every, self.rows = every, [(0, time.perf_counter(), memory(), time.process_time())]

    def show(self, line: str, done: float, total: float) -> None:
        """Print a line at every so many cells."""
        if done >= self.rows[-1][0] + self.every:
            now = (int(done + 1e-6), time.perf_counter(), memory(), time.process_time())
            before = self.rows[-1]
            wall, busy = (1000 * (now[i] - before[i]) / (now[0] - before[0]) for i in (1, 3))
            print(
                f"{now[0]:8d} cells {now[2]:8.1f} MB {wall:8.1f} ms a cell, {busy:8.1f} of a core",
                flush=True,
            )
            self.rows.append(now)

    def note(self, text: str) -> None:
        """Print what a user should know."""
        print(text)


def memory() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def make_cells(folder: Path, count: int) -> None:
    drawn = list(simulate(40, seed=3))
    for i in range(count):
        cell, shift = drawn[i % 40], (i // 40) % 7 - 3
        for kind in ("image", "mask"):
            values = np.rot90(np.roll(getattr(cell, kind), shift, axis=i // 280 % 2), i // 560 % 4)
            if kind == "image":
                values = np.clip(values.astype(int) + i // 2240 % 9, 0, 255).astype(np.uint8)
            write_tiff(folder / kind / f"cell_{i:06d}.tif", np.ascontiguousarray(values))


def tiny() -> Model:
    network = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")
    config = ModelConfig(network, DiffusionConfig(steps=50), sampling_steps="2")
    torch.manual_seed(0)
    return Model(config, build_network(config), load().about)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=20000)
    parser.add_argument("--store", choices=("files", "zarr"), default="zarr")
    parser.add_argument("--shipped", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        make_cells(folder / "cells", options.cells)
        log = Log(max(options.cells // 20, 1))
        settings = PredictionSettings(ensemble=1, steps="2", batch_size=8, pixel_size=0.172)
        model = load() if options.shipped else tiny()
        rows = predict_folder(
            model,
            find_cells(folder / "cells"),
            folder / "out",
            settings,
            store=options.store,
            progress=log,
        )
        files = [path for path in (folder / "out").rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        print(
            f"{len(rows)} cells: {len(files)} files, {size / len(rows) / 1000:.2f} kB a cell; the "
            f"network computed for {rows.busy or 0:.0%} of the time"
        )
        tell_growth(log, options.cells)
        if options.report:
            log = Log(max(options.cells // 20, 1))
            write_report(
                folder / "out", folder / "cells", folder / "report.html", jobs=1, progress=log
            )
            size = sum(path.stat().st_size for path in folder.glob("report*.html"))
            print(f"the report has {size / options.cells / 1000:.1f} kB a cell")
            tell_growth(log, options.cells)


def tell_growth(log: Log, cells: int) -> None:
    """Print how memory and time a cell at the end compare with those after a tenth of the cells."""
    tenth = next(row for row in log.rows if row[0] >= cells / 10)
    print(f"memory at the end / at a tenth: {log.rows[-1][2] / tenth[2]:.3f}")
    after, last = log.rows[log.rows.index(tenth) + 1], log.rows[-2:]
    early = (after[3] - tenth[3]) / (after[0] - tenth[0])
    late = (last[1][3] - last[0][3]) / (last[1][0] - last[0][0])
    print(f"time of the cores a cell, at the end / after a tenth: {late / early:.3f}")


if __name__ == "__main__":
    main()
