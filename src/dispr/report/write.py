"""Write the report of a folder of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from dispr._version import __version__
from dispr.cells.groups import with_groups
from dispr.errors import FileError
from dispr.failures import Failures
from dispr.familiarity.statistics import ALARM
from dispr.files import atomic_path
from dispr.measurements.columns import OF_SHAPES
from dispr.morphology.features import MAIN_SHAPE, SHAPE_FEATURES, UNITS
from dispr.morphology.labels import label_of
from dispr.prediction.files import PredictionFolder
from dispr.processes import try_in_processes
from dispr.progress import SILENT, Progress
from dispr.report.cell import CellReport, report_cell
from dispr.report.fieldmap import field_map
from dispr.report.page import deal, page
from dispr.report.sources import Source, find_sources
from dispr.spool import Spool
from dispr.surface.colours import STOPS

TITLE = "DISPR report: "
"""What the title of each page begins with."""

PAGE_BYTES = 4_000_000
"""Most bytes of cells on a page; a browser on a phone still opens it at once."""


@dataclass(frozen=True)
class WrittenReport:
    """What `write_report` wrote.

    Attributes
    ----------
    cells : int
        Number of cells.
    pages : tuple of Path
        The files, the first of which is the one to open.
    truths, sections : int
        How many cells had a true shape, and an image and mask.
    """

    cells: int
    pages: tuple[Path, ...]
    truths: int
    sections: int


def write_report(
    predictions: Path,
    data: Path | None,
    out: Path,
    *,
    split: str | None = None,
    evaluation: Any = None,
    groups: Path | None = None,
    jobs: int | None = None,
    page_bytes: int = PAGE_BYTES,
    failures: Failures | None = None,
    progress: Progress = SILENT,
) -> WrittenReport:
    """Write predictions as pages to look at, which work without a network.

    What a page shows of each cell waits on the disk, so that one page is in memory at a time.

    Parameters
    ----------
    predictions : Path
        Folder that `dispr predict` wrote.
    data : Path or None
        The data set that was predicted: sections, and the truth where it has objects.
    out : Path
        File to write (.html). Where one file would be too large, NAME_2.html and so on stand
        beside it, and the pages lead to each other.
    split : "train" or "test", optional
        Part of the data set.
    evaluation : dispr.scores.evaluate.Evaluation, optional
        Scores of these predictions, if they are at hand; else they are computed where there is a
        truth.
    groups : Path, optional
        Table of the groups of cells (`dispr.cells.groups.read_groups`), instead of those that they
        were predicted with.
    jobs : int, optional
        Processes; as many as cores if not given.
    page_bytes : int
        Most bytes of cells on a page.
    failures : Failures, optional
        Receives the cells that cannot be read, which the report lacks. By default the first one is
        an error.
    progress : Progress
        Told of each cell (`dispr.progress`).

    Raises
    ------
    FileError
        If a file is missing, cannot be read or written, or the name does not end in .html.
    """
    check_name(out)
    sources = find_sources(predictions, data, split)
    items = with_groups([source.item for source in sources], groups)
    sources = [replace(source, item=item) for source, item in zip(sources, items, strict=True)]
    count = progress.counter("Reporting", len(sources))
    failures = Failures(strict=True) if failures is None else failures
    shown: list[Source] = []
    index: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    report_one = partial(report_cell, scored=evaluation is None)
    sizes: list[int] = []
    with Spool(out.parent) as bodies:
        for source, cell in zip(sources, try_in_processes(report_one, sources, jobs), strict=True):
            if isinstance(cell, CellReport):
                shown.append(source)
                index.append(cell.index)
                scores += cell.scores
                sizes.append(bodies.append(cell.body))
            else:
                section = source.section
                files = [] if section is None else [section.image, section.mask]
                failures.add(source.name, [*files, *filter(None, [source.truth])], cell)
            count()
        failures.raise_if_none_left(len(shown))
        dealt = deal(sizes, page_bytes)
        paths = [
            out if i == 0 else out.with_name(f"{out.stem}_{i + 1}{out.suffix}")
            for i in range(len(dealt))
        ]
        numbered = [{**index[i], "page": number} for number, part in enumerate(dealt) for i in part]
        shared = {
            "version": __version__,
            "settings": _settings(predictions),
            "made": PredictionFolder(predictions).settings.get("made", {}),
            "field": field_map(predictions),
            "folder": predictions.resolve().name,
            "features": _features(),
            "main": list(MAIN_SHAPE),
            "cells": numbered,
            "pages": [path.name for path in paths],
            "scores": _scores(predictions, scores, evaluation),
            "alarm": ALARM,
            "stops": STOPS,
        }
        for number, part in enumerate(dealt):
            here = {index[i]["name"]: bodies[i] for i in part}
            on_page = {"page": number, **({} if number == 0 else {"field": None})}  # one is enough
            text = page(f"{TITLE}{shared['folder']}", {**shared, **on_page}, here)
            with atomic_path(paths[number]) as temporary:
                temporary.write_text(text, encoding="utf-8", newline="\n")
    _remove_further(out, len(paths))
    truths, sections = (
        sum(getattr(source, kind) is not None for source in shown) for kind in ("truth", "section")
    )
    return WrittenReport(len(shown), tuple(paths), truths, sections)


def _remove_further(out: Path, pages: int) -> None:
    """Remove the pages that a longer report of this name had behind these."""
    number = pages + 1
    while (path := out.with_name(f"{out.stem}_{number}{out.suffix}")).is_file():
        if TITLE not in path.read_text(encoding="utf-8", errors="replace")[:2000]:
            return  # somebody else's
        path.unlink()
        number += 1


def check_name(out: Path) -> None:
    """Refuse a name that no browser would open.

    Raises
    ------
    FileError
        If it does not end in .html.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise FileError(f"{out} must end in .html.")


def _scores(
    predictions: Path, rows: list[dict[str, Any]], evaluation: Any
) -> dict[str, Any] | None:
    """Give the tables of scores; None without a truth."""
    from dispr.scores.evaluate import evaluated

    if evaluation is None:
        if not rows:
            return None
        evaluation = evaluated(predictions, rows)
    return {
        "summary": _finite(evaluation.summary()),
        "classes": _finite(evaluation.summary(by_class=True)),
        "intervals": _finite(evaluation.intervals),
        "ensemble": _finite(evaluation.ensemble),
    }


def _finite(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    from dispr.report.cell import rounded

    return [
        {key: rounded(value) if isinstance(value, float) else value for key, value in row.items()}
        for row in rows
    ]


def _features() -> list[dict[str, Any]]:
    """Give name, units and formula of each measure, in the order of the cells' measures."""
    return [
        {
            "name": feature.name,
            "label": label_of(feature.name),
            "units": {unit: _unit(feature.unit(unit)) for unit in OF_SHAPES},
            "suffixes": {unit: UNITS[feature.dimension][unit] for unit in OF_SHAPES},
            "whole": feature.whole,
            "formula": feature.formula,
            "source": feature.source,
        }
        for feature in SHAPE_FEATURES
    ]


def _unit(text: str) -> str:
    return "" if text == "-" else text


def _settings(predictions: Path) -> dict[str, str]:
    """Give how the shapes were drawn, as far as it is known."""
    known = PredictionFolder(predictions).settings
    keys = ("dispr", "model", "precision", "ensemble", "seed", "sampler", "steps")
    return {key: str(known[key]) for key in keys if known.get(key) not in (None, "")}
