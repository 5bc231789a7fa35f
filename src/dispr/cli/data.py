"""`dispr data`: check a data set, or fetch the published one."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.say import is_quiet, result
from dispr.errors import FileError


@click.group()
def command() -> None:
    """Check a data set, or download the published one."""


@command.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def check(folder: Path) -> None:
    """List all faults of the data set DIR and count its cells.

    DIR contains the folders image, mask and optionally obj, or train and test with these. The exit
    code is 2 if there are faults; warnings do not count.
    """
    from tqdm import tqdm

    from dispr.cells.check import check_cells

    with tqdm(unit=" cells", leave=False, disable=True if is_quiet() else None) as bar:
        report = check_cells(folder, progress=bar.update)
    for fault in report.faults:
        result(f"fault: {fault}", faults=report.faults)
    for warning in report.warnings:
        result(f"warning: {warning}", warnings=report.warnings)
    if report.counts:
        counts = [{"split": s, "class": kind, "cells": n} for (s, kind), n in report.counts.items()]
        result(_table(report.counts), counts=counts)
    if report.faults:
        number = len(report.faults)
        raise FileError(
            f"{folder} has {number} fault{'s' if number > 1 else ''}; correct the files and check "
            "again."
        )
    result("No faults.", faults=[])


@command.command()
@click.option(
    "-o",
    "--out",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("red_blood_cells"),
    show_default=True,
    help="Folder for the data set.",
)
def fetch(out: Path) -> None:
    """Download the published red blood cells (Zenodo, doi 10.5281/zenodo.7031924).

    Re-run the same command to resume an interrupted download. Prints the folder that contains the
    cells.
    """
    from dispr.cells.fetch import fetch as fetch_cells

    folder = fetch_cells(out, progress=not is_quiet())
    result(str(folder), folder=folder)


def _table(counts: dict[tuple[str, str], int]) -> str:
    """Lay out the counts with a row for each class and a column for each split."""
    from tabulate import tabulate

    from dispr.cells.classes import CLASSES

    splits = list(dict.fromkeys(split for split, _ in counts))
    kinds = [kind for kind in (*CLASSES, "other") if any((s, kind) in counts for s in splits)]
    rows = [[kind, *(counts.get((s, kind), 0) for s in splits)] for kind in kinds]
    rows.append(["total", *(sum(n for (s, _), n in counts.items() if s == t) for t in splits)])
    return tabulate(rows, headers=["class", *splits])
