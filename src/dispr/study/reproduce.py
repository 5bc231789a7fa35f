"""The whole study in one call: train, predict, score, measure, classify; resumable."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispr.cells.folder import CellFiles, find_cells
from dispr.errors import ConfigError
from dispr.files import write_csv
from dispr.model.device import check_precision, find_device
from dispr.model.weights import Weights, load_weights
from dispr.prediction.folder import predict_folder
from dispr.prediction.model import load
from dispr.prediction.seen import seen_cells
from dispr.prediction.settings import PredictionSettings
from dispr.scores.evaluate import Truth, score_cells
from dispr.scores.library import Library
from dispr.simulate.folder import simulate_folder
from dispr.study.classify import classify, refuse_without_objects
from dispr.study.cross_validation import FoldResult
from dispr.study.fold_models import SIMULATED, pretrain, train_fold
from dispr.study.folds import Fold, Split, make_split, write_split
from dispr.study.measure_cells import obj_of
from dispr.study.packages import PACKAGES, need
from dispr.study.places import Places, begin
from dispr.study.progress import Progress, counted, silent
from dispr.study.report import SchemeResult, write_report
from dispr.study.settings import Plan
from dispr.study.shape_tables import label, read_scores


def simulated_cells(out: Path, count: int, seed: int) -> list[CellFiles]:
    """Make the cells of a study that has no data set: all published types, in turn."""
    folder = Places(out).cells
    simulate_folder(folder, count, seed=seed, test_fraction=0)
    return find_cells(folder, "train", need_obj=True)


def reproduce(
    files: Sequence[CellFiles],
    out: Path,
    plan: Plan | None = None,
    *,
    initial: Path | None = None,
    unrelated: Sequence[str] = (),
    origin: str = "",
    device: str = "auto",
    jobs: int | None = None,
    progress: Progress = silent,
    on_note: Callable[[str], Any] = warnings.warn,
) -> Path:
    """Repeat the published study on these cells.

    For each fold a model learns from the training cells, after a beginning on simulated cells that
    all folds share, and draws shapes of all cells. Those of the test cells are scored against the
    truth and beside the baselines; classes are told with and without them. What is finished is
    kept: the same call goes on where an earlier one was stopped.

    Parameters
    ----------
    files : sequence of CellFiles
        Cells with objects, named after their classes.
    out : Path
        Folder to write: `report.html`, `report.md`, tables, figures, and what they are made from.
    plan : Plan, optional
        What is compared.
    initial : Path, optional
        Weights to begin with instead of training on simulated cells. They must not have seen a
        cell of the study.
    unrelated : sequence of str
        Data sets that these weights were trained on and that share no cell with the study, see
        `dispr.prediction.seen.seen_cells`.
    origin : str
        What the report says of where the cells are from.
    device : str
        "auto", "cpu", "cuda" or "cuda:1".
    jobs : int, optional
        Processes to score and measure in; as many as cores if not given.
    progress : Progress
        Told of all work.
    on_note : callable
        As for `classify`.

    Returns
    -------
    Path
        The report, `report.html`.

    Raises
    ------
    DisprError
        If a package of the extra "study" is not installed.
    ConfigError
        If a setting is invalid, the folder holds another study, or a model saw a test cell.
    FileError
        If a file is missing, cannot be read or cannot be written.
    KeyboardInterrupt
        If a signal asked to stop while a model was learning.
    """
    plan = plan or Plan()
    check(plan, device)
    refuse_without_objects(files, "the study needs")
    names = [file.name for file in files]
    plan.refuse_missing_classes(names)
    splits = {
        scheme: make_split(names, scheme, plan.folds, seed=plan.seed) for scheme in plan.schemes
    }
    given = None if initial is None else _unseeing(initial, files, unrelated)
    places = Places(Path(out))
    begin(places, plan, files, initial.name if initial else SIMULATED)
    work = _Work(files, places, plan, tuple(unrelated), device, jobs, progress, on_note)
    first = {method: work.beginning(method, given) for method in plan.methods}
    results = []
    for scheme, split in splits.items():
        write_split(places.split(scheme), split)
        for method in plan.methods:
            for fold in split:
                work.predict(scheme, method, fold, first[method])
                work.score(scheme, method, fold)
        results.append(work.collect(scheme, split))
    return write_report(places.root, plan, results, files, origin)


@dataclass(frozen=True)
class _Work:
    """The parts of a study; each does nothing where it is done already."""

    files: Sequence[CellFiles]
    places: Places
    plan: Plan
    unrelated: tuple[str, ...]
    device: str
    jobs: int | None
    progress: Progress
    on_note: Callable[[str], Any]

    def beginning(self, method: str, initial: Weights | None) -> Weights | None:
        """Give what all folds of a method begin with."""
        if initial is not None and method == self.plan.classified:
            return initial
        if not self.plan.pretraining_steps:
            return None
        return pretrain(self.places, self.plan, method, self.device, self.progress)

    def predict(self, scheme: str, method: str, fold: Fold, initial: Weights | None) -> None:
        """Train the model of a fold and draw the shapes that are needed."""
        plan, places = self.plan, self.places
        weights = places.weights(scheme, method, fold.number)
        run = weights.with_suffix("")
        line = _line(scheme, method, fold)
        train = self._of(fold.train)
        train_fold(train, run, weights, plan, method, initial, self.device, self.progress, line)
        wanted = self._of(plan.cells_to_predict(fold, method))
        predict_folder(
            load(weights, self.device, plan.precision),
            wanted,
            self._predictions(scheme, method, fold),
            PredictionSettings(plan.ensemble, plan.seed),
            on_progress=counted(self.progress, f"{line}: shapes", len(wanted)),
        )

    def score(self, scheme: str, method: str, fold: Fold) -> None:
        """Score the shapes of a fold's test cells, with the first method the baselines too."""
        path = self.places.scores(scheme, method, fold.number)
        if path.is_file():
            return
        baselines = method == self.plan.classified
        truths = {
            file.name: Truth(obj_of(file), file.mask if baselines else None) for file in self.files
        }
        line = f"{_line(scheme, method, fold)}: scores"
        rows = score_cells(
            self._predictions(scheme, method, fold),
            fold.test,
            truths,
            Library(self._of(fold.train)) if baselines else None,
            jobs=self.jobs,
            on_cell=counted(self.progress, line, len(fold.test)),
        )
        write_csv(path, [{**row, "fold": fold.number} for row in label(method, rows)])

    def collect(self, scheme: str, split: Split) -> SchemeResult:
        """Collect the scores of all folds, and classify."""
        plan, places = self.plan, self.places
        rows = [
            row
            for method in plan.methods
            for fold in split
            for row in read_scores(places.scores(scheme, method, fold.number))
        ]
        folders = [self._predictions(scheme, plan.classified, fold) for fold in split]
        results: list[FoldResult] = []
        if plan.features:
            results = classify(
                self.files,
                places.classification(scheme),
                plan.classification(scheme, (SIMULATED, *self.unrelated)),
                predictions=places.predictions(scheme, plan.classified),
                weights=places.models(scheme, plan.classified),
                split=places.split(scheme),
                jobs=self.jobs,
                progress=self.progress,
                on_note=self.on_note,
            )
        return SchemeResult(scheme, rows, folders, results)

    def _of(self, names: Collection[str]) -> list[CellFiles]:
        wanted = set(names)
        return [file for file in self.files if file.name in wanted]

    def _predictions(self, scheme: str, method: str, fold: Fold) -> Path:
        return self.places.predictions(scheme, method) / f"fold_{fold.number}"


def _line(scheme: str, method: str, fold: Fold) -> str:
    return f"{scheme}, fold {fold.number}, {method}"


def check(plan: Plan, device: str) -> None:
    """Refuse what this machine cannot do, before anything is written: packages and the device."""
    check_precision(plan.precision, find_device(device))
    need(*PACKAGES)


def _unseeing(path: Path, files: Sequence[CellFiles], unrelated: Sequence[str]) -> Weights:
    """Load weights to begin with, which must not have seen a cell of the study."""
    weights = load_weights(path)
    seen, _ = seen_cells(weights.about, (SIMULATED, *unrelated))
    known = seen & {file.name for file in files}
    if known:
        raise ConfigError(
            f"{path} was trained on {len(known)} of the cells of the study, such as {min(known)}; "
            "begin with weights that have seen none."
        )
    return weights
