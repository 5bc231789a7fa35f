"""Predict some cells of a run, one after another, on this machine or on a worker of a cluster."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from dispr.cells.folder import CellFiles
from dispr.cells.framing import FrameOfAll
from dispr.failures import Failures
from dispr.pipeline import Ahead, Behind
from dispr.prediction.inputs import CellReader, SeenCell, sources
from dispr.prediction.model import Model
from dispr.prediction.prediction import Prediction
from dispr.prediction.rows import mark_of_rows, row_of
from dispr.prediction.section import Section
from dispr.prediction.settings import PredictionSettings
from dispr.prediction.shapes import Shapes

BEHIND = 8
"""Cells that may wait to be written."""

CELLS_OF_TASK = 128
"""Cells that a worker of a cluster is sent at once; of packed shapes, those of a shard."""


@dataclass(frozen=True)
class Terms:
    """What all cells of a run are predicted by, beside the model.

    Attributes
    ----------
    settings : PredictionSettings
        What to draw.
    drawing : mapping
        What the record says of it.
    frame : FrameOfAll or None
        The common frame; None where the crops are the squares already.
    remarks : mapping of str to str
        By name, what else to beware of in a cell.
    save_grey : bool
        Write what the samples were decided from, too.
    grouped, planes : bool
        Whether there are groups of cells, and cells with further known planes, in the run.
    """

    settings: PredictionSettings
    drawing: Mapping[str, Any]
    frame: FrameOfAll | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)
    save_grey: bool = False
    grouped: bool = False
    planes: bool = False


class Part:
    """Cells that are read, computed, measured and written.

    Parameters
    ----------
    model : Model
        What to predict with.
    terms : Terms
        What all cells of the run are predicted by.
    shapes : Shapes
        Where to write.
    failures : Failures
        Receives the cells that cannot be read or used.

    Attributes
    ----------
    finished : list of str
        Names of the cells that are done.
    """

    def __init__(self, model: Model, terms: Terms, shapes: Shapes, failures: Failures) -> None:
        self.model, self.terms = model, terms
        self.shapes, self.failures = shapes, failures
        self.reader = CellReader(model, terms.frame, terms.settings.pixel_size, terms.remarks)
        self.finished: list[str] = []
        self._mark = mark_of_rows(model, terms.grouped, terms.planes)

    def mark(self, file: CellFiles) -> str:
        """Give a checksum of what the row of a cell depends on beside its shapes."""
        return f"{self._mark} {file.group} {self.terms.remarks.get(file.name, '')}"

    def predict(self, files: Sequence[CellFiles], report: Callable[..., None]) -> float:
        """Predict cells; give the share of the time for which the network computed.

        Parameters
        ----------
        files : sequence of CellFiles
            The cells, whose places are planned.
        report : callable
            Called with how many cells, or which part of one, were done since.
        """
        settings, model = self.terms.settings, self.model
        share = 1 / (model.samples_of(settings.ensemble) * model.evaluations(settings.steps))
        behind = Behind(BEHIND)
        start = time.perf_counter()
        ahead = Ahead(map(self._read, files), BEHIND + model.batch_size(settings))
        with behind, ahead:
            taken: deque[SeenCell] = deque()

            def sections() -> Iterator[Section]:
                for file, seen in ahead:
                    if seen is None:
                        behind.put(partial(self.shapes.leave, file.name))
                        report()
                        continue
                    taken.append(seen)
                    yield seen.section

            predictions = model.predict_stream(
                sections(),
                settings,
                keep_grey=self.terms.save_grey,
                on_step=lambda shapes: report(shapes * share),
            )
            for prediction in predictions:
                behind.put(partial(self.finish, taken.popleft(), prediction))
        return 1 - (ahead.waited + behind.waited) / (time.perf_counter() - start)

    def _read(self, file: CellFiles) -> tuple[CellFiles, SeenCell | None]:
        """Read a cell; give None where that fails."""
        with self.failures.of(file.name, sources(file)):
            return file, self.reader.read(file)
        return file, None

    def finish(self, seen: SeenCell, prediction: Prediction, write: bool = True) -> None:
        """Write what is known of a cell: its shapes, and then its entry."""
        name, square, terms = seen.file.name, seen.square, self.terms
        prediction = replace(prediction, warning=seen.warning)
        entry = {
            "digest": seen.digest,
            "source": seen.source,
            "mark": self.mark(seen.file),
            "voxel_size_um": seen.section.voxel_size,
            "square": [square.y, square.x, square.edge, list(seen.shape)],
            "row": row_of(seen, prediction, dict(terms.drawing), terms.grouped, terms.planes),
        }
        self.shapes.finish(name, prediction if write else None, entry)
        self.finished.append(name)
