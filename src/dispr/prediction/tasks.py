"""Parts of a run for other processes: what they are sent, what they do, and what they send back.

A process that works for another reads cells, predicts, measures and writes them to the folder of
the run; what it knows of them, it sends back. A part that is done twice gives the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dispr._version import __version__
from dispr.cells.folder import CellFiles
from dispr.checksums import kept_back, record_all
from dispr.errors import ConfigError, DisprError
from dispr.failures import Failure, Failures
from dispr.files import write_error
from dispr.journal import Entry
from dispr.locks import holder
from dispr.model.weights import fingerprint
from dispr.prediction.files import PredictionFolder
from dispr.prediction.model import Model
from dispr.prediction.part import Part, Terms
from dispr.prediction.shapes import Shapes, TiffShapes


@dataclass(frozen=True)
class Task:
    """Cells that a worker predicts.

    Attributes
    ----------
    out : Path
        The folder to write to.
    holder : str
        What the lock of the folder says.
    version : str
        Version of the program that asks.
    weights : Path or None
        The weights; None for those shipped.
    device : str
        Where to compute.
    level : float or None
        Level of the intervals; None for that of the weights.
    terms : Terms
        What all cells of the run are predicted by.
    store : str
        How the shapes are kept.
    files : list of CellFiles
        The cells.
    slots : mapping of str to int
        Their places, of packed shapes.
    strict : bool
        Whether the first cell that fails stops the run.
    """

    out: Path
    holder: str
    version: str
    weights: Path | None
    device: str
    level: float | None
    terms: Terms
    store: str
    files: list[CellFiles]
    slots: Mapping[str, int]
    strict: bool


@dataclass
class Done:
    """What came of a task: entries of cells, failures, checksums of files, and what stops a run."""

    entries: dict[str, Entry] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    error: DisprError | None = None


def tasks_of(
    drawn: PredictionFolder,
    part: Part,
    todo: Sequence[CellFiles],
    *,
    weights: Path | None,
    device: str,
    most: int,
) -> Iterator[Task]:
    """Share cells out whose places are planned.

    Parameters
    ----------
    drawn : PredictionFolder
        The folder of the run.
    part : Part
        By what to predict.
    todo : sequence of CellFiles
        The cells.
    weights, device
        As for `dispr.load`, where a task is done.
    most : int
        Most cells of a task; of packed shapes it has those of a shard.
    """
    files = {file.name: _absolute(file) for file in todo}
    slots: Callable[[Sequence[str]], dict[str, int]]
    slots = getattr(drawn.shapes, "slots", lambda names: {})
    out = drawn.path.absolute()
    for names in drawn.shapes.tasks(list(files), most):
        remarks = {n: part.terms.remarks[n] for n in names if n in part.terms.remarks}
        yield Task(
            out,
            holder(out),
            __version__,
            weights,
            device,
            None if part.model.intervals is None else part.model.intervals.level,
            replace(part.terms, remarks=remarks),
            drawn.settings.get("store", "files"),
            [files[name] for name in names],
            slots(names),
            part.failures.strict,
        )


def accept(drawn: PredictionFolder, part: Part, done: Done) -> None:
    """Take note of what came of a task.

    Raises
    ------
    DisprError
        What stopped it.
    """
    try:
        record_all(drawn.path, done.digests)
    except OSError as error:
        raise write_error(drawn.path, error) from error
    if done.entries:
        drawn.shapes.accept(done.entries)
    part.finished += done.entries
    part.failures.found += done.failures
    if done.error is not None:
        raise done.error


def do(task: Task, load: Callable[[Task], Model]) -> Done:
    """Predict the cells of a task, and write their shapes.

    Parameters
    ----------
    task : Task
        The cells.
    load : callable
        Gives the model.
    """
    with kept_back() as digests:
        done = Done(digests=digests)
        failures = Failures(task.strict)
        cells = _Entries({name: {"slot": slot} for name, slot in task.slots.items()})
        try:
            _check(task)
            part = Part(load(task), task.terms, _shapes(task, cells), failures)
            part.shapes.plan([file.name for file in task.files])
            try:
                part.predict(task.files, lambda *_: None)
            finally:
                part.shapes.flush()
        except DisprError as error:
            done.error = error
        done.entries, done.failures = cells.new, failures.found
    return done


def checked(model: Model, task: Task) -> Model:
    """Refuse a model other than that of the run.

    Raises
    ------
    ConfigError
        If its parameters differ.
    """
    if fingerprint(model.network) != task.terms.drawing["model"]:
        raise ConfigError(
            f"a worker reads other weights from {task.weights or 'dispr'} than were asked for; "
            "name a file that all of them share."
        )
    return model


def _absolute(file: CellFiles) -> CellFiles:
    """Name the files of a cell as a process in another folder can find them."""
    return replace(
        file,
        image=file.image.absolute(),
        mask=file.mask.absolute(),
        planes=tuple(replace(plane, mask=plane.mask.absolute()) for plane in file.planes),
    )


class _Entries(dict[str, Entry]):
    """Entries of cells in memory, instead of `dispr.journal.Journal`."""

    def __init__(self, known: Mapping[str, Entry]) -> None:
        super().__init__(known)
        self.new: dict[str, Entry] = {}

    def append(self, entries: Mapping[str, Entry]) -> None:
        """Take note of entries."""
        self.update(entries)
        self.new.update(entries)


def _shapes(task: Task, cells: Any) -> Shapes:
    if task.store == "zarr":
        from dispr.prediction.packed_part import PackedPart

        return PackedPart(task.out, task.terms.drawing, cells)
    return TiffShapes(task.out, cells)


def _check(task: Task) -> None:
    """Refuse a task of another version of the program, or of a run that has ended."""
    if task.version != __version__:
        raise ConfigError(
            f"a worker has the version {__version__} of dispr, not {task.version}; install the "
            "same everywhere."
        )
    if not task.out.is_dir():
        raise ConfigError(
            f"a worker does not see {task.out}; name a folder that all workers share."
        )
    if holder(task.out) not in ("", task.holder):  # of a client that was killed
        raise ConfigError(f"another run writes to {task.out} by now.")
