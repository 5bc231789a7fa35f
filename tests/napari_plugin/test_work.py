import numpy as np
import pytest

import dispr
from dispr.errors import ArrayError, FileError
from dispr.labelled.field.predict import predict_field
from dispr.napari_plugin.layers import World
from dispr.napari_plugin.work import Job, load_cached, run

WORLD = World(scale=0.2, y=3.0, x=-1.0, unit="um")


def job(field, **changes):
    return Job(*field, **{"world": WORLD, "pixel_size": 0.2, "ensemble": 3, **changes})


@pytest.fixture(scope="module")
def outcome(field, model):
    """What a run gives that nobody stops."""
    return run(job(field), model=model)


def test_gives_what_predict_field_gives(field, model, outcome):
    found = predict_field(*field, model=model, pixel_size=0.2, ensemble=3)
    labels = outcome.layers[0]
    np.testing.assert_array_equal(labels[0], found.label_volume())
    assert (outcome.done, outcome.total) == (3, 3)
    for ours, theirs in zip(outcome.rows, found.table(wide=True), strict=True):
        assert {**ours, "name": ""} == {**theirs, "name": ""}
    assert [row["label"] for row in outcome.rows] == [3, 5, 9, 11]
    assert "too small" in outcome.rows[-1]["warning"]


def test_all_layers_stand_at_one_place(outcome):
    (labels, known, _), (percent, also, _), ((corners, faces, spread), too, _) = outcome.layers[:3]
    focus = len(labels) // 2
    for settings in (known, also, too):
        assert settings["scale"] == (0.2,) * 3
        assert settings["translate"] == (-focus * 0.2, 3.0, -1.0)
        assert settings["units"] == ("um",) * 3
    np.testing.assert_array_equal(labels[focus] > 0, labels.max(axis=0) > 0)
    # The surface runs where the labels end, and spreads where the samples differ.
    inside = labels[tuple(np.rint(corners).astype(int).T)] > 0
    assert 0.2 < inside.mean() < 0.8
    deep = np.rint(corners).astype(int)
    assert (percent[tuple(deep.T)] > 0).mean() > 0.9
    assert percent.max() <= 50
    # The samples' radii are half a voxel of 64 apart.
    edge = outcome.rows[1]["frame_px"]
    assert np.median(spread) == pytest.approx(0.5 * edge / 64 * 0.2, rel=0.25)
    # Triangles look outwards: counted in Z, Y, X, the volume inside is positive.
    a, b, c = np.moveaxis(corners[faces].astype(float), 1, 0)
    flipped = np.einsum("fi,fi->", a[:, ::-1], np.cross(b[:, ::-1], c[:, ::-1]))
    assert flipped < 0


def test_without_a_pixel_size_lengths_are_in_pixels(field, model, outcome):
    unknown = run(job(field, pixel_size=None, world=World()), model=model)
    assert unknown.rows[0]["volume_px3"] * 0.2**3 == pytest.approx(
        outcome.rows[0]["volume_um3"], rel=0.1
    )
    (_, settings, _) = unknown.layers[2]
    assert settings["name"].startswith("surfaces by spread, px")


def test_stops_between_cells_and_within_one(field, model, outcome):
    seen = []
    # Two steps a cell, and a report after each and after the cell.
    between = run(job(field), lambda *done: seen.append(done), lambda: len(seen) >= 3, model)
    assert (between.done, between.total) == (1, 3)
    assert [row["label"] for row in between.rows] == [3, 11]
    # The cell that is done stands where it would have stood.
    np.testing.assert_array_equal(between.layers[0][0], np.where(outcome.layers[0][0] == 3, 3, 0))
    within = run(job(field, seed=9), stopped=lambda: True, model=model)
    assert within.done == 0
    assert within.layers == ()
    assert seen[-1] == (1, 3)
    assert seen == sorted(seen)


def test_says_how_like_the_training_cells(field, model, monkeypatch):
    monkeypatch.setattr(model, "about", dispr.load().about)
    rows = run(job(field), model=model).rows
    assert all(0 <= row["familiarity"] <= 1 for row in rows[:3])
    assert any("training cells" in row["warning"] for row in rows[:3])


def test_bad_input_is_a_sentence(field, tmp_path):
    with pytest.raises(ArrayError, match="too small"):
        run(job((field[0], (field[1] == 11).astype(int))))
    with pytest.raises(FileError, match="does not exist"):
        load_cached(tmp_path / "weights.safetensors")


def test_cells_that_look_the_same(model):
    """Each has its shape at its own place, also where others were drawn before."""
    image = np.full((80, 240), 20, np.uint8)
    labels = np.zeros((80, 240), np.int32)
    y, x = np.mgrid[:80, :240]
    for label, (centre, radius) in {1: (40, 16), 2: (120, 16), 3: (200, 11)}.items():
        labels[np.hypot(y - 40, x - centre) <= radius] = label
    image[labels > 0] = 150
    first = run(Job(image, labels, world=WORLD, pixel_size=0.2, ensemble=2), model=model)
    areas = {label: (first.layers[0][0] == label).sum() for label in (1, 2, 3)}
    assert areas[1] == areas[2] > 1.5 * areas[3]
    again = run(Job(image, labels, world=WORLD, pixel_size=0.2, ensemble=2), model=model)
    np.testing.assert_array_equal(again.layers[0][0], first.layers[0][0])
