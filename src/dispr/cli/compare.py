"""`dispr compare`: whether the cells of two conditions differ in shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dispr.cli.options import Name, device_options, groups_option, jobs_option, out_option
from dispr.cli.progress import Bars
from dispr.cli.say import note, result, warn


def _words(context: click.Context, option: click.Parameter, value: str | None) -> Any:
    """Take words apart at commas; None where nothing was given."""
    words = tuple(word.strip() for word in (value or "").split(","))
    return tuple(filter(None, words)) or None


@click.command()
@click.argument("a", type=Name)
@click.argument("b", type=Name, required=False)
@out_option()
@click.option(
    "--known",
    type=Name,
    default=None,
    help="Data set with some cells of known shape (obj) of each condition, which the model was "
    "not trained on: in sub-folders called as the conditions, listed by --groups, or with the "
    "names of cells in A or B.",
)
@click.option(
    "--conditions",
    callback=_words,
    default=None,
    metavar="A,B",
    help="Names of the conditions. Without B, the two groups of A to compare. Default: the names "
    "of the folders, or the groups of A if there are two.",
)
@groups_option("CSV with the columns cell and group. Default: the groups of the predictions.")
@click.option(
    "--donors",
    type=Name,
    default=None,
    help="CSV with the columns cell and donor (or field, animal, replicate). Cells of one donor "
    "are alike; donors are the independent units. Default: a column donor of the tables, or the "
    "fields of view.",
)
@click.option(
    "--paired",
    is_flag=True,
    help="The donors of A and B are the same: compare the two conditions in each donor.",
)
@click.option(
    "--measures",
    callback=_words,
    default=None,
    metavar="NAME,...",
    help="Measures to compare, without units. Default: the main measures of dispr measure.",
)
@click.option(
    "--plan",
    is_flag=True,
    help="Take the cells as a pilot: also write plan.csv, the expected width of the intervals for "
    "other numbers of sections, known cells and donors.",
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Level of the confidence intervals.",
)
@click.option(
    "--weights",
    type=Name,
    default=None,
    help="Weights of the model of the predictions. Default: the weights shipped with dispr.",
)
@click.option(
    "--unrelated",
    multiple=True,
    metavar="DATA",
    help="Training data set of the model that shares no cells with --known, by the name recorded "
    "in training. Can be repeated.",
)
@click.option(
    "--ensemble",
    type=click.IntRange(1),
    default=None,
    help="Number of shapes to draw for each cell, if A and B are folders of cells. Default: 5.",
)
@click.option("--seed", type=int, default=None, help="Random seed of these shapes. Default: 0.")
@click.option(
    "--pixel-size",
    type=float,
    default=None,
    help="Pixel size in um of the images of cells that are predicted. Default: from the file "
    "metadata.",
)
@jobs_option()
@device_options(precision=False)
def command(
    a: Path,
    b: Path | None,
    out: Path,
    known: Path | None,
    conditions: tuple[str, ...] | None,
    groups: Path | None,
    donors: Path | None,
    paired: bool,
    measures: tuple[str, ...] | None,
    plan: bool,
    level: float,
    weights: Path | None,
    unrelated: tuple[str, ...],
    ensemble: int | None,
    seed: int | None,
    pixel_size: float | None,
    jobs: int | None,
    device: str,
) -> None:
    """Compare the shapes of the cells of two conditions, A and B.

    A and B are folders of predictions (dispr predict), folders of cells with image and mask, which
    are predicted first, or tables of dispr measure. Without B, two groups of the cells of A are
    compared.

    The intervals count the error of the prediction. With --known, a few cells of known shape in
    each condition tell how predictions err (prediction-powered inference). Without, the calibration
    cells of the model do, which assumes that predictions err in both conditions as in these.

    Writes comparison.html, one page with the answer, comparison.csv, cells.csv, violins.svg and
    comparison.json. Re-run the same command to resume.
    """
    from dispr.comparison.plan import plan_rows
    from dispr.comparison.run import PAGE, PLAN, TABLE, compare
    from dispr.comparison.words import plan_text, table_text
    from dispr.files import write_csv
    from dispr.morphology.features import MAIN_SHAPE

    given = {"ensemble": ensemble, "seed": seed, "pixel_size": pixel_size}
    with Bars() as bars:
        found = compare(
            a,
            b,
            out=out,
            known=known,
            conditions=conditions,
            groups=groups,
            donors=donors,
            paired=paired,
            measures=measures or MAIN_SHAPE,
            level=level,
            weights=weights,
            unrelated=unrelated,
            device=device,
            jobs=jobs,
            progress=bars,
            **{name: value for name, value in given.items() if value is not None},
        )
    result(
        table_text(found.rows),
        rows=found.rows,
        sentence=found.sentence,
        warnings=found.warnings,
        table=out / TABLE,
        page=out / PAGE,
    )
    result(f"\n{found.sentence}")
    if plan:
        rows = plan_rows(found.answers, found.conditions, found.intervals, level)
        write_csv(out / PLAN, rows)
        result(f"\nPlan: {out / PLAN}\n\n{plan_text(rows)}", plan=rows)
    for text in found.warnings:
        warn(f"Warning: {text}")
    note(f"Page: {out / PAGE}")
