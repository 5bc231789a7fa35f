"""What is known of a cell: the sources of features that are compared.

Every source but `2d` and `outline` puts features of a 3D shape beside those of image and mask, as
the published experiments do:

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
`outline`                 image relative to its mean in the   none
                          mask, mask, curvature of its
                          outline, light along it
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

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from dispr.arguments import one_of
from dispr.cells.folder import CellFiles
from dispr.errors import ConfigError
from dispr.progress import SILENT, Progress
from dispr.scores.baselines import GEOMETRIC
from dispr.study.feature_table import FeatureTable
from dispr.study.fold_data import FoldData
from dispr.study.folds import Fold, class_of
from dispr.study.measure_cells import (
    CONSENSUS,
    OUTLINE,
    SAMPLES,
    SECTION,
    TRUTH,
    measure_all,
    tasks_of,
)
from dispr.study.provenance import Predictions
from dispr.study.settings import (
    AUGMENTED,
    OF_PREDICTIONS,
    OF_TRUTH,
    SOURCES,
    ClassifySettings,
)

NEEDS_PREDICTIONS = "features of predicted shapes need predictions; give them by --predictions."


class Sources:
    """The features of a data set's cells, measured when they are first asked for.

    Parameters
    ----------
    files : sequence of CellFiles
        The cells to classify.
    settings : ClassifySettings
        The sources that will be asked for, which classes are augmented, and whether features are
        the published ones.
    predictions : mapping of str to Predictions
        By `Fold.key`, where predicted shapes are used; see `provenance.predictions_by_fold`.
    folder : Path, optional
        Where measured features are kept.
    jobs : int, optional
        Processes; as many as cores if not given.
    progress : Progress
        Told of lines of work, and of damaged results that are computed again.
    """

    def __init__(
        self,
        files: Sequence[CellFiles],
        settings: ClassifySettings,
        predictions: Mapping[str, Predictions] | None = None,
        folder: Path | None = None,
        *,
        jobs: int | None = None,
        progress: Progress = SILENT,
    ) -> None:
        self.files = list(files)
        self.settings = settings
        self.predictions = dict(predictions or {})
        self.folder = folder
        self.jobs = jobs
        self._progress = progress
        self.several = len({found.folder for found in self.predictions.values()}) > 1
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
        if source not in OF_PREDICTIONS:
            return FoldData.of(fold, self.rows(source))
        predictions = self.predicted_by(fold)
        predictions.refuse_leak(fold)
        if source not in AUGMENTED:
            return FoldData.of(fold, self.rows(source, predictions.folder))
        shapes = self._samples(predictions.folder, fold).beside(self.section)
        if source == "augmented":
            base, extra = self.rows(source), shapes
        else:
            base = self.rows(source, predictions.folder)
            extra = shapes.take([i for i, k in enumerate(shapes.samples) if k > 0])
        minority = self.settings.minority
        rare = [name for name in fold.train if class_of(name) in minority]
        return FoldData.of(fold, base, extra.rows_of(rare), minority)

    def rows(self, source: str, predictions: Path | None = None) -> FeatureTable:
        """Give the row of each cell, as in training and in test.

        Parameters
        ----------
        source : str
            Of `SOURCES`.
        predictions : Path, optional
            Folder of the predicted shapes, for sources whose rows hold features of these.

        Raises
        ------
        ConfigError, FileError
            As for `data`.
        """
        one_of(source, SOURCES, "features")
        if source == OUTLINE:
            return self._table(OUTLINE)
        section = self.section
        if source == "2d":
            return section
        if source in GEOMETRIC:
            return self._table(source).beside(section)
        if source in OF_TRUTH:
            return self.truth.beside(section)
        if predictions is None:
            raise ConfigError(NEEDS_PREDICTIONS)
        samples = self._table(SAMPLES, predictions)
        if source == "predicted":
            consensus = self._table(CONSENSUS, predictions).with_prefix("consensus_")
            return consensus.beside(samples.over_samples()).beside(section)
        first = samples.take([i for i, k in enumerate(samples.samples) if k == 0])
        return first.beside(section)

    def predicted_by(self, fold: Fold) -> Predictions:
        """Give the predicted shapes that a fold may use; ConfigError if there are none."""
        if fold.key not in self.predictions:
            raise ConfigError(NEEDS_PREDICTIONS)
        return self.predictions[fold.key]

    @cached_property
    def section(self) -> FeatureTable:
        """Features of image and mask."""
        return self._table(SECTION)

    @cached_property
    def truth(self) -> FeatureTable:
        """Features of the true shapes."""
        return self._table(TRUTH)

    def _samples(self, folder: Path, fold: Fold) -> FeatureTable:
        if set(self.settings.features) & set(OF_PREDICTIONS) - {"augmented"}:
            return self._table(SAMPLES, folder)
        # Augmentation needs the minority's training cells alone: those of this fold, where each
        # fold has predictions of its own.
        rare = [file for file in self.files if class_of(file.name) in self.settings.minority]
        if self.several:
            rare = [file for file in rare if file.name not in fold.test]
        return self._table(SAMPLES, folder, rare)

    def _table(
        self, kind: str, folder: Path | None = None, files: Sequence[CellFiles] | None = None
    ) -> FeatureTable:
        key = (kind, folder)
        if key not in self._tables:
            cells = self.files if files is None else files
            tasks = tasks_of(kind, cells, folder, self.settings.published)
            # Predictions of several folds have folders of different names.
            name = f"{folder.name}_{kind}" if folder is not None and self.several else kind
            cache = None if self.folder is None else self.folder / f"{name}.csv"
            self._tables[key] = measure_all(
                tasks, cache, jobs=self.jobs, progress=self._progress.within(name)
            )
        return self._tables[key]
