"""Compare the ONNX graph of the shipped model with PyTorch: shapes and seconds.

python benchmarks/onnx_graph.py fast.onnx [--cells 12]
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np
import onnxruntime
import torch

from dispr.cells.classes import TYPES
from dispr.export.models.example import sample_noise
from dispr.export.models.graph import Shapes
from dispr.export.models.source import read_source
from dispr.simulation.cell import simulate_cell


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--cells", default=12, show_default=True, help="Number of simulated cells.")
@click.option("--threads", default=1, show_default=True, help="Threads of both programs.")
def main(file: Path, cells: int, threads: int) -> None:
    """Draw five shapes of simulated cells by FILE and by PyTorch in float32, in turns."""
    torch.set_num_threads(threads)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    model = read_source().model
    graph = Shapes(model.config, model.network)
    rows = []
    for i in range(cells):
        cell = simulate_cell(TYPES[i % len(TYPES)], 909090, i)
        noise = sample_noise(model, graph, cell.image, cell.mask, 5)[None]
        image, mask = (a[None, None] / np.float32(255) for a in (cell.image, cell.mask))
        start = time.process_time()
        with torch.inference_mode():
            given = (torch.from_numpy(array) for array in (image, mask, noise))
            true, grey = (answer.numpy() for answer in graph(*given))
        middle = time.process_time()
        shapes, found = session.run(
            ["shapes", "occupancy"], {"image": image, "mask": mask, "noise": noise}
        )
        end = time.process_time()
        both, either = (true & shapes).sum((2, 3, 4)), (true | shapes).sum((2, 3, 4))
        rows.append(
            (
                np.abs(found - grey).max(),
                ((found > 0.5) != (grey > 0.5)).mean(),
                (both / either).min(),
                middle - start,
                end - middle,
            )
        )
    largest, crossed, iou, by_torch, by_onnx = np.array(rows).T
    print(f"{cells} simulated cells, five shapes each, {threads} threads")
    print(f"largest difference of an occupancy: {largest.max():.2g}")
    print(f"voxels on the other side of 0.5: {crossed.mean():.2g}, at most {crossed.max():.2g}")
    print(f"IoU of the shapes: at least {iou.min():.6f}")
    print(f"CPU seconds a cell, median: PyTorch {np.median(by_torch):.2f}, ", end="")
    print(f"ONNX Runtime {np.median(by_onnx):.2f}")


if __name__ == "__main__":
    main()
