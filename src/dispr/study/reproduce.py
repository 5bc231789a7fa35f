"""The whole study in one call: train, predict, score, measure, classify; resumable."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from dispr.cells.folder import CellFiles, find_cells
from dispr.errors import ConfigError
from dispr.files import write_csv
from dispr.model.device import check_precision, find_device
from dispr.model.seen import seen_cells
from dispr.model.weights import Weights, load_weights
from dispr.prediction.folder import predict_folder
from dispr.prediction.model import load
from dispr.prediction.settings import PredictionSettings
from dispr.progress import SILENT, Progress
from dispr.scores.evaluate import Truth, score_cells
from dispr.scores.library import Library
from dispr.simulation.folder import simulate_folder
from dispr.study.classify import classify, refuse_without_objects
from dispr.study.fold_models import SIMULATED, FoldModels
from dispr.study.folds import Fold, make_split, write_split
from dispr.study.measure_cells import obj_of
from dispr.study.packages import PACKAGES, need
from dispr.study.places import Places, begin
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
    progress: Progress = SILENT,
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
        `dispr.model.seen.seen_cells`.
    origin : str
        What the report says of where the cells are from.
    device : str
        "auto", "cpu", "cuda" or "cuda:1".
    jobs : int, optional
        Processes to score and measure in; as many as cores if not given.
    progress : Progress
        Told of lines of work, and of damaged results that are computed again.

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
    first = {
        method: given
        if given is not None and method == plan.classified
        else FoldModels(plan, method, device, progress).pretrain(places)
        for method in plan.methods
    }
    results = []
    for scheme, split in splits.items():
        write_split(places.split(scheme), split)
        rows: list[dict[str, Any]] = []
        for method, fold in product(plan.methods, split):
            part = _Part(files, places, plan, scheme, method, fold, device, jobs, progress)
            part.predict(first[method])
            rows += part.scores()
        shapes = places.predictions(scheme, plan.classified)
        classified = []
        if plan.features:
            classified = classify(
                files,
                places.classification(scheme),
                plan.classification(scheme, (SIMULATED, *unrelated)),
                predictions=shapes,
                weights=places.models(scheme, plan.classified),
                split=places.split(scheme),
                keep=False,
                jobs=jobs,
                progress=progress,
            )
        folders = [shapes / f"fold_{fold.number}" for fold in split]
        results.append(SchemeResult(scheme, rows, folders, classified))
    return write_report(places.root, plan, results, files, origin)


@dataclass(frozen=True)
class _Part:
    """What one method does in one fold; nothing where it is done already."""

    files: Sequence[CellFiles]
    places: Places
    plan: Plan
    scheme: str
    method: str
    fold: Fold
    device: str
    jobs: int | None
    progress: Progress

    @property
    def line(self) -> str:
        return f"{self.scheme}, fold {self.fold.number}, {self.method}"

    @property
    def shapes(self) -> Path:
        folder = self.places.predictions(self.scheme, self.method)
        return folder / f"fold_{self.fold.number}"

    def predict(self, initial: Weights | None) -> None:
        """Train the model of the fold and draw the shapes that are needed."""
        weights = self.places.weights(self.scheme, self.method, self.fold.number)
        models = FoldModels(self.plan, self.method, self.device, self.progress)
        models.train_fold(self._of(self.fold.train), weights, initial, self.line)
        wanted = self._of(self.plan.cells_to_predict(self.fold, self.method))
        predict_folder(
            load(weights, self.device, self.plan.precision),
            wanted,
            self.shapes,
            PredictionSettings(self.plan.ensemble, self.plan.seed),
            progress=self.progress.within(self.line),
        )

    def scores(self) -> list[dict[str, Any]]:
        """Score the shapes of the test cells, with the first method the baselines too."""
        path = self.places.scores(self.scheme, self.method, self.fold.number)
        if not path.is_file():
            baselines = self.method == self.plan.classified
            rows = score_cells(
                self.shapes,
                self.fold.test,
                {f.name: Truth(obj_of(f), f.mask if baselines else None) for f in self.files},
                Library(self._of(self.fold.train)) if baselines else None,
                jobs=self.jobs,
                progress=self.progress.within(self.line),
            )
            number = self.fold.number
            write_csv(path, [{**row, "fold": number} for row in label(self.method, rows)])
        return read_scores(path)

    def _of(self, names: Collection[str]) -> list[CellFiles]:
        wanted = set(names)
        return [file for file in self.files if file.name in wanted]


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
            "use weights that were not trained on any."
        )
    return weights
