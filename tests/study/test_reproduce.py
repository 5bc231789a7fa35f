"""The whole study on simulated cells, with a network of no size."""

import base64
import csv
import dataclasses
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from dispr.cells.augment import AugmentConfig
from dispr.cells.folder import find_cells
from dispr.diffusion.config import DiffusionConfig
from dispr.errors import ConfigError, DisprError
from dispr.intervals.rules import intervals_of
from dispr.model.config import ModelConfig
from dispr.model.weights import load_weights
from dispr.morphology.features import SHAPE_FEATURES
from dispr.network.config import UNetConfig
from dispr.progress import SILENT
from dispr.simulation.folder import simulate_folder
from dispr.study import fold_models, measure_cells
from dispr.study.folds import Fold, class_of, read_split
from dispr.study.places import Places, begin
from dispr.study.reproduce import reproduce, simulated_cells
from dispr.study.settings import MINORITY, Plan
from dispr.training.config import TrainingConfig
from dispr.training.presets import PRESETS, Preset
from dispr.training.trainer import Trainer

NETWORK = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")
SETTINGS = {
    "methods": ("tiny", "one"),
    "folds": 2,
    "ensemble": 2,
    "pretraining_cells": 11,
    "pretraining_steps": 2,
    "steps": 2,
    "batch_size": 2,
    "features": ("2d", "truth", "augmented"),
    "classifiers": ("forest",),
}
SCHEMES = ("runs", "random")
METRICS = ("iou", "volume_error", "surface_error", "roughness_error", "convexity_error")


def make_plan(**changes):
    return Plan(**{**SETTINGS, **changes})


def quick_features(body, published=False):
    """Measure what takes no time."""
    return {"shape_volume": float(body.sum()), "shape_height": float(body.any((1, 2)).sum())}


@pytest.fixture(scope="module", autouse=True)
def quick(few_trees):
    training = TrainingConfig(augment=AugmentConfig(flip=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure_cells, "shape_features", quick_features)
        patch.setattr(fold_models, "FEWEST_TO_CALIBRATE", 9)
        model = ModelConfig(NETWORK, DiffusionConfig(steps=50), sampling_steps="2")
        patch.setitem(PRESETS, "tiny", Preset("", model, training))
        network = dataclasses.replace(NETWORK, in_channels=2, out_channels=1)
        one = ModelConfig(network, diffusion=None)
        patch.setitem(PRESETS, "one", Preset("", one, training))
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory, told):
    out = tmp_path_factory.mktemp("study")
    files = simulated_cells(out, 22, seed=5)
    seen = told()
    report = reproduce(files, out, make_plan(), jobs=1, progress=seen)
    return files, out, report, seen.lines


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_cell_is_scored_once_by_every_method(study):
    files, out, _, _ = study
    for scheme in SCHEMES:
        rows = rows_of(out / scheme / "scores.csv")
        per_cell = {
            "tiny, single samples": 2,
            "tiny, consensus": 1,
            "tiny, best of N": 1,
            "one": 1,
            "cylinder": 1,
            "ellipsoid": 1,
            "nearest": 1,
        }
        names = sorted(file.name for file in files)
        for method, count in per_cell.items():
            own = sorted(row["name"] for row in rows if row["method"] == method)
            assert own == sorted(names * count), method
        assert {row["method"] for row in rows} == set(per_cell)


def test_no_model_saw_a_test_cell_of_its_fold(study):
    files, out, _, _ = study
    for scheme in SCHEMES:
        for fold in read_split(out / scheme / "folds.csv", [file.name for file in files]):
            for method in SETTINGS["methods"]:
                weights = load_weights(Places(out).weights(scheme, method, fold.number))
                seen = set(weights.about["training_cells"])
                assert seen <= set(fold.train)
                assert weights.about["started_from"]["data"] == fold_models.SIMULATED


@pytest.mark.parametrize(
    ("features", "training_cells"),
    [
        (("2d", "truth"), 0),
        (("truth", "augmented"), 1),
        (("2d", "predicted"), 2),
        (("augmented", "single"), 2),
    ],
)
def test_shapes_are_drawn_of_the_cells_that_need_them(features, training_cells):
    plan = make_plan(features=features)
    fold = Fold(0, 0, ("0.00_discocyte000000", "B_keratocytes000001"), ("A_cell_clusters000002",))
    names = [*fold.test, *fold.train[::-1][:training_cells]]
    assert plan.cells_to_predict(fold, "tiny") == set(names)
    assert plan.cells_to_predict(fold, "one") == set(fold.test)


@pytest.mark.parametrize("method", ["tiny", "one"])
def test_intervals_are_fitted_to_the_cells_set_aside(method, tmp_path, monkeypatch):
    # Noise takes seconds to measure.
    measures = {feature.name: 1.0 for feature in SHAPE_FEATURES}
    monkeypatch.setattr("dispr.prediction.calibrate.shape_values", lambda body: measures)
    types = ("0.00_discocyte", "B_keratocytes")
    simulate_folder(tmp_path / "cells", 100, types=types, test_fraction=0)
    files = find_cells(tmp_path / "cells")
    run, weights = tmp_path / "fold_0", tmp_path / "fold_0.safetensors"
    models = fold_models.FoldModels(make_plan(steps=1), method, "cpu", SILENT)
    for _ in range(2):  # the second time, everything is there
        models.train_fold(files, weights, None)
    found = load_weights(weights)
    intervals = intervals_of(found.about)
    held = len(files) - len(found.about["training_cells"])
    assert held > 0
    assert (intervals.cells if intervals else 0) == (held if method == "tiny" else 0)
    assert not (run / "checkpoint.pt").exists()


def test_tables_are_means_over_folds(study):
    _, out, _, _ = study
    rows = [r for r in rows_of(out / "runs" / "scores.csv") if r["method"] == "cylinder"]
    line = next(
        r
        for r in rows_of(out / "runs" / "shapes.csv")
        if (r["method"], r["class"]) == ("cylinder", "all")
    )
    for metric in METRICS:
        means = []
        for fold in ("0.0", "1.0"):
            values = [float(row[metric]) for row in rows if row["fold"] == fold]
            means.append(sum(values) / len(values))
        assert float(line[f"{metric}_mean"]) == pytest.approx(sum(means) / 2)
        assert float(line[f"{metric}_sd"]) == pytest.approx(abs(means[0] - means[1]) / 2**0.5)


def test_report_shows_what_is_there(study):
    _, out, _, _ = study
    text = (out / "report.md").read_text(encoding="utf-8")
    assert "22 cells" in text
    for scheme in SCHEMES:
        for picture in ("violins.png", "examples.png", "classification/f1.png"):
            assert f"({scheme}/{picture})" in text
            assert (out / scheme / picture).stat().st_size > 1000
    assert "tiny, consensus" in text
    assert "55.2 ± 4.6 %" in text


def test_page_holds_all_of_the_report(study):
    _, out, report, _ = study
    assert report == out / "report.html"
    text = report.read_text(encoding="utf-8")
    page = ElementTree.fromstring(re.sub("<style>.*</style>", "", text, flags=re.S)[15:])
    pictures = page.findall(".//img")
    assert len(pictures) == (out / "report.md").read_text(encoding="utf-8").count("![") >= 10
    for picture in pictures:
        head, _, data = picture.get("src").partition(",")
        assert head == "data:image/png;base64"
        Image.open(io.BytesIO(base64.b64decode(data))).verify()
        assert picture.get("alt")
    assert not [link for link in page.findall(".//link") if link.get("href") != "data:,"]
    assert not page.findall(".//script")
    parts = [part.get("id") for part in page.findall(".//h2")]
    assert [link.get("href") for link in page.findall(".//nav/a")] == [f"#{p}" for p in parts]
    cells = {cell.text for cell in page.findall(".//td")}
    assert {"tiny, consensus", "cylinder"} <= cells
    assert len(page.findall(".//table")) >= 2 * len(parts)


def test_missing_package_is_told_first(study, tmp_path, monkeypatch):
    files, *_ = study
    monkeypatch.setattr("dispr.study.packages.find_spec", lambda name: None)
    told = r"matplotlib is required but not installed.*dispr\[study\]"
    with pytest.raises(DisprError, match=told):
        reproduce(files, tmp_path / "none", make_plan())
    assert not (tmp_path / "none").exists()


def test_repeated_it_only_writes_the_report(study, monkeypatch):
    files, out, report, _ = study
    before = report.read_text(encoding="utf-8")
    report.unlink()

    def refuse(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(Trainer, "_one_step", refuse)
    monkeypatch.setattr("dispr.prediction.model.Model.predict_stream", refuse)
    monkeypatch.setattr("dispr.study.reproduce.score_cells", refuse)
    reproduce(files, out, make_plan(), jobs=1)
    assert report.read_text(encoding="utf-8") == before


def test_interrupted_training_goes_on(tmp_path, monkeypatch):
    files = simulated_cells(tmp_path, 22, seed=6)
    plan = make_plan(methods=("tiny",), schemes=("runs",), features=(), steps=3)
    fit = Trainer.fit
    stopped = []

    def cut_short(self, *arguments):
        if "fold_1" in str(self.run) and not stopped:
            stopped.append(self._one_step())
            self.save()
            return False
        return fit(self, *arguments)

    monkeypatch.setattr(Trainer, "fit", cut_short)
    with pytest.raises(KeyboardInterrupt):
        reproduce(files, tmp_path, plan, jobs=1)
    assert stopped
    first = Places(tmp_path).weights("runs", "tiny", 0)
    written = first.stat().st_mtime_ns
    reproduce(files, tmp_path, plan, jobs=1)
    assert first.stat().st_mtime_ns == written
    assert load_weights(Places(tmp_path).weights("runs", "tiny", 1)).about["steps"] == 3
    assert "### Classification" not in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_other_settings_are_refused(study):
    files, out, _, _ = study
    record = json.loads((out / "study.json").read_text(encoding="utf-8"))
    assert record["steps"] == 2
    with pytest.raises(ConfigError, match=r"other settings \(steps was 2 and is now 3\)"):
        reproduce(files, out, make_plan(steps=3))
    with pytest.raises(ConfigError, match=r"other settings \(different cells\)"):
        reproduce(files[1:], out, make_plan())


def test_changed_cells_are_refused(study, tmp_path):
    files, _, _, _ = study
    copy = tmp_path / files[0].obj.name
    copy.write_bytes(files[0].obj.read_bytes())
    cells = [dataclasses.replace(files[0], obj=copy), *files[1:]]
    begin(Places(tmp_path / "out"), make_plan(), cells, "")
    begin(Places(tmp_path / "out"), make_plan(), files, "")  # the same, from another place
    copy.write_bytes(files[1].obj.read_bytes())
    with pytest.raises(ConfigError, match=r"other settings \(different cells\)"):
        begin(Places(tmp_path / "out"), make_plan(), cells, "")


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        ({}, {"device": "abacus"}, "device must be"),
        ({"precision": "fp16"}, {"device": "cpu"}, "fp16 needs a GPU"),
        ({}, {"initial": Path("no.safetensors")}, "does not exist"),
        ({"features": ("augmented",)}, {"rare": False}, "no cell belongs to the classes"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    settings, options, message, study, tmp_path
):
    files, _, _, _ = study
    if not options.pop("rare", True):
        files = [file for file in files if class_of(file.name) not in MINORITY]
    with pytest.raises(DisprError, match=message):
        reproduce(files, tmp_path / "out", make_plan(**settings), **options)
    assert not (tmp_path / "out").exists()


def test_weights_to_begin_with_must_not_have_seen_the_cells(study, tmp_path):
    files, out, _, _ = study
    known = Places(out).weights("runs", "tiny", 0)
    plan = make_plan(methods=("tiny",), schemes=("runs",), features=())
    with pytest.raises(
        ConfigError, match=r"fold_0.safetensors was trained on \d+ of the cells of the study"
    ):
        reproduce(files, tmp_path, plan, initial=known, jobs=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": ("slow",)}, "preset must be one of"),
        ({"methods": ()}, "at least one method"),
        ({"schemes": ("donor",)}, 'schemes must be of runs, random, not "donor"'),
        ({"features": ("3d",)}, "features must be of 2d"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"pretraining_steps": -1}, "must not be negative"),
        ({"seed": -1}, "must not be negative"),
        ({"folds": 1}, "folds must be at least 2"),
    ],
)
def test_bad_plans(change, message):
    with pytest.raises(ConfigError, match=message):
        Plan(**change)


def test_cells_need_objects(study, tmp_path):
    files, _, _, _ = study
    with pytest.raises(ConfigError, match="no 3D shape"):
        reproduce([dataclasses.replace(files[0], obj=None)], tmp_path, make_plan())
