"""The whole comparison in one call: predict, measure, compare, write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispr._version import __version__
from dispr.comparison.condition import Condition
from dispr.comparison.donors import Donors, find_donors
from dispr.comparison.estimates import LEVEL
from dispr.comparison.inputs import Given, find_conditions
from dispr.comparison.known import FEWEST
from dispr.comparison.known_cells import KnownCell, find_known, predict_known, unseen
from dispr.comparison.measured import of_predictions, of_tables
from dispr.comparison.measures import Answer, Question, answer, row
from dispr.comparison.models import drawing_of, model_of, places, predict_conditions, settings_of
from dispr.comparison.page import comparison_page
from dispr.comparison.tables import MeasuredCell
from dispr.comparison.violins import violins_svg
from dispr.comparison.words import remarks_on, sentence
from dispr.errors import ConfigError
from dispr.files import atomic_path, write_csv
from dispr.intervals.rules import Intervals
from dispr.measurements.columns import written
from dispr.morphology.features import MAIN_SHAPE
from dispr.prediction.model import Model, load
from dispr.prediction.precision import settled
from dispr.prediction.settings import PredictionSettings
from dispr.progress import SILENT, Progress
from dispr.records import begin, taken_up, write_json

TABLE, CELLS, RECORD = "comparison.csv", "cells.csv", "comparison.json"
PAGE, PICTURE, KEPT = "comparison.html", "violins.svg", "values.jsonl"
PLAN = "plan.csv"
"""What is written: a row for each measure, the values of each cell, the record, the page, its
picture, what was measured, and options for a larger experiment."""

KNOWN = "known"
"""The folder of the predictions of known cells."""


@dataclass(frozen=True)
class Compared:
    """The answer to a comparison.

    Attributes
    ----------
    rows : list of dict
        The table, a row for each measure.
    sentence : str
        The result as a paragraph for a paper.
    warnings : list of str
        What to beware of.
    answers : list of Answer
        The same as the rows, with all values of the cells.
    conditions : (Condition, Condition)
        The cells.
    intervals : Intervals or None
        Those of the model.
    """

    rows: list[dict[str, Any]]
    sentence: str
    warnings: list[str]
    answers: list[Answer]
    conditions: tuple[Condition, Condition]
    intervals: Intervals | None = None


def compare(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str] | None = None,
    *,
    out: str | os.PathLike[str],
    known: str | os.PathLike[str] | None = None,
    conditions: Sequence[str] | None = None,
    groups: str | os.PathLike[str] | None = None,
    donors: str | os.PathLike[str] | None = None,
    paired: bool = False,
    measures: Sequence[str] = MAIN_SHAPE,
    level: float = LEVEL,
    weights: str | os.PathLike[str] | None = None,
    unrelated: Sequence[str] = (),
    device: str = "auto",
    jobs: int | None = None,
    progress: Progress = SILENT,
    **settings: Any,
) -> Compared:
    """Compare the shapes of the cells of two conditions, and write a table and a page; resumable.

    Parameters
    ----------
    a, b : path
        Each a folder of predictions (`dispr predict`, or a folder of such folders of fields of
        view), a folder of cells with image and mask, which are predicted first, or a table of
        `dispr measure`. Without `b`, two groups of the cells of `a` are compared.
    out : path
        Folder to write.
    known : path, optional
        A data set with some cells of known shape (obj) of each condition, which the model was not
        trained on: in sub-folders called as the conditions, listed in `groups`, or with the names
        of cells in `a` or `b`.
    conditions : (str, str), optional
        Names of the conditions, or the groups of `a` to compare.
    groups, donors : path, optional
        Tables with the columns cell and group, and cell and donor. Cells of a donor are alike;
        donors are the independent units.
    paired : bool
        Donors of one name are one donor: compare the two conditions in each.
    measures : sequence of str
        Names without units.
    level : float
        Of the intervals.
    weights, device
        As for `dispr.load`.
    unrelated : sequence of str
        Data sets that the model was trained on and that share no cell with `known`, by the names
        recorded in training.
    jobs : int, optional
        Processes that measure; as many as cores if not given.
    progress : Progress
        Told of the cells that are done (`dispr.progress`).
    **settings
        As for `PredictionSettings`, of cells that are predicted first.

    Returns
    -------
    Compared
        The rows of the table, a sentence for a paper, and warnings.

    Raises
    ------
    FileError
        If a file cannot be read or written.
    ConfigError
        If the two conditions cannot be compared, or the folder holds another comparison.
    """
    if not 0 < level < 1:
        raise ConfigError(f"level must be between 0 and 1, not {level}.")
    folder = Path(out)
    paths = {
        name: None if path is None else Path(path)
        for name, path in {"a": a, "b": b, "known": known, "weights": weights}.items()
    }
    table = None if groups is None else Path(groups)
    given = find_conditions(Path(a), paths["b"], conditions, table)
    ours = [] if paths["known"] is None else find_known(paths["known"], given, table)
    asked = {
        **{name: None if path is None else str(path.absolute()) for name, path in paths.items()},
        "conditions": [one.label for one in given],
        "settings": {name: str(value) for name, value in sorted(settings.items())},
    }
    model: Model | None = None
    intervals: Intervals | None = None
    told: list[str] = []
    drawing: dict[str, Any] = {}
    chosen = PredictionSettings(**settings)
    if given[0].kind == "cells":
        model = load(paths["weights"], device)
        intervals = model.intervals
    elif settings:
        raise ConfigError(
            f"{next(iter(settings))} does not apply: the cells are predicted or measured already."
        )
    elif given[0].kind == "predictions":
        drawing = drawing_of(given)
        model, intervals = model_of(given, drawing, paths["weights"], bool(ours), device)
        chosen = settings_of(drawing)
    elif ours:
        raise ConfigError(
            "known cells are predicted as the others were; give folders of predictions or of "
            "cells instead of tables."
        )
    elif paths["weights"] is not None:
        intervals = load(paths["weights"], "cpu").intervals
    if ours:
        assert model is not None
        ours, told = unseen(model, ours, unrelated)
        _refuse_few(ours, given)
    of_donors = find_donors(given, ours, None if donors is None else Path(donors))
    question = _question(given, of_donors, paired, tuple(measures), level)
    measured = of_tables(given, of_donors) if given[0].kind == "table" else None
    # From here on files are written.
    taken_up(folder / RECORD, "a comparison", asked)
    begin(folder / RECORD, asked)
    if given[0].kind == "cells":
        assert model is not None
        model = settled(model, [*places(folder), folder / KNOWN], progress)
        given = predict_conditions(model, given, folder, chosen, progress)
    if ours:
        assert model is not None
        ours = predict_known(model, ours, given, folder / KNOWN, chosen, progress)
    if measured is None:
        measured = of_predictions(
            given, ours, of_donors, folder / KNOWN, folder / KEPT, jobs=jobs, progress=progress
        )
    answers = answer(measured, question, intervals)
    labels = (measured[0].label, measured[1].label)
    rows = [row(one, labels, level) for one in answers]
    told += remarks_on(answers, measured, question, of_donors, given)
    text = sentence(answers, labels, question)
    result = Compared(rows, text, told, answers, measured, intervals)
    _write(folder, result, asked, question, of_donors.word)
    return result


def _refuse_few(known: Sequence[KnownCell], given: tuple[Given, Given]) -> None:
    counts = [sum(cell.condition == i for cell in known) for i in (0, 1)]
    if min(counts) < FEWEST:
        few = counts.index(min(counts))
        raise ConfigError(
            f"{given[few].label} has {counts[few]} cells of known shape that the model was not "
            f"trained on; at least {FEWEST} of each condition are needed, better 6 or more."
        )


def _question(
    given: tuple[Given, Given],
    donors: Donors,
    paired: bool,
    measures: tuple[str, ...],
    level: float,
) -> Question:
    """Decide what is asked: of cells or of donors, and whether that can be answered."""
    counts = donors.counts()
    both = set(donors.of_cells[0]) & set(donors.of_cells[1])
    if paired and (not donors.word or len(both) < 2):
        raise ConfigError(
            "pairs need at least two donors that are in both conditions; list them in a table by "
            "--donors."
        )
    by_donor = bool(donors.word) and min(counts) > 1
    alone = donors.word == "donor" and not by_donor
    doubt = "a condition has one donor, so donors and conditions cannot be told apart"
    predicted = not (isinstance(first := given[0].cells[0], MeasuredCell) and not first.predicted)
    return Question(
        measures, by_donor, paired, level, predicted, doubt if alone else "", donors.word or "donor"
    )


def _write(
    folder: Path, result: Compared, asked: dict[str, Any], question: Question, word: str
) -> None:
    labels = [one.label for one in result.conditions]
    write_csv(folder / TABLE, result.rows)
    write_csv(folder / CELLS, _cells(result))
    picture = violins_svg(result.answers, labels)
    _write_text(folder / PICTURE, picture)
    _write_text(
        folder / PAGE,
        comparison_page(result.rows, result.sentence, result.warnings, picture, labels),
    )
    record = {
        **asked,
        "dispr": __version__,
        "measures": list(question.measures),
        "level": question.level,
        "unit": word if question.by_donor else "cell",
        "paired": question.paired,
        "sentence": result.sentence,
        "warnings": result.warnings,
        "rows": result.rows,
    }
    write_json(folder / RECORD, record)


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _cells(result: Compared) -> list[dict[str, Any]]:
    """Give the rows of the table of cells: predicted values, and true ones where they are known."""
    rows = []
    for one in result.conditions:
        columns: dict[str, list[Any]] = {}
        of = {name: i for i, name in enumerate(one.known_names)}
        for found in result.answers:
            columns[found.column] = list(one.predicted(found.feature, found.unit))
        for found in result.answers if any(c.known_names for c in result.conditions) else ():
            true = one.true(found.feature, found.unit)
            columns[found.feature.column(found.unit, "true")] = [
                true[of[name]] if name in of else "" for name in one.names
            ]
        for i, name in enumerate(one.names):
            about = {"name": name, "condition": one.label, "donor": one.donors[i]}
            about["warning"] = one.warnings[i]
            rows.append(about | {key: written(values[i]) for key, values in columns.items()})
    return rows
