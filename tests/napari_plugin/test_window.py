import os
import pickle
import shutil
import subprocess
import sys

import pytest

from dispr.cells.folder import find_cells
from dispr.napari_plugin import work
from dispr.prediction.folder import predict_folder
from dispr.prediction.settings import PredictionSettings

CODE = """
import pickle
import sys

import napari
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer(show=False)
viewer.open_sample("dispr", "simulated_field")
assert [layer.name for layer in viewer.layers] == ["simulated cells", "labels of simulated cells"]
dock, widget = viewer.window.add_plugin_dock_widget("dispr", "Predict 3D shapes")
assert widget.form.image.layer is viewer.layers["simulated cells"]
assert abs(widget.form.pixel_size.value() - 0.172) < 1e-6
viewer.open(sys.argv[1], plugin="dispr")
with open(sys.argv[2], "rb") as file:
    outcome, world = pickle.load(file)
before = len(viewer.layers)
widget.show_outcome(outcome, world)
widget.table.choose(5)
QApplication.processEvents()
assert viewer.dims.ndisplay == 3
assert len(viewer.layers) == before + 5  # and the frame about the chosen cell
assert widget.warning.text().startswith("Cell 5: ")
viewer.close()
print("well")
"""


LACKING = ("ImportError: /", "ImportError: lib", "Qt platform plugin", "glGetParameter")
"""What the last lines tell where Qt or OpenGL cannot start."""


@pytest.fixture(scope="module")
def screen():
    """What to start a program with that opens windows."""
    pytest.importorskip("napari")
    pytest.importorskip("qtpy")
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY"):
        return []
    if shutil.which("xvfb-run") is None:
        pytest.skip("napari's window needs a screen, or xvfb-run")
    return ["xvfb-run", "-a", "-s", "-screen 0 1280x800x24"]


def run_code(screen, *arguments, folder):
    known = {key: value for key, value in os.environ.items() if key != "QT_QPA_PLATFORM"}
    known["NAPARI_CONFIG"] = str(folder / "settings.yaml")
    return subprocess.run(
        [*screen, sys.executable, "-c", CODE, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=known,
    )


def test_in_a_real_window(screen, cells_folder, field, model, tmp_path):
    predict_folder(
        model, find_cells(cells_folder, "test"), tmp_path / "out", PredictionSettings(ensemble=2)
    )
    job = work.Job(*field, ensemble=2)
    outcome = work.run(job, model=model)
    (tmp_path / "outcome").write_bytes(pickle.dumps((outcome, job.world)))
    arguments = str(tmp_path / "out"), str(tmp_path / "outcome")
    found = run_code(screen, *arguments, folder=tmp_path)
    told = found.stderr.strip().splitlines()[-6:]
    if any(lack in line for lack in LACKING for line in told):
        pytest.skip(f"Qt opens no window here: {told[-1]}")
    assert found.stdout.strip().endswith("well"), found.stderr
    assert found.returncode == 0
