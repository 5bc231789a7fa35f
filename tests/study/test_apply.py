"""Classifiers that are kept, and applied to new cells."""

import csv
import dataclasses
import hashlib
import json
import pickle
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from dispr.cells.folder import find_cells
from dispr.cli.classify import command
from dispr.errors import ConfigError, FileError
from dispr.prediction.files import PredictionFolder
from dispr.recognition import features
from dispr.recognition.kept import load_kept
from dispr.records import write_json
from dispr.simulation.folder import simulate_folder
from dispr.study import measure_cells
from dispr.study.apply import apply_classifier
from dispr.study.classify import classify
from dispr.study.fold_data import FoldData
from dispr.study.folds import Fold, class_of
from dispr.study.settings import ClassifySettings

TYPES = ("0.00_discocyte", "B_keratocytes")
SETTINGS = ClassifySettings(
    features=("2d", "truth"), classifiers=("forest", "boosting"), folds=2, trees=20
)


def quick_section(image, mask, published=False):
    """Measure what takes no time; one feature is not defined for every third cell."""
    area = float((mask > 127).sum())
    return {
        "section_area": area,
        "section_grey": float(image[mask > 127].mean()),
        "section_gap": float("nan") if int(area) % 3 == 0 else float(image.std()),
    }


def quick_shape(body, published=False):
    return {"shape_volume": float(body.sum()), "shape_height": float(np.ptp(np.nonzero(body)[0]))}


@pytest.fixture(scope="module", autouse=True)
def quick(few_trees):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure_cells, "section_features", quick_section)
        patch.setattr(measure_cells, "shape_features", quick_shape)
        for module in (measure_cells, features):
            patch.setattr(module, "fingerprint", lambda published=False: "quick")
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("cells")
    simulate_folder(root, 56, seed=1, types=TYPES, test_fraction=0)
    return root


@pytest.fixture(scope="module")
def cells(data):
    return find_cells(data)


@pytest.fixture(scope="module")
def study(cells, tmp_path_factory):
    out = tmp_path_factory.mktemp("study")
    classify(cells, out, SETTINGS, pictures=False, audit="none", jobs=1)
    return out


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Cells whose names say no class."""
    root = tmp_path_factory.mktemp("new")
    simulate_folder(root, 12, seed=8, types=TYPES, test_fraction=0)
    for path in sorted(root.glob("train/*/*.tif")):
        path.rename(path.with_name(f"cell_{path.stem}.tif"))
    return root


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("source", ["2d", "truth"])
@pytest.mark.parametrize("classifier", ["forest", "boosting"])
def test_it_says_what_the_classifier_said_of_the_same_rows(cells, study, source, classifier):
    from dispr.study.classifier import fit_fold, recipe_of
    from dispr.study.feature_sources import Sources

    sources = Sources(cells, SETTINGS, jobs=1)
    rows = sources.rows(source)
    names = tuple(sorted(file.name for file in cells))
    fitted = fit_fold(
        FoldData.of(Fold(0, 0, names, ()), rows),
        recipe_of(SETTINGS, classifier, len(rows.columns)),
    )
    kept = load_kept(study, source, classifier)
    assert kept.names == names
    assert kept.classes == fitted.classes
    assert np.isnan(rows.values).any()  # missing values are filled as in training
    expected = kept.calibration(fitted.probabilities(rows))
    np.testing.assert_allclose(kept.told(rows.values, rows.columns)[0], expected, atol=1e-9)


def test_new_cells_get_the_right_class(study, new, tmp_path):
    out = tmp_path / "classes.csv"
    apply_classifier(study, find_cells(new), out, source="2d", classifier="forest", jobs=1)
    rows = table(out)
    assert [row["name"] for row in rows] == [file.name for file in find_cells(new)]
    right = [row["predicted_class"] == class_of(row["name"][5:]) for row in rows]
    assert sum(right) >= 10
    for row in rows:
        likely = [float(row["p_SDE"]), float(row["p_keratocytes"])]
        assert sum(likely) == pytest.approx(1, abs=2e-4)
        assert float(row["class_probability"]) == max(likely) >= 0.5
        assert row["class"] == ""
        assert 0 <= float(row["familiarity"]) <= 1


def test_its_own_cells_are_pointed_out(study, cells, tmp_path):
    out = tmp_path / "classes.csv"
    rows = apply_classifier(study, cells[:2], out, source="2d", classifier="forest", jobs=1)
    assert all("among the classifier's own" in row["warning"] for row in rows)
    assert rows[0]["class"] == class_of(cells[0].name)


def test_strange_cells_are_pointed_out(study, new, tmp_path):
    from dispr.files import write_tiff

    shutil.copytree(new, tmp_path / "cells")
    strange = find_cells(tmp_path / "cells")[3]
    write_tiff(strange.image, np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    rows = apply_classifier(
        study,
        find_cells(tmp_path / "cells"),
        tmp_path / "c.csv",
        source="2d",
        classifier="forest",
        jobs=1,
    )
    assert "More unusual than" in rows[3]["warning"]
    assert sum(bool(row["warning"]) for row in rows) < 6


def test_a_changed_classifier_is_refused(study, cells, new, tmp_path):
    shutil.copytree(study, tmp_path / "study")
    path = tmp_path / "study" / "classifiers" / "2d_forest.safetensors"
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileError, match="checksum differs"):
        load_kept(tmp_path / "study", "2d", "forest")
    # Nor is a list of classifiers believed that was edited by hand.
    index = path.with_name("index.json")
    record = json.loads(index.read_text())
    record["classifiers"]["2d_forest"]["sha256"] = hashlib.sha256(content).hexdigest()
    index.write_text(json.dumps(record))
    with pytest.raises(FileError, match="damaged"):
        load_kept(tmp_path / "study", "2d", "forest")


def test_no_code_runs_when_one_is_loaded(study, tmp_path):
    class Harm:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'harm')!r}, 'w')",))

    folder = tmp_path / "study" / "classifiers"
    folder.mkdir(parents=True)
    content = pickle.dumps(Harm())
    (folder / "2d_forest.safetensors").write_bytes(content)
    entry = {
        "file": "2d_forest.safetensors",
        "sha256": hashlib.sha256(content).hexdigest(),
        "features": "2d",
        "classifier": "forest",
    }
    write_json(folder / "index.json", {"classifiers": {"2d_forest": entry}}, sealed=True)
    with pytest.raises(FileError, match="is no classifier"):
        load_kept(tmp_path / "study")
    assert not (tmp_path / "harm").exists()


def test_what_the_classifier_needs_is_asked_for(study, new, tmp_path):
    files = find_cells(new)
    bare = [dataclasses.replace(file, obj=None) for file in files]
    out = tmp_path / "c.csv"
    with pytest.raises(ConfigError, match="has no 3D shape, which the classifier needs"):
        apply_classifier(study, bare, out, source="truth", classifier="forest")
    with pytest.raises(ConfigError, match="several classifiers"):
        apply_classifier(study, files, out)
    with pytest.raises(ConfigError, match="no such classifier"):
        apply_classifier(study, files, out, source="predicted")
    with pytest.raises(ConfigError, match="omit --predictions"):
        apply_classifier(study, files, out, source="2d", classifier="forest", predictions=tmp_path)
    with pytest.raises(FileError, match="has no kept classifier"):
        apply_classifier(tmp_path, files, out)
    assert not out.exists()


def test_predicted_shapes_must_be_drawn_alike(cells, tmp_path, monkeypatch):
    from dispr.cells.read import read_obj
    from dispr.study import classify as module
    from dispr.study.provenance import Predictions

    folder = tmp_path / "predictions"
    for file in cells:
        body = read_obj(file.obj) > 127
        PredictionFolder(folder).write(file.name, body[None], body.astype(float))
    drawn = {"model": "a", "sampler": "ddim", "steps": 4}
    write_json(folder / "prediction.json", drawn)
    monkeypatch.setattr(
        module,
        "predictions_by_fold",
        lambda path, split, *_: {f.key: Predictions(path, frozenset(), "a") for f in split},
    )
    settings = ClassifySettings(features=("single",), folds=2, trees=5)
    out = tmp_path / "study"
    classify(cells, out, settings, predictions=folder, pictures=False, audit="none", jobs=1)
    table_path = tmp_path / "c.csv"
    with pytest.raises(ConfigError, match="give the folder by --predictions"):
        apply_classifier(out, cells, table_path)
    rows = apply_classifier(out, cells[:3], table_path, predictions=folder, jobs=1)
    assert len(rows) == 3
    write_json(folder / "prediction.json", {**drawn, "steps": 8})
    with pytest.raises(FileError, match="another steps"):
        apply_classifier(out, cells[:3], table_path, predictions=folder, jobs=1)


def test_the_command(study, new, tmp_path):
    out = tmp_path / "classes.csv"
    line = [str(new), "--apply", str(study), "--features", "2d", "--classifiers", "forest"]
    found = CliRunner().invoke(command, [*line, "-o", str(out), "--jobs", "1", "--sure", "1"])
    assert found.exit_code == 0, found.output
    assert found.output.count("12 not sure") == found.output.count("classes.csv: 12 cells") == 1
    assert {row["predicted_class"] for row in table(out)} == {"not sure"}
    for more, sentence in (
        (["-o", str(tmp_path / "folder")], "must be the table to write"),
        (["-o", str(out), "--scheme", "random"], "--scheme does not apply"),
    ):
        found = CliRunner().invoke(command, [*line, *more])
        assert sentence in str(found.exception)
    found = CliRunner().invoke(command, [str(new), "-o", str(tmp_path / "x"), "--sure", "0.3"])
    assert "only used with --apply" in str(found.exception)


def test_the_shipped_classifier(tmp_path):
    simulate_folder(tmp_path / "cells", 12, seed=8, types=("A_cell_clusters", "0.00_discocyte"))
    line = [str(tmp_path / "cells"), "--apply", "shipped", "-o", str(tmp_path / "c.csv")]
    found = CliRunner().invoke(command, [*line, "--jobs", "1"])
    assert found.exit_code == 0, found.output
    rows = table(tmp_path / "c.csv")
    clusters = [row for row in rows if row["class"] == "cell_clusters"]
    assert sum(row["predicted_class"] == "cell_clusters" for row in clusters) >= len(clusters) - 2
    right = sum(row["predicted_class"] == row["class"] for row in rows)
    assert f"{right} of 12 cells have the class that their name states" in found.output
    with pytest.raises(ConfigError, match="omit --features"):
        apply_classifier("shipped", find_cells(tmp_path / "cells"), tmp_path / "d.csv", source="2d")


def test_how_many_are_named_at_a_level(study):
    rows = [row for row in table(study / "levels.csv") if row["features"] == "2d"]
    assert rows[0]["level"] == "0.0"
    assert float(rows[0]["named"]) == 1
    named = [float(row["named"]) for row in rows if row["classifier"] == "forest"]
    assert named == sorted(named, reverse=True)
    assert "is kept" in (study / "report.md").read_text(encoding="utf-8")


def test_outlines_tell_classes_and_scores(tmp_path):
    kinds = ("-1.00_spherocyte", "1.00_echinocyte_III", "B_keratocytes")
    simulate_folder(tmp_path / "known", 60, seed=1, types=kinds, test_fraction=0)
    simulate_folder(tmp_path / "new", 15, seed=8, types=kinds, test_fraction=0)
    cells, new = find_cells(tmp_path / "known"), find_cells(tmp_path / "new")
    settings = ClassifySettings(features=("outline",), classifiers=("linear",), folds=2)
    study = tmp_path / "study"
    results = classify(cells, study, settings, pictures=False, audit="all", jobs=1)
    assert all(result.audited for result in results)
    assert load_kept(study).types == kinds
    assert load_kept(study).classes == ("SDE", "keratocytes")
    assert "sde_score of SDE cells is off by 0." in (study / "report.md").read_text("utf-8")
    rows = apply_classifier(study, new, tmp_path / "c.csv", jobs=1)
    assert sum(row["predicted_class"] == row["class"] for row in rows) >= 13
    for row in rows:
        if row["predicted_class"] == "SDE" == row["class"]:
            assert abs(row["sde_score"] - float(row["name"].split("_")[0])) < 0.8
        elif row["predicted_class"] == "keratocytes":
            assert row["sde_score"] == ""
