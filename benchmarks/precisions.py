"""What bf16 changes: the same ensembles drawn in fp32 and in bf16, and their scores.

    python benchmarks/precisions.py red_blood_cells --cells 12

Draws ensembles of five of validation cells of the shipped model, of which it has seen none. CPUs
that do not compute bf16 in hardware take minutes for a shape; on these, products are computed in
fp32 of numbers rounded to bf16, and their sums are rounded, as hardware does (`--exact` for torch's
own).
"""

import contextlib
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from tabulate import tabulate
from torch.utils._python_dispatch import TorchDispatchMode

import dispr
from dispr.cells.folder import find_cells
from dispr.cells.read import read_cell
from dispr.cli.main import run
from dispr.model.device import best_precision
from dispr.prediction.calibrate import unseen
from dispr.scores.shape import measure, score

PRECISIONS = ("fp32", "bf16")

ATEN = torch.ops.aten
PRODUCTS = (ATEN.conv2d.default, ATEN.conv3d.default, ATEN.linear.default)


class RoundedProducts(TorchDispatchMode):
    """Convolutions and matrix products in bf16, with sums in fp32, by float32 arithmetic."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Compute a product of bf16 numbers in fp32, which holds it exactly."""
        if func not in PRODUCTS or args[0].dtype != torch.bfloat16:
            return func(*args, **(kwargs or {}))
        wide = [arg.float() if isinstance(arg, torch.Tensor) else arg for arg in args]
        return func(*wide, **(kwargs or {})).to(torch.bfloat16)


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--cells", default=0, help="Most cells, spread over all; 0 for all.")
@click.option("--device", default="auto", show_default=True)
@click.option("--exact", is_flag=True, help="Compute bf16 as torch does, however slowly.")
def command(data: Path, cells: int, device: str, exact: bool) -> None:
    """Print scores of both, and by how many voxels their shapes differ."""
    models = {precision: dispr.load(device=device, precision=precision) for precision in PRECISIONS}
    slow = best_precision(models["bf16"].device) != "bf16" and not exact
    files, _ = unseen(models["fp32"], find_cells(data, "train", need_obj=True))
    count = min(cells, len(files)) or len(files)
    files = [files[i * len(files) // count] for i in range(count)]
    found: dict[str, list[list[float]]] = {precision: [] for precision in PRECISIONS}
    apart: list[list[float]] = []
    for file in files:
        cell = read_cell(file)
        truth = cell.obj > 127
        known = measure(truth)
        drawn = []
        for precision, model in models.items():
            begin = time.perf_counter()
            rounded = slow and precision == "bf16"
            with RoundedProducts() if rounded else contextlib.nullcontext():
                drawn.append(model.predict(cell.image, cell.mask))
            took = time.perf_counter() - begin
            scores = score(drawn[-1].consensus, truth, known)
            single = [score(one, truth, known).iou for one in drawn[-1].samples]
            found[precision].append([scores.iou, scores.volume_error, np.mean(single), took])
        one, other = drawn
        changed = np.count_nonzero(one.consensus != other.consensus)
        samples = np.count_nonzero(one.samples != other.samples, axis=(1, 2, 3))
        spread = np.count_nonzero(one.samples[0] != one.samples[1])
        voxels = np.count_nonzero(one.consensus)
        volume = abs(np.count_nonzero(other.consensus) / voxels - 1)
        apart.append([voxels, changed, volume, samples.mean(), spread])
        print(file.name, *(f"{value:.5g}" for value in apart[-1]), flush=True)
    header = ["precision", "IoU, consensus", "volume error", "IoU, single", "seconds a cell"]
    rows = [[precision, *np.mean(rows, axis=0)] for precision, rows in found.items()]
    print(tabulate(rows, header, floatfmt=".4f"))
    gain = np.subtract(found["bf16"], found["fp32"])[:, :2]
    error = gain.std(axis=0, ddof=1) / np.sqrt(len(files)) if len(files) > 1 else gain[0] * np.nan
    print(
        "bf16 - fp32, mean and standard error:",
        *(f"{m:+.5f} ({e:.5f})" for m, e in zip(gain.mean(axis=0), error, strict=True)),
    )
    header = [
        *("", "voxels of the consensus", "of these other in bf16", "volume changed by"),
        *("voxels of a sample other in bf16", "of another sample"),
    ]
    table = np.array(apart)
    print(tabulate([["mean", *table.mean(axis=0)], ["largest", *table.max(axis=0)]], header))


if __name__ == "__main__":
    run(command)
