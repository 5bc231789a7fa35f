"""Make docs/napari.jpg: the plugin with a predicted simulated field.

It needs a screen, or `xvfb-run -s "-screen 0 1600x1000x24" python docs/make_napari_screenshot.py`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication

OUT = Path(__file__).with_name("napari.jpg")
SIZE = (1480, 860)
CELL = 5
"""Label of the cell that is chosen in the table."""


def wait(seconds: float = 0.0, until: object = None) -> None:
    """Let Qt work for some seconds, or until something is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end or (callable(until) and not until()):
        QApplication.processEvents()
        time.sleep(0.01)


def main(out: Path = OUT) -> None:
    """Open the sample, predict it, choose a cell, and save the window."""
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(*SIZE)
    viewer.open_sample("dispr", "simulated_field")
    _dock, widget = viewer.window.add_plugin_dock_widget("dispr", "Predict 3D shapes")
    wait(1)
    widget.predict.click()
    wait(until=lambda: widget.worker is None)
    viewer.canvas.overlays.scale_bar.visible = True
    wait(1)
    middle = viewer.scene.camera.center
    widget.table.choose(CELL)
    viewer.scene.camera.center = middle  # to have all cells in the picture
    wait(2)
    picture = out.with_suffix(".png")
    viewer.screenshot(path=str(picture), canvas_only=False, flash=False)
    Image.open(picture).convert("RGB").save(out, quality=88)
    picture.unlink()
    viewer.close()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
