"""The widget "Predict 3D shapes": choose layers and settings, predict, look at the cells."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import Camera
from napari.layers import Image, Labels, Layer
from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from dispr.errors import DisprError
from dispr.files import write_csv
from dispr.napari_plugin.choice import RESULT, LayerChoice
from dispr.napari_plugin.inputs import check_pair, stated_pixel_size, world_of
from dispr.napari_plugin.results import ResultTable
from dispr.napari_plugin.work import Job, Outcome, run

STEPS = 1000
"""Of the progress bar."""

WIDTH = 360
"""Pixels of the screen that the widget takes at least."""

NEAR = 160.0
"""Pixels of the screen that the square of a chosen cell takes at least."""

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
        self._job: Job | None = None
        self._stop = threading.Event()
        self._weights: Path | None = None
        self._watched: Any = None
        self._found: Any = None
        self._messages = _Messages(self)
        self._messages.progress.connect(self._show_progress)
        self._build()
        self._image_changed()
        self._say("")

    def _build(self) -> None:
        self.image = LayerChoice(self.viewer, Image, self)
        self.labels = LayerChoice(self.viewer, Labels, self)
        self.pixel_size = QDoubleSpinBox(self)
        self.pixel_size.setRange(0.0, 1000.0)
        self.pixel_size.setDecimals(4)
        self.pixel_size.setSingleStep(0.01)
        self.pixel_size.setSuffix(" µm")
        self.pixel_size.setSpecialValueText("not known")
        self.source = QLabel(self)
        self.source.setEnabled(False)
        self.ensemble = QSpinBox(self)
        self.ensemble.setRange(1, 100)
        self.ensemble.setValue(5)
        self.model = QComboBox(self)
        self.model.addItems(["shipped: red blood cells", "weights from a file ..."])
        self.seed = QSpinBox(self)
        self.seed.setRange(0, 2**31 - 1)
        form = QFormLayout()
        # The columns of a narrow dock.
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for title, field, tip in (
            ("Image", self.image, "One section through the middle of the cells"),
            ("Labels", self.labels, "A number for each cell, 0 outside"),
            ("Pixel size", self.pixel_size, "Edge of a pixel of the image"),
            ("", self.source, ""),
            ("Shapes per cell", self.ensemble, "More tell better how sure the shape is"),
            ("Model", self.model, "The shipped one knows red blood cells"),
            ("Seed", self.seed, "Another seed draws other shapes"),
        ):
            field.setToolTip(tip)
            field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            form.addRow(title, field)
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
        self.save = QPushButton("Save all measures as CSV ...", self)
        buttons = QHBoxLayout()
        buttons.addWidget(self.predict)
        buttons.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addLayout(buttons)
        for part in (self.progress, self.message, self.table, self.warning, self.save):
            column.addWidget(part)
        column.setStretchFactor(self.table, 1)
        self.setMinimumWidth(WIDTH)
        column.addStretch(0)
        self._show_results(False)
        self.image.changed.connect(self._image_changed)
        self.pixel_size.valueChanged.connect(lambda value: self.source.setText(""))
        self.model.activated.connect(self._model_chosen)
        self.predict.clicked.connect(self.start)
        self.cancel.clicked.connect(self.stop)
        self.table.chosen.connect(self.go_to)
        self.save.clicked.connect(self._save_as)

    def start(self) -> None:
        """Predict, in another thread."""
        try:
            job = self.job()
        except DisprError as error:
            self._say(str(error), bad=True)
            return
        self._job = job
        self._stop.clear()
        self._say(f"Loading the model and {job.name} ...")
        self._running(True)
        self.worker = create_worker(
            _attempt, job, self._messages.progress.emit, self._stopped, _start_thread=False
        )
        self.worker.returned.connect(self._returned)
        self.worker.finished.connect(lambda: self._running(False))
        self.worker.start()

    def stop(self) -> None:
        """Stop after the present step of the network; cells that are done are kept."""
        self._stop.set()
        self.cancel.setEnabled(False)
        self._say("Stopping ...")

    def job(self) -> Job:
        """Say what is to be predicted, from the fields of the widget.

        Raises
        ------
        DisprError
            If the layers cannot be predicted.
        """
        image, labels = self.image.layer, self.labels.layer
        grey, numbers = check_pair(image, labels)
        return Job(
            grey,
            numbers,
            image.name,
            world_of(image),
            self.pixel_size.value() or None,
            self.ensemble.value(),
            self.seed.value(),
            self._weights,
        )

    def go_to(self, label: int) -> None:
        """Bring a cell to the middle of the view, and say what to beware of."""
        if self.outcome is None or self._job is None:
            return
        row = next(row for row in self.outcome.rows if row["label"] == label)
        world = self._job.world
        camera = _camera(self.viewer)
        self.viewer.dims.set_point(0, 0.0)
        y, x = world.y + row["y_px"] * world.scale, world.x + row["x_px"] * world.scale
        camera.center = (0.0, y, x)
        camera.zoom = max(camera.zoom, NEAR / (row["frame_px"] * world.scale))
        if self._found in self.viewer.layers:
            self._found.selected_label = label
        warning = str(row.get("warning") or "")
        self.warning.setText(f"Cell {label}: {warning or 'nothing to beware of.'}")

    def save_table(self, path: str) -> None:
        """Write the whole table, all measures with mean, deviation and interval, as CSV."""
        if self.outcome is None:
            return
        try:
            write_csv(Path(path), [dict(row) for row in self.outcome.rows])
            self._say(f"Saved {path}.")
        except DisprError as error:
            self._say(str(error), bad=True)

    def choose_weights(self, path: str) -> None:
        """Predict with weights of a file; with those shipped if the name is empty."""
        self._weights = Path(path) if path else None
        self.model.setCurrentIndex(1 if path else 0)
        self.model.setItemText(1, Path(path).name if path else "weights from a file ...")
        self.model.setToolTip(path or "The shipped one knows red blood cells")

    def closeEvent(self, event: Any) -> None:
        """Stop when the widget is closed."""
        self._stop.set()
        self.image.release()
        self.labels.release()
        super().closeEvent(event)

    def _model_chosen(self, index: int) -> None:
        path = ""
        if index == 1:
            path, _ = QFileDialog.getOpenFileName(self, "Weights", "", "Weights (*.safetensors)")
        self.choose_weights(path)

    def _save_as(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save", "cells.csv", "Table (*.csv)")
        if path:
            self.save_table(path)

    def _image_changed(self) -> None:
        """Take the pixel size from the image layer, now and when its scale changes."""
        if self._watched is not None:
            self._watched.events.scale.disconnect(self._take_pixel_size)
            self._watched.events.units.disconnect(self._take_pixel_size)
        self._watched = self.image.layer
        if self._watched is not None:
            self._watched.events.scale.connect(self._take_pixel_size)
            self._watched.events.units.connect(self._take_pixel_size)
        self._take_pixel_size()

    def _take_pixel_size(self, event: Any = None) -> None:
        size, source = stated_pixel_size(self.image.layer)
        self.pixel_size.setValue(size or 0.0)
        self.source.setText(source)

    def _stopped(self) -> bool:
        """Tell whether the user, or napari that is being closed, wants no more."""
        worker = self.worker
        return self._stop.is_set() or (worker is not None and worker.abort_requested)

    def _show_progress(self, done: float, total: int) -> None:
        self.progress.setValue(round(done / total * STEPS))
        if not self._stop.is_set():
            self._say(f"Predicting: {int(done)} of {total} cells are done.")

    def _returned(self, outcome: Outcome | str) -> None:
        if isinstance(outcome, str):
            self._say(outcome, bad=True)
            return
        told = f"{outcome.done} cells were predicted."
        if outcome.done < outcome.total:
            told = f"Stopped: {outcome.done} of {outcome.total} cells were predicted."
        warned = sum(bool(row.get("warning")) for row in outcome.rows)
        if outcome.done and warned:
            told += f" {warned} {'has' if warned == 1 else 'have'} a warning (\u26a0)."
        if outcome.done:
            told += " In brackets: 90 % intervals."
        self._say(" ".join([told, *outcome.notes]))
        if not outcome.done:
            return
        self.outcome = outcome
        self._add_layers(outcome)
        self.table.show_rows(outcome.rows)
        self.warning.setText("Choose a row to go to its cell.")
        self._show_results(True)

    def _add_layers(self, outcome: Outcome) -> None:
        """Add the layers, and look at them from aside; earlier ones hide."""
        for layer in self.viewer.layers:
            if RESULT in layer.metadata:
                layer.visible = False
        if self.labels.layer is not None:
            self.labels.layer.visible = False
        surfaces = None
        for data, settings, kind in outcome.layers:
            metadata = {**settings.get("metadata", {}), RESULT: True}
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
