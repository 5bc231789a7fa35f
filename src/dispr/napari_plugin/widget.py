"""The widget "Predict 3D shapes": choose layers and settings, predict, look at the cells."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import Camera
from napari.layers import Layer
from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from dispr.errors import DisprError
from dispr.files import write_csv
from dispr.labelled.field.table import written_rows
from dispr.names import count_of
from dispr.napari_plugin.choice import RESULT
from dispr.napari_plugin.form import JobForm
from dispr.napari_plugin.layers import World
from dispr.napari_plugin.results import ResultTable
from dispr.napari_plugin.summary import interval_name
from dispr.napari_plugin.work import Job, Outcome, run

STEPS = 1000
"""Of the progress bar."""

SHORT, WIDE = "Main measures (*.csv)", "All measures (*.csv)"
"""What can be saved."""

WIDTH = 360
"""Pixels of the screen that the widget takes at least."""

NEAR = 160.0
"""Pixels of the screen that the square of a chosen cell takes at least."""

MARK = "#ffb000"
"""Colour of the frame about the chosen cell."""

TILT = 0.8
"""How far the cells are seen from aside at first: the tangent of the angle."""


class _Messages(QObject):
    """What the working thread says; Qt takes it to the thread of the widget."""

    progress = Signal(float, int)


class PredictWidget(QWidget):
    """Predict the cells of an image layer and its labels, and add what comes of it as layers.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        The viewer.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.outcome: Outcome | None = None
        self.worker: Any = None
        self._world = World()
        self._stop = threading.Event()
        self._found: Any = None
        self._mark: Any = None
        self._messages = _Messages(self)
        self._messages.progress.connect(self._show_progress)
        self._build()
        self._say("")

    def _build(self) -> None:
        self.form = JobForm(self.viewer, self)
        self.predict = QPushButton("Predict", self)
        self.cancel = QPushButton("Cancel", self)
        self.cancel.setEnabled(False)
        self.progress = QProgressBar(self)
        self.progress.setRange(0, STEPS)
        self.progress.hide()
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.table = ResultTable(self)
        self.warning = QLabel(self)
        self.warning.setWordWrap(True)
        self.warning.setTextFormat(Qt.TextFormat.PlainText)
        self.save = QPushButton("Save the table as CSV ...", self)
        buttons = QHBoxLayout()
        buttons.addWidget(self.predict)
        buttons.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.addWidget(self.form)
        column.addLayout(buttons)
        for part in (self.progress, self.message, self.table, self.warning, self.save):
            column.addWidget(part)
        column.setStretchFactor(self.table, 1)
        self.setMinimumWidth(WIDTH)
        column.addStretch(0)
        self._show_results(False)
        self.predict.clicked.connect(self.start)
        self.cancel.clicked.connect(self.stop)
        self.table.chosen.connect(self.go_to)
        self.viewer.mouse_drag_callbacks.append(self._clicked)
        self.save.clicked.connect(self._save_as)

    def start(self) -> None:
        """Predict, in another thread."""
        try:
            job = self.form.job()
        except DisprError as error:
            self._say(str(error), bad=True)
            return
        self._stop.clear()
        self._say(f"Loading the model and {job.name} ...")
        self._running(True)
        self.worker = create_worker(
            _attempt, job, self._messages.progress.emit, self._stopped, _start_thread=False
        )
        self.worker.returned.connect(lambda outcome: self.show_outcome(outcome, job.world))
        self.worker.finished.connect(lambda: self._running(False))
        self.worker.start()

    def stop(self) -> None:
        """Stop after the present step of the network; cells that are done are kept."""
        self._stop.set()
        self.cancel.setEnabled(False)
        self._say("Stopping ...")

    def show_outcome(self, outcome: Outcome | str, world: World) -> None:
        """Show what came of a prediction: layers and table, or the sentence why not.

        Parameters
        ----------
        outcome : Outcome or str
            What there is to show.
        world : World
            Where the image lies in the viewer.
        """
        if isinstance(outcome, str):
            self._say(outcome, bad=True)
            return
        told = count_of(outcome.done, "cell was predicted.", "cells were predicted.")
        if outcome.done < outcome.total:
            told = f"Stopped: {outcome.done} of {outcome.total} cells were predicted."
        warned = sum(bool(row.get("warning")) for row in outcome.rows)
        if outcome.done and warned:
            told += f" {warned} {'has' if warned == 1 else 'have'} a warning (\u26a0)."
        if outcome.done:
            told += f" In (): {interval_name(outcome.rows)}; in []: range of the samples."
        self._say(" ".join([told, *outcome.notes]))
        if not outcome.done:
            return
        self.outcome, self._world = outcome, world
        self._add_layers(outcome)
        self.table.show_rows(outcome.rows)
        self.warning.setText("Select a row to show its cell.")
        self._show_results(True)

    def go_to(self, label: int) -> None:
        """Bring a cell to the middle of the view, and say what to beware of."""
        if self.outcome is None:
            return
        row = next(row for row in self.outcome.rows if row["label"] == label)
        world = self._world
        camera = _camera(self.viewer)
        self.viewer.dims.set_point(0, 0.0)
        y, x = world.y + row["y_px"] * world.scale, world.x + row["x_px"] * world.scale
        camera.center = (0.0, y, x)
        camera.zoom = max(camera.zoom, NEAR / (row["frame_px"] * world.scale))
        if self._found in self.viewer.layers:
            self._found.selected_label = label
        self._show_mark(row)
        warning = str(row.get("warning") or "")
        self.warning.setText(f"Cell {label}: {warning or 'no warning.'}")

    def _show_mark(self, row: Any) -> None:
        """Draw a frame about the chosen cell, in the plane of the image."""
        world, half = self._world, row["frame_px"] / 2
        rows, columns = (row[name] + np.array([-half, half]) for name in ("y_px", "x_px"))
        corners = [(rows[i], columns[j]) for i, j in ((0, 0), (0, 1), (1, 1), (1, 0))]
        frame = [(0.0, world.y + y * world.scale, world.x + x * world.scale) for y, x in corners]
        if self._mark is not None and self._mark in self.viewer.layers:
            self.viewer.layers.remove(self._mark)
        settings = {
            "name": f"chosen cell: {self.outcome.name if self.outcome else ''}",
            "metadata": {RESULT: self.outcome.source if self.outcome else ""},
            "shape_type": "polygon",
            "edge_color": MARK,
            "edge_width": row["frame_px"] * world.scale / 40,
            "face_color": "transparent",
            "units": world.volume(0).get("units"),
        }
        active = self.viewer.layers.selection.active
        self._mark = Layer.create([np.array(frame)], settings, "shapes")
        self.viewer.add_layer(self._mark)
        self.viewer.layers.selection.active = active

    def _clicked(self, viewer: Any, event: Any) -> Iterator[None]:
        """Choose the cell that was clicked on; a drag turns the view."""
        dragged = False
        yield
        while event.type == "mouse_move":
            dragged = True
            yield
        if not dragged and self._found in viewer.layers:
            self._choose_at(event)

    def _choose_at(self, event: Any) -> None:
        """Choose the first cell that is met at the place of an event."""
        labels = self._found
        if len(event.dims_displayed) == 3:
            ray = (event.position, event.view_direction, list(event.dims_displayed))
            start, end = labels.get_ray_intersections(*ray)
            if start is None:
                return
            steps = np.linspace(0, 1, 2 * sum(labels.data.shape))[:, None]
            points = start + steps * (end - start)
        else:
            points = np.array([labels.world_to_data(event.position)])
        places = np.rint(points).astype(int)
        inside = ((places >= 0) & (places < labels.data.shape)).all(axis=1)
        met = labels.data[tuple(places[inside].T)]
        if met.any():
            self.table.choose(int(met[np.flatnonzero(met)[0]]))

    def save_table(self, path: str, wide: bool = False) -> None:
        """Write the table as CSV, as `cells.csv` of a field; with all measures if it is wide."""
        if self.outcome is None:
            return
        try:
            write_csv(Path(path), written_rows(self.outcome.rows, wide=wide))
            self._say(f"Saved {path}.")
        except DisprError as error:
            self._say(str(error), bad=True)

    def closeEvent(self, event: Any) -> None:
        """Stop when the widget is closed."""
        self._stop.set()
        self.form.release()
        if self._clicked in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._clicked)
        super().closeEvent(event)

    def _save_as(self) -> None:
        kinds = f"{SHORT};;{WIDE}"
        path, kind = QFileDialog.getSaveFileName(self, "Save", "cells.csv", kinds)
        if path:
            self.save_table(path, wide=kind == WIDE)

    def _stopped(self) -> bool:
        """Tell whether the user, or napari that is being closed, wants no more."""
        worker = self.worker
        return self._stop.is_set() or (worker is not None and worker.abort_requested)

    def _show_progress(self, done: float, total: int) -> None:
        self.progress.setValue(round(done / total * STEPS))
        if not self._stop.is_set():
            self._say(f"Predicting: {int(done)} of {total} cells are done.")

    def _add_layers(self, outcome: Outcome) -> None:
        """Add the layers, and look at them from aside.

        Those of an earlier prediction of this image are replaced, those of other images hidden.
        """
        for layer in list(self.viewer.layers):
            if layer.metadata.get(RESULT) == outcome.source:
                self.viewer.layers.remove(layer)
            elif RESULT in layer.metadata:
                layer.visible = False
        self._mark = None
        if self.form.labels.layer is not None:
            self.form.labels.layer.visible = False
        surfaces = None
        for data, settings, kind in outcome.layers:
            metadata = {**settings.get("metadata", {}), RESULT: outcome.source}
            layer = Layer.create(data, {**settings, "metadata": metadata}, kind)
            self.viewer.add_layer(layer)
            if kind == "labels":
                self._found = layer
            if kind == "surface":
                surfaces = layer
                if hasattr(layer, "colorbar"):  # napari 0.7
                    layer.colorbar.visible = True
        if surfaces is not None:
            self.viewer.layers.selection.active = surfaces
        first = self.viewer.dims.ndisplay != 3
        self.viewer.dims.ndisplay = 3
        if first:
            self.viewer.reset_view()
            _tilt(_camera(self.viewer))

    def _show_results(self, shown: bool) -> None:
        for part in (self.table, self.warning, self.save):
            part.setVisible(shown)

    def _running(self, runs: bool) -> None:
        self.predict.setEnabled(not runs)
        self.cancel.setEnabled(runs)
        self.progress.setVisible(runs)
        self.progress.setValue(0)
        if not runs:
            self.worker = None

    def _say(self, text: str, bad: bool = False) -> None:
        self.message.setText(text)
        self.message.setStyleSheet("color: #ff7a6b" if bad else "")
        self.message.setVisible(bool(text))


def _camera(viewer: Any) -> Any:
    """Give the camera, which has moved in napari 0.9."""
    return getattr(viewer, "scene", viewer).camera


def _tilt(camera: Any) -> None:
    """Look over the lower edge of the image, from the side on which it is not mirrored."""
    camera.angles = Camera().angles  # as in 2D
    depth = float(np.sign(camera.view_direction[0]))
    camera.set_view_direction((depth, -TILT, 0.0), (0.0, -1.0, 0.0))


def _attempt(job: Job, report: Any, stopped: Any) -> Outcome | str:
    """Run a job; what is wrong with it comes back as a sentence."""
    try:
        return run(job, report, stopped)
    except DisprError as error:
        return str(error)
