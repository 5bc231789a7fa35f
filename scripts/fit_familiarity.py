"""Fit the statistics of a model's training cells, for the check whether a cell is like them.

    python scripts/fit_familiarity.py red_blood_cells

reads the cells that the shipped weights name as their training cells, and writes the statistics
beside these weights.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from dispr.cli.main import run

SEED = 777
"""Of the simulated cells; that of no other set of them."""


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    default=None,
    help="Weights whose training cells are taken. Default: the shipped ones.",
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=None, help="JSON file to write."
)
@click.option(
    "--simulated",
    default=465,
    show_default=True,
    help="Simulated cells that are familiar too, for weights that were trained with such; 0: none.",
)
def command(data: Path, weights: Path | None, out: Path | None, simulated: int) -> None:
    """Fit the statistics to the cells of DATA that the model was trained on."""
    import numpy as np

    from dispr.cells.folder import find_cells
    from dispr.cells.read import read_cell
    from dispr.errors import ConfigError
    from dispr.familiarity.reference import SHIPPED, save_familiarity
    from dispr.familiarity.statistics import fit_familiarity
    from dispr.model.shipped import shipped_weights
    from dispr.model.weights import load_weights
    from dispr.simulation.cell import simulate

    wanted = set(load_weights(weights or shipped_weights()[0]).about.get("training_cells", ()))
    files = [file for file in find_cells(data) if file.name in wanted]
    if {file.name for file in files} != wanted or not wanted:
        raise ConfigError(
            f"{data} has {len(files)} of the {len(wanted)} training cells that the weights name; "
            "name the data set that they were trained on."
        )
    cells = [read_cell(dataclasses.replace(file, obj=None)) for file in files]
    fitted = fit_familiarity(
        np.stack([cell.image for cell in cells]),
        np.stack([cell.mask for cell in cells]),
        [cell.name for cell in cells],
    )
    if simulated:
        drawn = list(simulate(simulated, seed=SEED))
        also = fit_familiarity(
            np.stack([cell.image for cell in drawn]), np.stack([cell.mask for cell in drawn])
        )
        fitted = dataclasses.replace(fitted, also=also)
    save_familiarity(out or SHIPPED, fitted)
    click.echo(f"Statistics of {fitted.cells} training cells: {out or SHIPPED}")


if __name__ == "__main__":
    run(command)
