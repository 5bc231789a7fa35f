"""The form of the widget: layers, pixel size, model and what else a prediction takes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from dispr.napari_plugin.choice import LayerChoice
from dispr.napari_plugin.inputs import check_pair, stated_pixel_size, world_of
from dispr.napari_plugin.work import Job

SHIPPED, FROM_FILE = "shipped: red blood cells", "weights from a file ..."
KNOWS = "The shipped model was trained on red blood cells"

DECIMALS = 4
"""Of a pixel size, as it is shown."""


class JobForm(QWidget):
    """What a user chooses before a prediction.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer, whose layers are offered.
    parent : QWidget, optional
        Its parent.
    """

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._weights: Path | None = None
        self._stated: float | None = None
        self._watched: Any = None
        self.image = LayerChoice(viewer, Image, self)
        self.labels = LayerChoice(viewer, Labels, self)
        self.pixel_size = QDoubleSpinBox(self)
        self.pixel_size.setRange(0.0, 1000.0)
        self.pixel_size.setDecimals(DECIMALS)
        self.pixel_size.setSingleStep(0.01)
        self.pixel_size.setSuffix(" µm")
        self.pixel_size.setSpecialValueText("not known")
        self.source = QLabel(self)
        self.source.setEnabled(False)
        self.ensemble = QSpinBox(self)
        self.ensemble.setRange(1, 100)
        self.ensemble.setValue(5)
        self.model = QComboBox(self)
        self.model.addItems([SHIPPED, FROM_FILE])
        self.seed = QSpinBox(self)
        self.seed.setRange(0, 2**31 - 1)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for title, field, tip in (
            ("Image", self.image, "One section through the middle of the cells"),
            ("Labels", self.labels, "A label for each cell, 0 outside"),
            ("Pixel size", self.pixel_size, "Pixel size of the image"),
            ("", self.source, ""),
            (
                "Shapes per cell",
                self.ensemble,
                "More shapes give a better estimate of the uncertainty",
            ),
            ("Model", self.model, KNOWS),
            ("Seed", self.seed, "A different seed gives different shapes"),
        ):
            field.setToolTip(tip)
            field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            form.addRow(title, field)
        self.image.changed.connect(self._image_changed)
        self.pixel_size.valueChanged.connect(lambda value: self.source.setText(""))
        self.model.activated.connect(self._model_chosen)
        self._image_changed()

    def job(self) -> Job:
        """Say what is to be predicted, from the fields of the form.

        Raises
        ------
        DisprError
            If the layers cannot be predicted.
        """
        image, labels = self.image.layer, self.labels.layer
        grey, numbers = check_pair(image, labels)
        size = self.pixel_size.value()
        if self._stated is not None and size == round(self._stated, DECIMALS):
            size = self._stated  # which the field has rounded
        return Job(
            grey,
            numbers,
            image.name,
            world_of(image),
            size or None,
            self.ensemble.value(),
            self.seed.value(),
            self._weights,
            str(image.unique_id),
        )

    def choose_weights(self, path: str) -> None:
        """Predict with weights of a file; with those shipped if the name is empty."""
        self._weights = Path(path) if path else None
        self.model.setCurrentIndex(1 if path else 0)
        self.model.setItemText(1, Path(path).name if path else FROM_FILE)
        self.model.setToolTip(path or KNOWS)

    def release(self) -> None:
        """Follow the viewer no more."""
        self.image.release()
        self.labels.release()
        self._unwatch()

    def _model_chosen(self, index: int) -> None:
        path = ""
        if index == 1:
            path, _ = QFileDialog.getOpenFileName(self, "Weights", "", "Weights (*.safetensors)")
        self.choose_weights(path)

    def _image_changed(self) -> None:
        """Take the pixel size from the image layer, now and when its scale changes."""
        self._unwatch()
        self._watched = self.image.layer
        if self._watched is not None:
            self._watched.events.scale.connect(self._take_pixel_size)
            self._watched.events.units.connect(self._take_pixel_size)
        self._take_pixel_size()

    def _take_pixel_size(self, event: Any = None) -> None:
        self._stated, source = stated_pixel_size(self.image.layer)
        self.pixel_size.setValue(self._stated or 0.0)
        self.source.setText(source)

    def _unwatch(self) -> None:
        if self._watched is not None:
            for event in (self._watched.events.scale, self._watched.events.units):
                with contextlib.suppress(ValueError):
                    event.disconnect(self._take_pixel_size)
        self._watched = None
