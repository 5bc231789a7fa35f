import subprocess
import sys

import numpy as np
import pytest

from dispr.napari_plugin.sample import simulated_field, simulated_truth


def test_samples_are_the_same_every_time():
    (image, place, _), (labels, _, _), (truth, known, _) = simulated_truth()
    again = simulated_field()
    np.testing.assert_array_equal(image, again[0][0])
    np.testing.assert_array_equal(labels, again[1][0])
    np.testing.assert_array_equal(truth[32], labels)
    assert labels.max() == 8
    assert not np.array_equal(image, simulated_field(seed=4)[0][0])
    assert place["scale"] == (0.172, 0.172)
    assert known["translate"] == (pytest.approx(-32 * 0.172), 0, 0)


def test_napari_finds_the_plugin(tmp_path):
    npe2 = pytest.importorskip("npe2")
    manifest = npe2.PluginManifest.from_distribution("dispr")
    contributions = manifest.contributions
    for command in contributions.commands:
        module, name = command.python_name.split(":")
        if module.endswith("widget"):
            continue  # which needs Qt; see test_widget.py
        assert callable(getattr(__import__(module, fromlist=[name]), name))
    assert [widget.display_name for widget in contributions.widgets] == ["Predict 3D shapes"]
    assert contributions.readers[0].accepts_directories
    # Images are left to others: napari asks which reader to take where several offer to.
    manager = npe2.PluginManager()
    manager.register(manifest)
    for path, offers in ((tmp_path, 1), (tmp_path / "field.json", 1), (tmp_path / "a.tif", 0)):
        assert len(list(manager.iter_compatible_readers(str(path)))) == offers
    assert len(contributions.sample_data) == 2


def test_nothing_else_imports_napari_or_qt():
    code = (
        "import sys, dispr, dispr.cli.main, dispr.labelled.field.predict, "
        "dispr.napari_plugin.reader, dispr.napari_plugin.sample, "
        "dispr.napari_plugin.work, dispr.napari_plugin.inputs\n"
        "dispr.predict_field, dispr.load\n"
        "known = {name.split('.')[0] for name in sys.modules}\n"
        "assert not known & {'napari', 'qtpy', 'PyQt6', 'superqt', 'magicgui', 'npe2', 'dask'}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
