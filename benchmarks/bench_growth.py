"""How time and memory grow: with cells, shapes, pixels and labels; an exponent for each.

Each size is run in a process of its own. The exponent is the slope of the logarithms (least
squares), with its standard error: 1 is linear, 0 does not grow.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from bench_child import in_process
from bench_rounds import Rounds


@dataclass(frozen=True)
class Axis:
    """What grows.

    Attributes
    ----------
    task : str
        The task (`bench_child.py`).
    name : str
        What it is, in the table.
    sizes, tiny : sequence of int
        Sizes; and those of the tiny setting.
    """

    task: str
    name: str
    sizes: Sequence[int]
    tiny: Sequence[int]


CELLS = "cells of a folder (tiny network, packed)"

AXES = (
    Axis("cells", CELLS, (1, 10, 100, 1000, 5000, 20000), (1, 2, 4)),
    Axis("ensemble", "shapes of a cell (shipped model, 2 steps)", (1, 2, 4, 8, 16), (1, 2)),
    Axis("pixels", "million pixels of a field with 16 cells", (1, 4, 16, 64), (1, 2)),
    Axis("labels", "labels in a field of 1024 x 1024 pixels", (4, 16, 64, 256), (1, 2, 4)),
)


@dataclass(frozen=True)
class Growth:
    """How one thing grows.

    Attributes
    ----------
    name : str
        What grows.
    sizes : list of int
        How far.
    seconds, core, memory : list of float
        What they took: seconds, core seconds, peak memory of the whole process in MB.
    exponents : dict of str to (float, float)
        Of seconds, core and memory: slope and its standard error.
    last : float
        Core seconds a unit between the last two sizes over that of all up to the last but one.
    """

    name: str
    sizes: list[int]
    seconds: list[float]
    core: list[float]
    memory: list[float]
    exponents: dict[str, tuple[float, float]]
    last: float

    def as_dict(self) -> dict[str, Any]:
        """Give it for JSON."""
        return asdict(self)


def exponent(sizes: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Fit values = a sizes^b by least squares of the logarithms; give b and its standard error.

    The error is NaN for fewer than three sizes.
    """
    x = [math.log(size) for size in sizes]
    y = [math.log(value) for value in values]
    middle, height = statistics.fmean(x), statistics.fmean(y)
    spread = sum((one - middle) ** 2 for one in x)
    slope = sum((a - middle) * (b - height) for a, b in zip(x, y, strict=True)) / spread
    if len(x) < 3:
        return slope, math.nan
    rest = sum((b - height - slope * (a - middle)) ** 2 for a, b in zip(x, y, strict=True))
    return slope, math.sqrt(rest / (len(x) - 2) / spread)


def growth(rounds: Rounds, tiny: bool, most_cells: int = 100) -> list[Growth]:
    """Measure how everything grows; of cells, up to so many."""
    found = []
    for axis in AXES:
        sizes = list(axis.tiny if tiny else axis.sizes)
        if axis.name == CELLS:
            sizes = [size for size in sizes if size <= most_cells]
        threads = torch.get_num_threads()
        # The tiny network is on the processor.
        device = rounds.device if axis.task == "ensemble" else "cpu"
        calls = [in_process(axis.task, size, device, threads) for size in sizes]
        columns = {
            name: [getattr(call, name) for call in calls] for name in ("seconds", "core", "memory")
        }
        found.append(growth_of(axis.name, sizes, **columns))
    return found


def growth_of(
    name: str,
    sizes: list[int],
    seconds: list[float],
    core: list[float],
    memory: list[float],
) -> Growth:
    """Fit the exponents."""
    columns = {"seconds": seconds, "core": core, "memory": memory}
    exponents = {what: exponent(sizes, values) for what, values in columns.items()}
    late = (core[-1] - core[-2]) / (sizes[-1] - sizes[-2])
    return Growth(name, sizes, seconds, core, memory, exponents, late / (core[-2] / sizes[-2]))


def plot(found: Sequence[Growth], path: Path) -> None:
    """Draw time and memory by size, with the fitted exponents."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(found), figsize=(3.1 * len(found), 5), squeeze=False)
    for column, one in enumerate(found):
        for row, (what, values) in enumerate((("core", one.core), ("memory", one.memory))):
            axis = axes[row][column]
            slope, error = one.exponents[what]
            axis.loglog(one.sizes, values, "o-", color="#b03a2e" if row else "#21618c")
            axis.set_title(f"exponent {slope:.2f} ± {error:.2f}", fontsize=9)
            axis.set_xlabel(one.name.split(" (")[0], fontsize=8)
            axis.grid(alpha=0.3)
            axis.tick_params(which="both", labelsize=7)
            if row:
                axis.set_ylim(min(values) / 2, max(values) * 2)
    axes[0][0].set_ylabel("core seconds")
    axes[1][0].set_ylabel("peak memory, MB")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
