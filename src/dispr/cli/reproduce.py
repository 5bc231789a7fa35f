"""`dispr reproduce`: the published study on one's own cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dispr.cli.options import (
    config_options,
    device_options,
    given,
    jobs_option,
    out_option,
    split_option,
)
from dispr.cli.progress import Bars
from dispr.cli.say import result
from dispr.study.settings import Plan


@click.command(context_settings={"max_content_width": 100})
@out_option()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=None,
    help="Data set with objects, named after their classes. Default: simulated cells.",
)
@split_option()
@click.option(
    "--simulated-cells",
    default=660,
    show_default=True,
    help="Cells to simulate where there is no data set.",
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
@device_options(precision=False)
@jobs_option()
@config_options(Plan, show_defaults=True, called={"schemes": "scheme"})
def command(
    out: Path,
    data: Path | None,
    split: str | None,
    simulated_cells: int,
    init: Path | None,
    unrelated: tuple[str, ...],
    device: str,
    jobs: int | None,
    **options: Any,
) -> None:
    """Repeat the published study: train a model for each fold, predict, score and classify.

    No shape comes from a model that saw the cell, or a test cell of the fold, in training. OUT
    receives report.html, tables (CSV) and figures (PNG). Interrupt with Ctrl-C; re-run the
    same command to resume. With --scheme runs and --scheme random in two commands, two machines can
    share the work of one folder, once the pre-training is done; a last command with both writes
    the report.
    """
    from dispr.cells.folder import find_cells
    from dispr.study.reproduce import check, reproduce
    from dispr.study.reproduce import simulated_cells as study_on_simulated

    plan = Plan(**given(options, "", Plan))
    check(plan, device)
    if data is None:
        files, origin = study_on_simulated(out, simulated_cells, plan.seed), "simulated"
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
            progress=bars,
        )
    text = f"{len(files)} cells, {len(plan.schemes)} x {plan.folds} folds: {report}"
    result(text, cells=len(files), schemes=plan.schemes, folds=plan.folds, report=report)
