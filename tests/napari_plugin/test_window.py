import os
import shutil
import subprocess
import sys

import pytest

CODE = """
import sys

import napari
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer(show=False)
viewer.open_sample("dispr", "simulated_field")
assert [layer.name for layer in viewer.layers] == ["simulated cells", "labels of simulated cells"]
dock, widget = viewer.window.add_plugin_dock_widget("dispr", "Predict 3D shapes")
assert widget.image.layer is viewer.layers["simulated cells"]
assert abs(widget.pixel_size.value() - 0.172) < 1e-6
viewer.open(sys.argv[1], plugin="dispr")
viewer.dims.ndisplay = 3
QApplication.processEvents()
assert len(viewer.layers) > 4
viewer.close()
print("well")
"""


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


def run(screen, code, *arguments, folder):
    known = {key: value for key, value in os.environ.items() if key != "QT_QPA_PLATFORM"}
    known["NAPARI_CONFIG"] = str(folder / "settings.yaml")
    return subprocess.run(
        [*screen, sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=known,
    )


def test_in_a_real_window(screen, cells_folder, model, tmp_path):
    probe = "from qtpy.QtWidgets import QApplication, QOpenGLWidget; QApplication([])"
    started = run(screen, probe, folder=tmp_path)
    if started.returncode != 0:
        reason = (started.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"Qt opens no window here: {reason}")
    from dispr.cells.folder import find_cells
    from dispr.prediction.folder import predict_folder

    predict_folder(model, find_cells(cells_folder, "test"), tmp_path / "out", ensemble=2)
    found = run(screen, CODE, str(tmp_path / "out"), folder=tmp_path)
    assert found.stdout.strip().endswith("well"), found.stderr
    assert found.returncode == 0
