"""`dispr gather`: join the parts that several machines made, or verify them."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.options import Name, out_option, refuse_given
from dispr.cli.progress import Bars
from dispr.cli.say import partly, result
from dispr.names import count_of


@click.command()
@click.argument("parts", nargs=-1, required=True, type=Name)
@out_option(
    "Folder, or table, to write the whole to. Default: verify the parts only.", required=False
)
@click.option(
    "--data",
    type=Name,
    default=None,
    help="The cells that were predicted, to name those that are missing. Default: where they were "
    "when they were predicted, if they still are there.",
)
@click.option(
    "--store",
    type=click.Choice(["files", "zarr"]),
    default=None,
    help="TIFF files for each cell, or all cells packed. Default: as the parts.",
)
def command(parts: tuple[Path, ...], out: Path | None, data: Path | None, store: str | None) -> int:
    """Join PARTS, which commands wrote with --shard, and make sure that they are one whole.

    PARTS are folders of predictions, or folders that hold several of them; tables that dispr
    measure --shard wrote; or data sets that dispr prepare --shard wrote. Each cell of the data must
    be there exactly once, made with the same settings and the same model; otherwise the cells are
    named, and the exit code is 2. Cells and stacks that failed in their part are listed in
    failures.csv, and the exit code is 3.
    """
    from dispr.failures import TABLE
    from dispr.labelled.stack.gather import find_prepared, gather_prepared, is_prepared
    from dispr.measurements.gather import gather_tables
    from dispr.prediction.gather import find_parts, gather

    if all(part.suffix.lower() in (".csv", ".parquet") for part in parts):
        count, failures = gather_tables(parts, out)
        where = f": {out}" if out is not None else ", each of them once."
        text = f"{count_of(len(parts), 'table')}, {count_of(count, 'cell')}{where}"
        result(text, parts=len(parts), cells=count, out=out)
        shown = out or parts[0]
        return partly(failures, "cells", shown.with_name(f"{shown.stem}_{TABLE}"))

    if is_prepared(parts):
        refuse_given(("data", "store"), "it is for predictions, and the parts are data sets")
        made = find_prepared(parts)
        if out is not None:
            with Bars() as bars:
                gather_prepared(made, out, bars)
        where = f": {out}" if out is not None else ", each of them once."
        count = len(made.where)
        text = f"{count_of(made.cells, 'cell')} of {count_of(count, 'stack')}{where}"
        result(text, stacks=count, cells=made.cells, failed=len(made.failures), out=out)
        return partly(made.failures, "stacks", (out or Path("PART")) / TABLE)

    found = find_parts(parts, _names(parts, data))
    count = len(found.where)
    if out is not None:
        with Bars() as bars:
            gather(found, out, store or "", bars)
    where = f": {out}" if out is not None else ", each of them once."
    result(
        f"{count_of(len(found.folders), 'part')}, {count_of(count, 'cell')}{where}",
        parts=len(found.folders),
        cells=count,
        failed=len(found.failures),
        out=out,
    )
    return partly(found.failures, "cells", (out or Path("PART")) / TABLE)


def _names(parts: tuple[Path, ...], data: Path | None) -> set[str] | None:
    """Give the names of all cells of the inputs; None where these are not there any more."""
    from dispr.cells.folder import find_cells
    from dispr.errors import FileError
    from dispr.failures import Failures
    from dispr.prediction.gather import inputs_of

    inputs = inputs_of(parts)
    path, split = data or Path(inputs.get("data", "")), inputs.get("split")
    failures = Failures()
    try:
        cells = find_cells(path, split=split, failures=failures)
    except FileError:
        if data is not None:
            raise
        return None
    return {cell.name for cell in cells} | failures.names
