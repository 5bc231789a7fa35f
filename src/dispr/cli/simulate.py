"""`dispr simulate`: make a data set of simulated cells."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to write {train,test}/{obj,image,mask}/NAME.tif to.",
)
@click.option("-n", "--number", default=120, show_default=True, help="Number of cells.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same cells.")
@click.option(
    "--types",
    metavar="TYPE,...",
    help="Only these types of cells, separated by commas; all published types by default.",
)
@click.option(
    "--test-fraction",
    default=0.2,
    show_default=True,
    help="Share of the cells of each type that go to the folder test.",
)
def command(output: Path, number: int, seed: int, types: str | None, test_fraction: float) -> None:
    """Make a data set of simulated red blood cells: section, mask and 3D shape.

    Stopped before its end, the same command continues where it was.
    """
    from dispr.simulate.folder import simulate_folder

    names = None if types is None else [name.strip() for name in types.split(",") if name.strip()]
    counts = simulate_folder(output, number, seed, names, test_fraction)
    click.echo(f"{output}: {counts['train']} training cells, {counts['test']} test cells.")
