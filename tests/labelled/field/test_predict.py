import numpy as np
import pytest
import torch

import dispr
from dispr.errors import ArrayError


def test_arrays_in_cells_out(extruder, field):
    found = dispr.predict_field(
        field.image, field.labels, model=extruder, pixel_size=0.172, ensemble=2
    )
    assert len(found.cells) == len(found.predictions) == 6
    assert found.predictions[0].voxel_size == pytest.approx(0.172, rel=0.01)
    volume = found.label_volume()
    np.testing.assert_array_equal(volume[len(volume) // 2], field.labels)
    rows = found.table()
    assert [row["label"] for row in rows] == [cell.label for cell in found.cells]
    assert rows[0]["volume_um3"] > 0


def test_same_answer_as_single_crops(model, field):
    found = dispr.predict_field(
        field.image, field.labels, model=model, ensemble=2, frame=11.0, pixel_size=0.172
    )
    checked = 0
    for cell, prediction in zip(found.cells, found.predictions, strict=True):
        y, x = cell.square.y, cell.square.x
        if min(y, x) < 0 or y + 64 > field.image.shape[0] or x + 64 > field.image.shape[1]:
            continue
        crop = np.s_[y : y + 64, x : x + 64]
        single = model.predict(field.image[crop], field.labels[crop] == cell.label, ensemble=2)
        np.testing.assert_array_equal(prediction.samples, single.samples)
        checked += 1
    assert checked >= 2


def test_without_labels_there_is_a_note(extruder, field):
    found = dispr.predict_field(field.image, model=extruder, pixel_size=0.172, ensemble=1)
    assert "such as Cellpose" in found.notes[0]
    assert len(found.cells) >= 5


def test_another_scale_than_the_training_cells_is_told(extruder, field):
    for pixel_size, told in ((0.172, 0), (1.0, 1), (None, 0)):
        found = dispr.predict_field(
            field.image, field.labels, model=extruder, pixel_size=pixel_size, ensemble=1
        )
        assert sum("scale" in note for note in found.notes) == told


@pytest.mark.parametrize(
    ("image", "labels", "words"),
    [
        (np.zeros((50, 50)), None, "everywhere"),
        (np.full((50, 50), np.nan), None, "NaN"),
        (np.eye(50), np.eye(40, dtype=int), "shape"),
        (np.eye(50), np.zeros((50, 50), int), "no cell"),
        (np.eye(50), np.diag(np.arange(50)), "too small"),
    ],
)
def test_what_is_no_field(extruder, image, labels, words):
    with pytest.raises(ArrayError, match=words):
        dispr.predict_field(image, labels, model=extruder)


def test_tensors_are_taken_as_arrays(model, field):
    image, options = field.image / np.float32(255), {"model": model, "ensemble": 1}
    want = dispr.predict_field(image, field.labels, pixel_size=0.172, **options)
    found = dispr.predict_field(
        torch.tensor(image, requires_grad=True),
        torch.tensor(field.labels.astype(np.int32)),
        pixel_size=torch.tensor(0.172, dtype=torch.float64),
        **options,
    )
    for a, b in zip(found.predictions, want.predictions, strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)
