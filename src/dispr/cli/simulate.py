"""`dispr simulate`: a data set of simulated cells."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder to write."
)
@click.option("-n", "--number", type=int, required=True, help="How many cells.")
@click.option("--seed", default=0, show_default=True, help="Another seed gives other cells.")
@click.option("--types", default=None, help="Types, separated by commas. Default: all, in turn.")
@click.option(
    "--test-fraction", default=0.2, show_default=True, help="Share of the cells put into test/."
)
def command(out: Path, number: int, seed: int, types: str | None, test_fraction: float) -> None:
    """Simulate red blood cells with known 3D shapes, in the layout of a data set.

    The types are those of the published cells, from "-1.00_spherocyte" to "E_acanthocytes".
    """
    from tqdm import tqdm

    from dispr.simulate.folder import simulate_folder

    with tqdm(total=max(number, 0), unit="cell", leave=False) as bar:
        chosen = [name.strip() for name in types.split(",")] if types else None
        simulate_folder(out, number, seed, chosen, test_fraction, on_cell=bar.update)
    click.echo(f"{number} cells: {out}")
