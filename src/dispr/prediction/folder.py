"""Predict a folder of cells to files; resumable."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from dispr._version import __version__
from dispr.cells.folder import CellFiles
from dispr.cells.spacing import Spacing
from dispr.checksums import guard
from dispr.errors import ConfigError
from dispr.failures import TABLE as FAILURES
from dispr.failures import Failures
from dispr.files import make_folder
from dispr.locks import hold
from dispr.model.weights import fingerprint
from dispr.names import key
from dispr.prediction.files import CELLS, SETTINGS, TABLE, PredictionFolder, Rows
from dispr.prediction.inputs import CellReader, common_frame, sources
from dispr.prediction.model import Model
from dispr.prediction.packed import STORE
from dispr.prediction.part import Part, Terms
from dispr.prediction.precision import settled
from dispr.prediction.settings import PredictionSettings
from dispr.progress import SILENT, Progress
from dispr.records import changes, taken_up
from dispr.shards import Shard, names_record

DRAWING = 3
"""Raised when a version draws other shapes from the same settings and inputs."""

MISSING = {"drawing": 1, "store": "files"}
"""Settings that records of earlier versions do not state."""

SECTIONS_ALONE = (
    "The model was calibrated with sections alone, so cells with further known planes have the "
    "intervals of one section, which are too wide for them; calibrate it again with dispr "
    "calibrate."
)
"""What a user must know of intervals that do not depend on known planes."""


class Workers(Protocol):
    """Other machines or processes (`dispr.prediction.cluster`, `dispr.prediction.beside`).

    Attributes
    ----------
    elsewhere : bool
        Whether the network computes on other machines, not on this one's device.
    """

    elsewhere: bool

    def predict(
        self,
        drawn: PredictionFolder,
        part: Part,
        todo: Sequence[CellFiles],
        report: Callable[..., None],
    ) -> float | None:
        """Predict cells whose places are planned, by the terms of a part, and take note of them.

        Returns
        -------
        float or None
            The share of the time for which the network computed, where that is known.
        """


class Predicted(Rows):
    """The rows of predicted cells, read as they are asked for.

    Attributes
    ----------
    busy : float or None
        Share of the time for which the network computed; None where nothing was left to compute.
    """

    busy: float | None = None


def predict_folder(
    model: Model,
    files: Sequence[CellFiles],
    out: Path,
    settings: PredictionSettings | None = None,
    *,
    framed: bool = False,
    save_grey: bool = False,
    store: str = "files",
    shard: Shard | None = None,
    inputs: Mapping[str, Any] | None = None,
    failures: Failures | None = None,
    remarks: Mapping[str, str] | None = None,
    command: str = "",
    progress: Progress = SILENT,
    workers: Workers | None = None,
) -> Predicted:
    """Predict cells and write their shapes, probabilities and a table.

    Cells are read, computed, measured and written at the same time, one after another, so that the
    memory does not grow with their number. Cells that an earlier call with the same settings has
    finished are kept, unless their image or mask has changed since.

    Parameters
    ----------
    model : Model
        What to predict with. A run has one precision: with "auto", that of the call that began it.
    files : sequence of CellFiles
        Cells; no objects are needed. Masks of further planes of a cell are kept by its shapes
        (`Model.predict`).
    out : Path
        Folder to write: `samples/NAME_K.tif`, `probability/NAME.tif`, `predictions.csv`.
    settings : PredictionSettings, optional
        What to draw, and of which pixels. Where the pixel size is known, the model is shown the
        square that it was trained on (`dispr.cells.framing`).
    framed : bool
        The crops are such squares already, and are shown as they are.
    save_grey : bool
        Write what the samples were decided from too, `grey/NAME_K.tif`, float32, 0 to 1.
    store : "files" or "zarr"
        Write the shapes as TIFF files, or pack them (`dispr.prediction.packed`).
    shard : Shard, optional
        The part of the cells to predict in this call, on this machine, say. What is drawn of each
        cell does not depend on it.
    inputs : mapping, optional
        For the record: what the cells are from.
    failures : Failures, optional
        Receives the cells that cannot be read or used; `failures.csv` lists them. By default the
        first one stops the run, before anything is computed.
    remarks : mapping of str to str, optional
        By name, what else to beware of in a cell; part of its warning.
    command : str
        The command that was run, for the record of the prediction.
    progress : Progress
        Told of the cells, or parts of one, that are done, and of what was assumed
        (`dispr.progress`).
    workers : Workers, optional
        What to predict on, instead of this process.

    Returns
    -------
    Predicted
        The rows of `predictions.csv`: name, class, group (where there are groups), samples,
        seed, sampler, steps, ellipsoid_volume_voxels (`ellipsoid_volume`), volume_voxels of the
        consensus, mean and standard deviation (n - 1; empty for one sample) of the samples'
        volumes in voxels, boundary_voxels of the consensus
        (`dispr.morphology.voxels.surface`); volume_min_voxels to volume_max_voxels and
        boundary_min_voxels to boundary_max_voxels, the range of samples and consensus;
        volume_low_voxels to volume_high_voxels and boundary_low_voxels to
        boundary_high_voxels, the intervals, empty where the model is not calibrated or the
        cell has a warning; calibrated (`dispr.intervals.rules.calibrated`);
        fragment_share, the largest share of a sample's voxels outside its largest piece;
        frame_y_px, frame_x_px and frame_px, first row,
        first column and edge of the square of the crop, in its pixels, that the shapes' 64 x 64
        columns stand on (it may reach beyond the crop); familiarity, the share of training cells
        whose sections are more unusual (`dispr.familiarity.statistics`), and a warning where it is
        too low to trust the shapes, both empty where nothing is known of the model's training
        cells. The warning also says what does not fit the frame. Where the pixel size is known,
        also voxel_size_um and the volumes as volume_um3, volume_mean_um3 and so on.

    Raises
    ------
    FileError
        If a file cannot be read or written, or no cell can.
    ConfigError
        If a setting is invalid, the folder holds predictions with other settings, or another
        process writes to it.
    """
    settings = settings or PredictionSettings()
    settings.check(model.config)
    _refuse_namesakes(files)
    elsewhere = workers is not None and workers.elsewhere
    model = settled(model, [out], progress, apart=shard is not None, elsewhere=elsewhere)
    failures = Failures(strict=True) if failures is None else failures
    frame = None if framed else common_frame(model, files, settings, failures)
    for note in () if frame is None else frame.notes:
        progress.note(note)
    chosen = shard.of(files) if shard else files
    reader = CellReader(model, frame, settings.pixel_size, remarks)
    for file in chosen if failures.strict else ():
        reader.read(file)  # so that nothing is computed if one of them cannot be used
    if shard is not None:
        shard.refuse_empty(len(files))
    terms = Terms(
        settings,
        _drawing(model, settings),
        frame,
        remarks or {},
        save_grey,
        grouped=any(file.group for file in files),
        planes=any(file.planes for file in files),
    )
    if terms.planes and model.intervals is not None and not model.intervals.further:
        progress.note(SECTIONS_ALONE)
    with hold(out):
        run = _Run(model, files, out, terms, store, shard, failures, progress, workers)
        return run.run(command, inputs or {})


def _drawing(model: Model, settings: PredictionSettings) -> dict[str, Any]:
    """Give what the record says of how shapes are drawn."""
    sampler = settings.sampler or model.config.sampler
    steps = str(settings.steps or model.config.sampling_steps)
    return {
        "drawing": DRAWING,
        "model": fingerprint(model.network),
        "precision": model.precision,
        "ensemble": model.samples_of(settings.ensemble),
        "seed": settings.seed,
        "sampler": "" if model.config.deterministic else sampler,
        "steps": "" if model.config.deterministic else steps,
    }


class _Run:
    """One call of `predict_folder`."""

    def __init__(
        self,
        model: Model,
        files: Sequence[CellFiles],
        out: Path,
        terms: Terms,
        store: str,
        shard: Shard | None,
        failures: Failures,
        progress: Progress,
        workers: Workers | None,
    ) -> None:
        self.model, self.workers = model, workers
        self.files = files if shard is None else shard.of(files)
        self.inputs = {
            **names_record([*failures.names, *(file.name for file in files)]),
            **({} if shard is None else {"shard": str(shard)}),
        }
        self.failures, self.progress = failures, progress
        self.count = model.samples_of(terms.settings.ensemble)
        self.drawing = {**terms.drawing, "store": store}
        self.drawn = _claimed(out, self.drawing)
        self.part = Part(model, terms, self.drawn.shapes, failures)
        self.finished = self.part.finished

    def run(self, command: str, inputs: Mapping[str, Any]) -> Predicted:
        """Keep what is there, and predict the rest."""
        stale, todo = self._plan()
        self._record(command, inputs, whole=not todo)
        report = self.progress.counter("Predicting", len(self.files))
        for _ in range(len(self.files) - len(stale) - len(todo)):
            report()
        busy = None
        try:
            for file in stale:
                self._renew(file)
                report()
            if todo:
                busy = self._predict(todo, report)
        finally:
            # The table of an interrupted run lists what is there.
            self.drawn.shapes.flush()
            self.drawn.cells.compact()
            self._write_table()
        self.failures.write(self.drawn.path / FAILURES)
        self.failures.raise_if_none_left(len(self.finished))
        done = set(self.finished)
        rows = Predicted(self.drawn, [file.name for file in self.files if file.name in done])
        rows.busy = busy
        return rows

    def _plan(self) -> tuple[list[CellFiles], list[CellFiles]]:
        """Look at what is there of each cell, and remove what is of other inputs.

        Returns
        -------
        stale : list of CellFiles
            Cells with shapes whose row is of earlier settings.
        todo : list of CellFiles
            Cells to predict.
        """
        stale: list[CellFiles] = []
        todo: list[CellFiles] = []
        changed: list[str] = []
        for file in self.files:
            entry = self.drawn.cells.get(file.name) or {}
            if not entry:
                todo.append(file)
                continue
            with self.failures.of(file.name, sources(file)):
                kept = self._kept(file, entry)
                if kept is None:
                    todo.append(file)
                    changed.append(file.name)
                elif kept:
                    self.finished.append(file.name)
                else:
                    stale.append(file)
        # Nothing of another image must be taken for this one's if this call is cut short: its row,
        # its shapes and its entry go in this order.
        if changed:
            self._write_table(without=set(changed))
        anew = changed if self.drawn.shapes.is_empty() else [file.name for file in todo]
        for name in anew:
            self.drawn.shapes.remove(name, self.count)
        if changed:
            self.drawn.cells.append({name: {} for name in changed})
        return stale, todo

    def _kept(self, file: CellFiles, entry: Mapping[str, Any]) -> bool | None:
        """Tell whether shapes are of these inputs, and their row of these settings.

        None where the shapes are of others, or not all are there.
        """
        shapes = self.drawn.shapes
        source = self.part.reader.source(file)
        seen = None
        if entry.get("source") != source:
            seen = self.part.reader.read(file)
            if seen.digest != entry.get("digest"):
                return None
        if not shapes.has(file.name, self.count, self.part.terms.save_grey):
            return None
        shapes.check(file.name, self.count)
        fresh = seen is None and entry.get("row") and entry.get("mark") == self.part.mark(file)
        return bool(fresh)

    def _record(self, command: str, inputs: Mapping[str, Any], whole: bool) -> None:
        """Write what the shapes are drawn with, and by which commands."""
        model, before = self.model, self.drawn.settings
        intervals = None
        if model.intervals is not None:
            # Those with further planes are long, and most predictions have no use for them.
            planes = self.part.terms.planes or "further" in (before.get("intervals") or {})
            stated = model.intervals if planes else model.intervals.of_sections()
            intervals = stated.to_dict()
        made = _made(model, command)
        runs = list(before.get("made", {}).get("runs", []))  # what drew the shapes that are kept
        made["runs"] = runs if whole and runs else [*runs, *made["runs"]]
        about: dict[str, Any] = {"dispr": __version__, "intervals": intervals, "made": made}
        about["balanced"] = model.config.balanced
        about["inputs"] = {**inputs, **self.inputs}
        self.drawn.write_settings({**self.drawing, **about})

    def _renew(self, file: CellFiles) -> None:
        """Write the row of a cell anew, whose shapes are kept."""
        shapes = self.drawn.shapes
        with self.failures.of(file.name, sources(file)):
            seen = self.part.reader.read(file)
            samples = self.drawn.samples(file.name)
            probability = shapes.probability(file.name)
            size = seen.section.voxel_size
            prediction = self.model.prediction_of(samples, probability, seen.section)
            if not _states(shapes.spacing(file.name), size):
                prediction = replace(prediction, grey=shapes.grey(file.name, self.count))
                self.part.finish(seen, prediction)
            else:
                self.part.finish(seen, prediction, write=False)

    def _predict(self, todo: Sequence[CellFiles], report: Callable[..., None]) -> float | None:
        """Predict cells here, or by other workers."""
        self.drawn.shapes.plan([file.name for file in todo])
        if self.workers is None:
            return self.part.predict(todo, report)
        return self.workers.predict(self.drawn, self.part, todo, report)

    def _write_table(self, without: Collection[str] = ()) -> None:
        """Write the table: first the cells of other calls whose shapes are there."""
        here = {file.name for file in self.files}
        others = sorted(set(self.drawn.cells) - here)
        if others:
            there = set(self.drawn.shapes.names())
            others = [name for name in others if name in there]
        names = [*others, *(file.name for file in self.files if file.name not in without)]
        self.drawn.write_table(names)


def _claimed(out: Path, drawing: dict[str, Any]) -> PredictionFolder:
    """Claim the folder, or make sure that it holds a run with the same settings."""
    drawn = PredictionFolder(out)
    before = drawn.settings
    if changes(before, drawing, absent=MISSING):
        if drawn.has_shapes():
            taken_up(out / SETTINGS, "predictions", drawing, MISSING)
        # It is a record of nothing.
        for name in (SETTINGS, CELLS, TABLE):
            (out / name).unlink(missing_ok=True)
        shutil.rmtree(out / STORE, ignore_errors=True)
    make_folder(out)
    guard(out)
    drawn = PredictionFolder(out)
    if not drawn.settings:
        drawn.write_settings(drawing)
        drawn = PredictionFolder(out)
    drawn.adopt()
    return drawn


def _states(stated: Spacing | None, voxel_size: float | None) -> bool:
    """Tell whether files state this voxel size."""
    if stated is None or voxel_size is None:
        return stated is None and voxel_size is None
    return all(math.isclose(edge, voxel_size, rel_tol=1e-5) for edge in stated)


def _refuse_namesakes(files: Sequence[CellFiles]) -> None:
    seen: dict[str, CellFiles] = {}
    for file in files:
        # Windows and macOS take names for one that differ in capitals alone.
        other = seen.setdefault(key(file.name).casefold(), file)
        if other is file:
            continue
        if other.name == file.name:
            raise ConfigError(
                f"{file.image} and {other.image} have the same name; predict the parts of the "
                "data to separate folders."
            )
        raise ConfigError(
            f"the names of {file.image} and {other.image} differ only in upper and lower case, "
            "and their results would have the same file name on Windows and macOS; rename one of "
            "them."
        )


def _made(model: Model, command: str) -> dict[str, Any]:
    """Give what the record tells people of a prediction: model, training cells, command, date."""
    found: dict[str, Any] = {
        "network": type(model.network).__name__,
        "deterministic": model.config.deterministic,
        "weights": str(model.about.get("name") or ""),
    }
    if model.frame is not None:
        found |= {"trained_on": model.frame.cells, "frame_um": round(model.frame.edge_um, 3)}
    date = datetime.now().astimezone().isoformat("T", "minutes")
    return found | {"runs": [{"command": command, "date": date}] if command else []}
