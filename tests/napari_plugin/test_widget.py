import csv
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from dispr.errors import FileError
from dispr.napari_plugin import work


@pytest.fixture
def widget(qt_app, viewer, model, raised, monkeypatch):
    """The widget, whose model answers at once."""
    from dispr.napari_plugin.widget import PredictWidget

    monkeypatch.setattr(work, "load_cached", lambda weights: model)
    made = PredictWidget(viewer)
    yield made
    made.close()


@pytest.fixture
def filled(widget, viewer, field):
    """The widget of a viewer with an image and its labels."""
    viewer.add_image(field[0], name="cells", scale=(0.2, 0.2), translate=(1, 2), units=("um",) * 2)
    viewer.add_labels(field[1], name="found", scale=(0.2, 0.2), translate=(1, 2), units=("um",) * 2)
    widget.form.ensemble.setValue(2)
    return widget


def wait(qt_app, done, seconds=30):
    """Let Qt work until something is so."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        qt_app.processEvents()
        time.sleep(0.005)


def predict(qt_app, widget):
    widget.predict.click()
    wait(qt_app, lambda: widget.worker is None)


def test_predicts_and_shows(qt_app, filled, viewer):
    assert filled.form.pixel_size.value() == pytest.approx(0.2)
    predict(qt_app, filled)
    assert filled.message.text().startswith("3 cells were predicted. ")
    assert [layer.name for layer in viewer.layers[2:]] == [
        "3D labels: cells",
        "samples that differ, %: cells",
        "surfaces by spread, µm: cells",
        "numbers: cells",
    ]
    assert viewer.dims.ndisplay == 3
    labels = viewer.layers["3D labels: cells"]
    assert set(np.unique(labels.data)) == {0, 3, 5, 9}
    # The middle plane of the volume lies upon the image.
    focus = len(labels.data) // 2
    np.testing.assert_allclose(labels.data_to_world((focus, 0, 0)), (0, 1, 2))
    assert list(labels.features["index"]) == [3, 5, 9, 11]
    assert not filled.table.isHidden()
    assert filled.table.rowCount() == 4
    assert filled.predict.isEnabled()
    assert not filled.cancel.isEnabled()
    # Seen from the side from which 2D images are: X to the right, Y down.
    camera = getattr(viewer, "scene", viewer).camera
    right = np.cross(camera.view_direction, camera.up_direction)
    camera.angles = type(camera)().angles  # as in 2D
    assert np.dot(right, np.cross(camera.view_direction, camera.up_direction)) > 0.99
    # Results are not offered as input.
    assert (filled.form.image.count(), filled.form.labels.count()) == (1, 1)


def test_rows_are_sorted_and_lead_to_cells(qt_app, filled, viewer):
    from qtpy.QtCore import Qt

    predict(qt_app, filled)
    table = filled.table

    def column(k):
        return [table.item(i, k).text() for i in range(table.rowCount())]

    titles = [table.horizontalHeaderItem(k).text() for k in range(table.columnCount())]
    assert titles[:3] == ["Cell", "!", "Volume, µm³"]
    assert column(0) == ["3", "5", "9", "11"]  # as numbers, not as texts
    table.sortItems(2, Qt.SortOrder.DescendingOrder)
    assert column(0) == ["5", "3", "9", "11"]
    table.sortItems(2, Qt.SortOrder.AscendingOrder)
    assert column(0) == ["9", "3", "5", "11"]
    assert "[" in column(2)[0]  # the range of the samples, as nothing was calibrated
    table.choose(9)
    centre = getattr(viewer, "scene", viewer).camera.center  # napari 0.9, and before
    np.testing.assert_allclose(centre, (0, 1 + 35 * 0.2, 2 + 110 * 0.2), atol=0.3)
    assert viewer.layers["3D labels: cells"].selected_label == 9
    assert filled.warning.text() == "Cell 9: no warning."
    table.choose(11)
    assert "too small" in filled.warning.text()


def test_images_of_one_name_keep_their_own_layers(qt_app, filled, viewer, field):
    predict(qt_app, filled)
    first = viewer.layers["3D labels: cells"]
    del viewer.layers["cells"]
    viewer.add_image(field[0], name="cells", scale=(0.2, 0.2), translate=(1, 2), units=("um",) * 2)
    predict(qt_app, filled)
    results = [layer for layer in viewer.layers if layer.name.startswith("3D labels: cells")]
    assert len(results) == 2
    assert first in results
    assert not first.visible


def test_saves_the_table(qt_app, filled, tmp_path):
    predict(qt_app, filled)
    filled.save_table(str(tmp_path / "cells.csv"))
    with open(tmp_path / "cells.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["3", "5", "9", "11"]
    assert float(rows[0]["volume_min_um3"]) < float(rows[0]["volume_max_um3"])
    assert (rows[0]["samples"], rows[0]["calibrated"]) == ("2", "none")
    assert rows[3]["volume_um3"] == ""  # which was not predicted
    assert [row["overlap"] == "" for row in rows] == [False, False, False, True]
    assert all(0 <= float(row["overlap"]) < 1 for row in rows[:3])
    assert "elongation" not in rows[0]
    filled.save_table(str(tmp_path / "all.csv"), wide=True)
    with open(tmp_path / "all.csv", newline="", encoding="utf-8") as file:
        wide = next(csv.DictReader(file))
    assert rows[0].items() <= wide.items()
    assert "elongation" in wide
    (tmp_path / "file").touch()
    filled.save_table(str(tmp_path / "file" / "cells.csv"))
    assert filled.message.text().startswith("Cannot write")


def test_cancel_ends_the_work_and_keeps_what_is_done(qt_app, filled, viewer, monkeypatch):
    reached, go_on = threading.Event(), threading.Event()
    place = work._place

    def slow(cell, probability):
        reached.set()
        go_on.wait(30)
        return place(cell, probability)

    monkeypatch.setattr(work, "_place", slow)
    filled.predict.click()
    wait(qt_app, reached.is_set)
    assert not filled.predict.isEnabled()
    filled.cancel.click()
    assert filled.message.text() == "Stopping ..."
    go_on.set()
    wait(qt_app, lambda: filled.worker is None)
    assert filled.message.text().startswith("Stopped: 1 of 3 cells were predicted.")
    assert set(np.unique(viewer.layers["3D labels: cells"].data)) == {0, 3}
    assert filled.predict.isEnabled()


def test_errors_are_sentences(qt_app, widget, viewer, field, monkeypatch):
    widget.predict.click()
    assert widget.message.text().startswith("There is no image layer: ")
    viewer.add_image(field[0], name="cells")
    widget.predict.click()
    assert widget.message.text().startswith("There is no labels layer: ")
    viewer.add_labels(field[1][:50], name="part")
    widget.predict.click()
    assert "100 x 140" in widget.message.text()
    viewer.add_labels(field[1] * 0, name="none")
    widget.form.labels.choose(viewer.layers["none"])
    widget.predict.click()
    assert "is empty" in widget.message.text()
    viewer.layers["none"].data = field[1]

    # And so are those that are found later, in the other thread.
    def missing(weights):
        raise FileError(f"{weights.name} contains no weights.")

    monkeypatch.setattr(work, "load_cached", missing)
    widget.form.choose_weights("mine.safetensors")
    predict(qt_app, widget)
    assert widget.message.text() == "mine.safetensors contains no weights."
    assert len(viewer.layers) == 3


def test_boxes_follow_the_layers(widget, viewer, field):
    assert (widget.form.image.layer, widget.form.labels.layer) == (None, None)
    first = viewer.add_image(field[0], name="first", scale=(0.3, 0.3))
    assert widget.form.image.layer is first
    assert widget.form.pixel_size.value() == pytest.approx(0.3)
    second = viewer.add_image(field[0], name="second")
    assert widget.form.image.layer is first
    widget.form.image.choose(second)
    assert widget.form.pixel_size.value() == 0
    assert "in pixels" in widget.form.source.text()
    second.scale = (0.1, 0.1)
    assert widget.form.pixel_size.value() == pytest.approx(0.1)
    second.name = "other"
    assert widget.form.image.currentText() == "other"
    viewer.layers.remove(second)
    assert widget.form.image.layer is first


def test_settings_reach_the_job(filled, tmp_path):
    filled.form.seed.setValue(7)
    filled.form.pixel_size.setValue(0)
    filled.form.choose_weights(str(tmp_path / "w.safetensors"))
    job = filled.form.job()
    assert (job.seed, job.ensemble, job.pixel_size) == (7, 2, None)
    assert job.weights == tmp_path / "w.safetensors"
    filled.form.image.layer.scale = (1 / 7, 1 / 7)
    assert filled.form.job().pixel_size == pytest.approx(1 / 7, rel=1e-9)  # shown as 0.1429
    filled.form.choose_weights("")
    assert filled.form.job().weights is None


def test_resumes_after_cancel_and_replaces_its_layers(qt_app, filled, viewer, model, monkeypatch):
    asked = []
    draw = model.predict_each

    def counted(images, masks, *settings, **options):
        asked.append(len(images))
        return draw(images, masks, *settings, **options)

    monkeypatch.setattr(model, "predict_each", counted)
    place = work._place

    def stop_then(cell, probability):
        filled.stop()
        return place(cell, probability)

    monkeypatch.setattr(work, "_place", stop_then)
    predict(qt_app, filled)
    assert filled.message.text().startswith("Stopped: 1 of 3 cells were predicted.")
    first = viewer.layers["3D labels: cells"].data.copy()
    viewer.add_labels(np.ones((5, 5), int), name="another", metadata={"dispr_result": "other"})
    monkeypatch.setattr(work, "_place", place)
    predict(qt_app, filled)
    assert asked == [3, 2]  # the first cell is not drawn again
    assert filled.message.text().startswith("3 cells were predicted.")
    assert [layer.name for layer in viewer.layers[2:]] == [
        "another",
        "3D labels: cells",
        "samples that differ, %: cells",
        "surfaces by spread, µm: cells",
        "numbers: cells",
    ]
    assert not viewer.layers["another"].visible
    labels = viewer.layers["3D labels: cells"].data
    np.testing.assert_array_equal(labels == 3, first == 3)
    predict(qt_app, filled)
    assert asked == [3, 2, 0]
    filled.form.seed.setValue(1)
    predict(qt_app, filled)
    assert asked == [3, 2, 0, 3]  # other shapes


def test_the_chosen_cell_is_marked(qt_app, filled, viewer):
    predict(qt_app, filled)
    for label, (y, x) in ((9, (35, 110)), (5, (60, 75))):
        filled.table.choose(label)
        (frame,) = viewer.layers["chosen cell: cells"].data
        middle = (frame.min(axis=0) + frame.max(axis=0)) / 2
        np.testing.assert_allclose(middle, (0, 1 + y * 0.2, 2 + x * 0.2), atol=0.3)
    assert len([layer for layer in viewer.layers if layer.name.startswith("chosen")]) == 1
    assert filled.form.image.count() == 1
    labels = viewer.layers["3D labels: cells"]
    assert filled._clicked in viewer.mouse_drag_callbacks

    def click(place, moves=0, **event):
        event = SimpleNamespace(type="mouse_press", position=np.array(place), **event)
        steps = filled._clicked(viewer, event)
        next(steps)
        for _ in range(moves):
            event.type = "mouse_move"
            next(steps)
        event.type = "mouse_release"
        assert next(steps, "end") == "end"

    plane = labels.data_to_world((len(labels.data) // 2, 30, 30))
    click(plane, moves=3, dims_displayed=[1, 2])  # a drag
    assert filled.warning.text().startswith("Cell 5:")
    click(plane, dims_displayed=[1, 2])
    assert filled.warning.text().startswith("Cell 3:")
    assert labels.selected_label == 3
    above = labels.data_to_world((0, 35, 110))
    click(above, view_direction=np.array([1.0, 0, 0]), dims_displayed=[0, 1, 2])
    assert filled.warning.text().startswith("Cell 9:")
    click(labels.data_to_world((len(labels.data) // 2, 2, 2)), dims_displayed=[1, 2])
    assert filled.warning.text().startswith("Cell 9:")
