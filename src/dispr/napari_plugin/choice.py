"""A box to choose a layer from, which follows the viewer's list of layers."""

from __future__ import annotations

import contextlib
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget

RESULT = "dispr_result"
"""Key of the metadata of layers that are results, which are not offered."""


class LayerChoice(QComboBox):
    """A box with the names of the layers of one type.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer.
    kind : type
        Of the layers: `napari.layers.Image`, say.
    parent : QWidget, optional
        Its parent.

    Attributes
    ----------
    changed : Signal
        Emitted when another layer, or none, is chosen.
    """

    changed = Signal()

    def __init__(self, viewer: Any, kind: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._kind = viewer, kind
        self._layers: list[Any] = []
        # The box must not be as wide as the longest name.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        events = viewer.layers.events
        self._events = [events.inserted, events.removed, events.reordered, events.renamed]
        for event in self._events:
            event.connect(self.refresh)
        self.currentIndexChanged.connect(lambda index: self.changed.emit())
        self.refresh()

    @property
    def layer(self) -> Any:
        """The layer that is chosen, or None."""
        index = self.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def choose(self, layer: Any) -> None:
        """Choose a layer; nothing happens if it is not offered."""
        if layer in self._layers:
            self.setCurrentIndex(self._layers.index(layer))

    def refresh(self, event: Any = None) -> None:
        """List the layers anew; what was chosen stays so if it is still there."""
        before = self.layer
        self.blockSignals(True)
        self._layers = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, self._kind) and RESULT not in layer.metadata
        ]
        self.clear()
        self.addItems([layer.name for layer in self._layers])
        self.choose(before)
        self.blockSignals(False)
        if self.layer is not before:
            self.changed.emit()

    def release(self) -> None:
        """Follow the viewer no more."""
        for event in self._events:
            with contextlib.suppress(ValueError):
                event.disconnect(self.refresh)
