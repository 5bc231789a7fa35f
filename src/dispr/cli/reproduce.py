"""`dispr reproduce`: the published study on one's own cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dispr.cli.options import config_options, given
from dispr.study.settings import Plan


@click.command(context_settings={"max_content_width": 100})
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder to write."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=None,
    help="Data set with objects, named after their classes. Default: simulated cells.",
)
@click.option("--split", default=None, help="Part of the data: train or test. Default: all cells.")
@click.option(
    "--cells", default=660, show_default=True, help="Cells to simulate where there is no data set."
)
@click.option(
    "--init",
    type=click.Path(path_type=Path),
    default=None,
    help="Begin the first method with these weights, not with training on simulated cells. They "
    "must not have seen a cell of the study.",
)
@click.option(
    "--unrelated",
    multiple=True,
    metavar="NAME",
    help="Name of a data set that the weights of --init were trained on and that shares no cell "
    "with the study: equal names mean nothing there.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--jobs", default=None, type=click.IntRange(1), help="Processes. Default: all cores.")
@config_options(Plan, show_defaults=True)
def command(
    out: Path,
    data: Path | None,
    split: str | None,
    cells: int,
    init: Path | None,
    unrelated: tuple[str, ...],
    device: str,
    jobs: int | None,
    **options: Any,
) -> None:
    """Repeat the published study: train a model for each fold, predict, score and classify.

    No shape comes from a model that saw the cell, or a test cell of the fold, in training. OUT
    receives report.html, tables (CSV) and figures (PNG). Interrupt with Ctrl-C; the same command
    goes on where it was. With --schemes runs and --schemes random in two commands, two machines can
    share the work of one folder, once the pre-training is done; a last command with both writes
    the report.
    """
    from dispr.cells.folder import find_cells
    from dispr.cli.progress import Bars
    from dispr.study.reproduce import check, reproduce, simulated_cells

    plan = Plan(**given(options, "", Plan))
    check(plan, device)
    if data is None:
        files, origin = simulated_cells(out, cells, plan.seed), "simulated"
    else:
        files, origin = find_cells(data, split, need_obj=True), data.resolve().name
    with Bars() as bars:
        report = reproduce(
            files,
            out,
            plan,
            initial=init,
            unrelated=unrelated,
            origin=origin,
            device=device,
            jobs=jobs,
            progress=bars.show,
            on_note=bars.note,
        )
    click.echo(f"{len(files)} cells, {len(plan.schemes)} x {plan.folds} folds: {report}")
