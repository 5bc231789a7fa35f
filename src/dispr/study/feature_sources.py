"""What is known of a cell: the sources of features that are compared.

Every source but the first puts features of a 3D shape beside those of image and mask, as the
published experiments do:

========================  ==================================  =====================================
source                    a cell's row, training and test     extra training rows
========================  ==================================  =====================================
`2d`                      image and mask                      none
`truth`                   2d + true shape                     none
`predicted`               2d + consensus of the predicted     none
                          shapes + mean and standard
                          deviation over them
`augmented`               2d + true shape                     2d + each predicted shape of the
                                                              minority classes' training cells
`single`                  2d + one predicted shape            none
`single-augmented`        2d + one predicted shape            2d + each further predicted shape of
                                                              the minority classes' training cells
`cylinder`, `ellipsoid`   2d + the mask extruded, or turned   none
                          into a body
========================  ==================================  =====================================

`augmented` is the published augmentation: cells have been imaged in 3D, rare classes have few of
them, and the model draws more shapes that go with the sections of those few. A predicted shape
adds a row, with the class of its cell and the 2D features of its section; the cell's own row
stays. It is compared with `truth`. `single-augmented` does the same where no cell has been imaged
in 3D, and is compared with `single`.

The extra rows of a cell enter training only where the cell itself is in training. A test cell is
judged by its one row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from dispr.cells.folder import CellFiles
from dispr.errors import ConfigError
from dispr.study.feature_table import FeatureTable
from dispr.study.fold_data import MINORITY, FoldData
from dispr.study.folds import Fold, class_of
from dispr.study.measure_cells import (
    GEOMETRIES,
    Task,
    consensus_tasks,
    geometry_tasks,
    measure_all,
    sample_tasks,
    section_tasks,
    truth_tasks,
)
from dispr.study.provenance import Predictions

SOURCES = ("2d", "truth", "predicted", "augmented", "single", "single-augmented", *GEOMETRIES)

OF_PREDICTIONS = ("predicted", "augmented", "single", "single-augmented")
"""Sources that need predicted shapes."""

AUGMENTED = ("augmented", "single-augmented")
"""Those of them that add rows to training."""

COMPARED_WITH = {
    "truth": "2d",
    "predicted": "2d",
    "augmented": "truth",
    "single": "2d",
    "single-augmented": "single",
    "cylinder": "2d",
    "ellipsoid": "2d",
}
"""What each source adds something to."""


def refuse_without_minority(
    source: str, names: Sequence[str], minority: Sequence[str] = MINORITY
) -> None:
    """Refuse to augment classes that no cell is of.

    Raises
    ------
    ConfigError
        If the source augments, and there are none.
    """
    if source in AUGMENTED and not any(class_of(name) in minority for name in names):
        raise ConfigError(
            f"no cell is of the classes that {source} adds shapes to, {', '.join(minority)}; name "
            "others to augment, or leave this source out."
        )


class Sources:
    """The features of a data set's cells, measured when they are first asked for.

    Parameters
    ----------
    files : sequence of CellFiles
        The cells to classify.
    predictions : mapping of str to Predictions
        By `Fold.key`, where predicted shapes are used; see `provenance.predictions_by_fold`.
    folder : Path, optional
        Where measured features are kept.
    published : bool
        Use the published set of features.
    minority : sequence of str
        Classes whose training cells are augmented.
    wanted : sequence of str
        The sources that will be asked for: it saves measuring shapes that none of them needs.
    jobs : int, optional
        Processes; as many as cores if not given.
    progress : callable, optional
        Called with what is measured, how many cells are done, and how many there are.
    """

    def __init__(
        self,
        files: Sequence[CellFiles],
        predictions: Mapping[str, Predictions] | None = None,
        folder: Path | None = None,
        *,
        published: bool = False,
        minority: Sequence[str] = MINORITY,
        wanted: Sequence[str] = SOURCES,
        jobs: int | None = None,
        progress: Callable[[str, int, int], Any] | None = None,
    ) -> None:
        self.files = list(files)
        self.predictions = dict(predictions or {})
        self.folder = folder
        self.published = published
        self.minority = tuple(minority)
        self.jobs = jobs
        self._all_samples = bool((set(wanted) - {"augmented"}) & set(OF_PREDICTIONS))
        self._progress = progress or (lambda what, done, total: None)
        self._tables: dict[tuple[str, Path | None], FeatureTable] = {}

    def data(self, source: str, fold: Fold) -> FoldData:
        """Put together what is known for one fold.

        Raises
        ------
        ConfigError
            If the source is unknown, or needs predictions that were not given; or if these come
            from a model that saw a test cell.
        FileError
            If a file is missing or cannot be read.
        """
        if source not in SOURCES:
            raise ConfigError(f'features must be of {", ".join(SOURCES)}, not "{source}".')
        section = self.section
        if source == "2d":
            return FoldData.of(fold, section)
        if source in GEOMETRIES:
            made = self._table(
                source, None, lambda: geometry_tasks(source, self.files, self.published)
            )
            return FoldData.of(fold, made.beside(section))
        if source == "truth":
            return FoldData.of(fold, self.truth.beside(section))
        predictions = self._predictions(fold)
        if source == "predicted":
            consensus = self._consensus(predictions).with_prefix("consensus_")
            spread = self._samples(predictions, fold).over_samples()
            return FoldData.of(fold, consensus.beside(spread).beside(section))
        shapes = self._samples(predictions, fold).beside(section)
        if source == "augmented":
            extra = shapes.rows_of(n for n in fold.train if class_of(n) in self.minority)
            return FoldData.of(fold, self.truth.beside(section), extra, self.minority)
        first = shapes.take([i for i, k in enumerate(shapes.samples) if k == 0])
        if source == "single":
            return FoldData.of(fold, first)
        others = shapes.take([i for i, k in enumerate(shapes.samples) if k > 0])
        extra = others.rows_of(n for n in fold.train if class_of(n) in self.minority)
        return FoldData.of(fold, first, extra, self.minority)

    @cached_property
    def section(self) -> FeatureTable:
        """Features of image and mask."""
        return self._table("section", None, lambda: section_tasks(self.files, self.published))

    @cached_property
    def truth(self) -> FeatureTable:
        """Features of the true shapes."""
        return self._table("truth", None, lambda: truth_tasks(self.files, self.published))

    def _predictions(self, fold: Fold) -> Predictions:
        if fold.key not in self.predictions:
            raise ConfigError(
                "features of predicted shapes need predictions; name them with --predictions."
            )
        found = self.predictions[fold.key]
        found.refuse_leak(fold)
        return found

    def _consensus(self, predictions: Predictions) -> FeatureTable:
        names = [file.name for file in self.files]
        folder = predictions.folder
        return self._table(
            "consensus", folder, lambda: consensus_tasks(folder, names, self.published)
        )

    def _samples(self, predictions: Predictions, fold: Fold) -> FeatureTable:
        # Augmentation needs the minority's training cells alone: those of this fold, where each
        # fold has predictions of its own.
        alone = self._several()
        names = [
            file.name
            for file in self.files
            if self._all_samples
            or (class_of(file.name) in self.minority and not (alone and file.name in fold.test))
        ]
        folder = predictions.folder
        return self._table("samples", folder, lambda: sample_tasks(folder, names, self.published))

    def _several(self) -> bool:
        return len({predictions.folder for predictions in self.predictions.values()}) > 1

    def _table(
        self, kind: str, folder: Path | None, tasks: Callable[[], Sequence[Task]]
    ) -> FeatureTable:
        key = (kind, folder)
        if key not in self._tables:
            todo = tasks()
            # Predictions of several folds have folders of different names.
            name = f"{folder.name}_{kind}" if folder is not None and self._several() else kind
            cache = None if self.folder is None else self.folder / f"{name}.csv"
            done = 0

            def count() -> None:
                nonlocal done
                done += 1
                self._progress(f"Measuring {name}", done, len(todo))

            self._tables[key] = measure_all(todo, cache, jobs=self.jobs, on_cell=count)
        return self._tables[key]
