"""A viewer without a window, a small field and a model that answers at once.

What needs Qt asks for `qt_app`, which skips where Qt cannot start; what needs napari says so.
"""

import functools
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from dispr.diffusion.config import DiffusionConfig
from dispr.model.config import ModelConfig
from dispr.model.weights import build_network
from dispr.napari_plugin.work import _KEPT
from dispr.network.config import UNetConfig
from dispr.prediction.model import Model
from dispr.prediction.prediction import Prediction

SIZE = 0.2


class Balls(Model):
    """Answers with balls whose radius grows from sample to sample, at once."""

    def predict_stream(self, sections, settings, *, on_step=None, **options):
        z, y, x = np.mgrid[:64, :64, :64] - 31.5
        away = np.sqrt(z**2 + y**2 + x**2)
        for section in sections:
            for _ in range(self.evaluations()):
                if on_step:
                    on_step(settings.ensemble)
            radius = np.sqrt((section.mask > 127).sum() / np.pi)
            samples = np.stack([away <= radius + i / 2 for i in range(settings.ensemble)])
            mean = samples.mean(axis=0, dtype=np.float32)
            yield Prediction(samples, mean, None, section.voxel_size)


@pytest.fixture(scope="session")
def model() -> Balls:
    """Two steps of no network."""
    network = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")
    config = ModelConfig(network, DiffusionConfig(steps=50), sampling_steps="2")
    torch.manual_seed(0)
    return Balls(config, build_network(config))


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Nothing is known of what other tests have drawn."""
    _KEPT.clear()


@pytest.fixture(scope="session")
def field() -> tuple[np.ndarray, np.ndarray]:
    """Image and labels of three discs, (100, 140), and a fourth that is too small."""
    y, x = np.mgrid[:100, :140]
    labels = np.zeros((100, 140), np.int32)
    for label, (cy, cx, r) in {3: (30, 30, 16), 5: (60, 75, 18), 9: (35, 110, 15)}.items():
        labels[np.hypot(y - cy, x - cx) <= r] = label
    labels[90:92, 5:7] = 11
    noise = np.random.default_rng(0).integers(0, 20, labels.shape)
    return np.where(labels, 150, 20).astype(np.uint8) + noise.astype(np.uint8), labels


@functools.cache
def _why_not() -> str:
    """Say why Qt cannot start; in a process of its own, as Qt ends it in its own way."""
    code = "from qtpy.QtWidgets import QApplication; QApplication([])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    if run.returncode == 0:
        return ""
    lines = run.stderr.strip().splitlines() or [f"exit status {run.returncode}"]
    return f"Qt cannot start here: {lines[-1]}"


@pytest.fixture(scope="session")
def qt_app(tmp_path_factory):
    """Qt without a screen."""
    pytest.importorskip("napari")
    pytest.importorskip("qtpy")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ["NAPARI_CONFIG"] = str(tmp_path_factory.mktemp("napari") / "settings.yaml")
    reason = _why_not()
    if reason:
        pytest.skip(reason)
    from qtpy.QtWidgets import QApplication

    return QApplication.instance() or QApplication([])


@pytest.fixture
def raised(monkeypatch):
    """Collect the errors that Qt's slots raise, at which PyQt would end the process otherwise."""
    errors = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: errors.append(error))
    yield
    if errors:
        raise errors[0]


@pytest.fixture
def viewer():
    """A viewer without a window: layers, camera and dimensions."""
    components = pytest.importorskip("napari.components")
    return components.ViewerModel()
