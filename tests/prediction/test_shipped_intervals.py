import json

import pytest

import dispr
from dispr.errors import FileError
from dispr.measurements.calibrate import model_of
from dispr.morphology.features import SHAPE_FEATURES
from dispr.prediction import shipped
from dispr.prediction.folder import fingerprint
from dispr.prediction.shipped import INTERVALS, shipped_intervals


def write(path, model):
    rules = {feature.name: [2.0, 0.5] for feature in SHAPE_FEATURES}
    content = {"level": 0.9, "cells": 50, "model": model, "samples": 5, "rules": rules}
    path.write_text(json.dumps(content))


def test_intervals_are_used_for_their_own_model_alone(tmp_path, monkeypatch):
    model = dispr.load(device="cpu")
    monkeypatch.setattr(shipped, "INTERVALS", tmp_path / "intervals.json")
    assert model.measure_intervals() is None
    write(tmp_path / "intervals.json", "another")
    assert model.measure_intervals() is None
    write(tmp_path / "intervals.json", fingerprint(model))
    found = model.measure_intervals()
    assert found is not None
    assert found.rules["surface"].scale == 2
    assert shipped_intervals("") is None
    (tmp_path / "intervals.json").write_text("{}")
    with pytest.raises(FileError, match="fit the intervals again"):
        model.measure_intervals()


def test_model_of_a_folder(tmp_path):
    assert model_of(tmp_path) == ""
    (tmp_path / "prediction.json").write_text('{"model": "abc"}')
    assert model_of(tmp_path) == "abc"
    (tmp_path / "prediction.json").write_text("[]")
    with pytest.raises(FileError, match=r"prediction\.json is damaged"):
        model_of(tmp_path)


def test_what_is_shipped_covers_all_measures():
    if not INTERVALS.is_file():
        pytest.skip("no intervals are shipped")
    content = json.loads(INTERVALS.read_text(encoding="utf-8"))
    found = shipped_intervals(content["model"])
    assert found is not None
    assert set(found.rules) == {feature.name for feature in SHAPE_FEATURES}
    assert all(rule.scale >= 0 and rule.floor > 0 for rule in found.rules.values())
