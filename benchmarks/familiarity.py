"""How often the input check warns: of wrong inputs, and of real and simulated cells.

    python benchmarks/familiarity.py red_blood_cells

The reference is that of the shipped model. Its validation and test cells are new to it; the wrong
inputs are made from the test cells.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from tabulate import tabulate

from dispr.cells.classes import parse_name
from dispr.cells.folder import CellFiles, find_cells
from dispr.cells.read import read_cell
from dispr.cli.main import run
from dispr.familiarity.reference import load_familiarity
from dispr.familiarity.statistics import ALARM
from dispr.model.shipped import shipped_weights
from dispr.model.weights import load_weights
from dispr.simulation.cell import simulate
from dispr.simulation.wrong import wrong_inputs


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--simulated", default=240, show_default=True, help="Simulated cells to score.")
def command(data: Path, simulated: int) -> None:
    """Print the share of inputs with a warning, and of their scores the median."""
    reference = load_familiarity()
    known = set(load_weights(shipped_weights()[0]).about["training_cells"])
    train = find_cells(data, "train")
    test = find_cells(data, "test")
    lines = []

    def add(kind: str, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        scores = reference.score_inputs(images, masks)
        lines.append([kind, len(scores), f"{(scores < ALARM).mean():.1%}", np.median(scores)])
        return scores

    add("training cells", *_pairs([file for file in train if file.name in known]))
    add("validation cells", *_pairs([file for file in train if file.name not in known]))
    images, masks = _pairs(test)
    scores = add("test cells", images, masks)
    classes = np.array([parse_name(file.name).cell_class for file in test])
    for cell_class in dict.fromkeys(classes):
        of = scores[classes == cell_class]
        share = f"{(of < ALARM).mean():.1%}"
        lines.append([f"  of these, {cell_class}", len(of), share, np.median(of)])
    add("test cells, binary masks", images, np.where(masks > 127, 255, 0).astype(np.uint8))
    cells = list(simulate(simulated, seed=1))
    add("simulated cells", np.stack([c.image for c in cells]), np.stack([c.mask for c in cells]))
    for kind, pair in wrong_inputs(images, masks).items():
        add(kind, *pair)
    print(tabulate(lines, ["input", "number", "warned of", "median score"], floatfmt=".2f"))


def _pairs(files: Sequence[CellFiles]) -> tuple[np.ndarray, np.ndarray]:
    cells = [read_cell(dataclasses.replace(file, obj=None)) for file in files]
    return np.stack([cell.image for cell in cells]), np.stack([cell.mask for cell in cells])


if __name__ == "__main__":
    run(command)
