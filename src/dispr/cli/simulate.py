"""`dispr simulate`: make a data set of simulated cells, or simulated fields of view."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.options import out_option, refuse_given
from dispr.cli.progress import Bars
from dispr.cli.say import result
from dispr.names import count_of


@click.command()
@out_option("Output folder, for {train,test}/{obj,image,mask}/NAME.tif.")
@click.option(
    "-n", "--number", default=120, show_default=True, help="Number of cells, or of cells per field."
)
@click.option(
    "--seed", default=0, show_default=True, help="Random seed; the same seed gives the same cells."
)
@click.option(
    "--types",
    metavar="TYPE,...",
    help="Cell types to simulate, separated by commas. Default: all published types.",
)
@click.option(
    "--test-fraction",
    default=0.2,
    show_default=True,
    help="Fraction of the cells of each type for testing.",
)
@click.option(
    "--fields",
    type=int,
    default=None,
    help="Simulate this number of fields of touching cells instead: NAME.tif, labels/NAME.tif "
    "and, in 3D, truth/NAME.tif.",
)
@click.option("--field-size", default=1024, show_default=True, help="Edge of a field in pixels.")
def command(
    out: Path,
    number: int,
    seed: int,
    types: str | None,
    test_fraction: float,
    fields: int | None,
    field_size: int,
) -> None:
    """Simulate a data set of red blood cells: section, mask and 3D shape.

    Press Ctrl-C to interrupt; re-run the same command to resume.
    """
    names = None if types is None else [name.strip() for name in types.split(",") if name.strip()]
    if fields is not None:
        from dispr.simulation.field_folder import simulate_fields

        refuse_given(("test_fraction",), "simulated fields have no training and test parts")
        shape = (field_size, field_size)
        with Bars() as bars:
            images = simulate_fields(out, fields, number, seed, shape, names, progress=bars)
        text = f"{out}: {count_of(len(images), 'field')} of {count_of(number, 'cell')}."
        result(text, fields=len(images), cells=number * len(images), out=out)
        return
    from dispr.simulation.folder import simulate_folder

    refuse_given(("field_size",), "it needs --fields")

    with Bars() as bars:
        counts = simulate_folder(out, number, seed, names, test_fraction, progress=bars)
    text = f"{out}: {counts['train']} training cells, {counts['test']} test cells."
    result(text, **counts, out=out)
