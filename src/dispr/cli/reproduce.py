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
    help="Data set with objects whose file names state the class. Default: simulated cells.",
)
@split_option()
@click.option(
    "--simulated-cells",
    default=660,
    show_default=True,
    help="Number of cells to simulate if --data is not given.",
)
@click.option(
    "--init",
    type=click.Path(path_type=Path),
    default=None,
    help="Weights to start the first method from, instead of pre-training on simulated cells. "
    "They must not be trained on any cell of the study.",
)
@click.option(
    "--unrelated",
    multiple=True,
    metavar="NAME",
    help="Name of a training data set of the --init weights that shares no cells with the study; "
    "cells with the same names are then different cells.",
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
    """Reproduce the published study: train a model for each fold, predict, score and classify.

    The test cells of a fold are never used to train its model or its classifiers. OUT receives
    report.html, tables (CSV) and figures (PNG). Press Ctrl-C to interrupt; re-run the same command
    to resume. To share the work between two machines, finish the pre-training, then run one command
    with --scheme runs and one with --scheme random on the same folder; a final command with both
    schemes writes the report.
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
