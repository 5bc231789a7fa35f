"""The whole experiment on simulated cells, with made-up predictions."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from dispr.cells.folder import find_cells
from dispr.cells.read import read_obj
from dispr.errors import ConfigError, DisprError, FileError
from dispr.prediction.files import PredictionFolder
from dispr.simulation.folder import simulate_folder
from dispr.study import measure_cells
from dispr.study.classify import classify
from dispr.study.feature_sources import Sources
from dispr.study.fold_data import training_rows
from dispr.study.folds import class_of, make_split, read_split
from dispr.study.measure_cells import SAMPLES, SECTION, TRUTH, measure_all, tasks_of
from dispr.study.provenance import Predictions
from dispr.study.settings import SOURCES, ClassifySettings

TYPES = ("0.00_discocyte", "B_keratocytes", "C_knizocytes")
SHAPES = 2


def quick_features(body, published=False):
    """Measure what takes no time; `test_measures` looks at the real measures."""
    z, y, x = np.nonzero(body)
    return {
        "shape_volume": float(len(z)),
        "shape_height": float(np.ptp(z)),
        "shape_spread": float(y.std() + x.std()),
    }


@pytest.fixture(scope="module", autouse=True)
def quick(few_trees):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure_cells, "shape_features", quick_features)
        yield


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    root = tmp_path_factory.mktemp("cells")
    simulate_folder(root, 24, seed=1, types=TYPES, test_fraction=0.5)
    return find_cells(root)


@pytest.fixture(scope="module")
def predictions(cells, tmp_path_factory):
    """Shapes that are the true ones, moved; the last by more."""
    out = tmp_path_factory.mktemp("predictions")
    for file in cells:
        body = read_obj(file.obj) > 127
        samples = np.stack([np.roll(body, k, axis=2) for k in range(SHAPES)])
        samples[-1, :32] = False
        PredictionFolder(out).write(file.name, samples, samples.mean(axis=0))
    return Predictions(out, frozenset(), "made up")


def sources_of(cells, predictions, split, folder=None, features=SOURCES):
    found = {f.key: predictions for f in split}
    return Sources(cells, ClassifySettings(features=features), found, folder, jobs=1)


@pytest.fixture(scope="module")
def split(cells):
    return make_split([file.name for file in cells], folds=2)


@pytest.fixture(scope="module")
def known(cells, predictions, split, tmp_path_factory):
    return sources_of(cells, predictions, split, tmp_path_factory.mktemp("features"))


def test_each_cell_is_measured_by_itself(cells, known):
    one = measure_all(tasks_of(TRUTH, cells[3:4]), jobs=1)
    both = known.truth.rows_of([cells[3].name])
    np.testing.assert_array_equal(one.values, both.values)
    expected = quick_features(read_obj(cells[3].obj) > 127)
    assert dict(zip(both.columns, both.values[0], strict=True)) == pytest.approx(expected)


def test_columns_of_the_sources(known, split):
    fold = next(iter(split))
    section = set(known.section.columns)
    shape = set(known.truth.columns)
    expected = {
        "2d": section,
        "truth": section | shape,
        "augmented": section | shape,
        "single": section | shape,
        "cylinder": section | shape,
        "predicted": section | {f"{k}_{c}" for k in ("consensus", "mean", "sd") for c in shape},
    }
    for source, columns in expected.items():
        data = known.data(source, fold)
        assert set(data.base.columns) == columns, source
        assert sorted(data.base.names) == sorted(file.name for file in known.files)


def test_augmented_rows(cells, predictions, known, split):
    by_name = {file.name: file for file in cells}
    for fold in split:
        data = known.data("augmented", fold)
        rows = training_rows(data)
        extra = rows.names[len(fold.train) :]
        minority = [n for n in fold.train if class_of(n) != "SDE"]
        assert sorted(extra) == sorted(minority * SHAPES)
        assert not set(rows.names) & set(fold.test)
        # Not even on the shelf: no shape of a test cell is handed over.
        assert not set(data.extra.names) & set(fold.test)
        # An extra row has the section of its cell and a predicted shape.
        place = rows.names.index(extra[0], len(fold.train))
        row = dict(zip(rows.columns, rows.values[place], strict=True))
        measured = measure_all(tasks_of(SAMPLES, [by_name[extra[0]]], predictions.folder), jobs=1)
        k = rows.samples[place]
        for column, value in zip(measured.columns, measured.values[k], strict=True):
            assert row[column] == value
        section = known.section.rows_of([extra[0]])
        for column, value in zip(section.columns, section.values[0], strict=True):
            assert row[column] == value


def test_single_shapes(known, split):
    fold = next(iter(split))
    data = known.data("single-augmented", fold)
    assert set(data.base.samples) == {0}
    assert set(data.extra.samples) == set(range(1, SHAPES))


def test_only_shapes_that_are_needed_are_measured(cells, predictions, split):
    known = sources_of(cells, predictions, split, features=("truth", "augmented"))
    known.data("augmented", next(iter(split)))
    ((_, table),) = [(k, t) for k, t in known._tables.items() if k[0] == "samples"]
    assert {class_of(name) for name in table.names} == {"keratocytes", "knizocytes"}


def test_folds_with_predictions_of_their_own(cells, predictions, split, tmp_path):
    """For augmentation, a fold's model has to predict the minority's training cells alone."""
    found = {}
    for fold in split:
        folder = tmp_path / fold.key
        for name in fold.train:
            if class_of(name) != "SDE":
                samples = PredictionFolder(predictions.folder).samples(name)
                PredictionFolder(folder).write(name, samples, samples.mean(axis=0))
        found[fold.key] = dataclasses.replace(predictions, folder=folder, seen=set(fold.train))
    settings = ClassifySettings(features=("augmented",))
    study = Sources(cells, settings, found, tmp_path / "features", jobs=1)
    for fold in split:
        extra = study.data("augmented", fold).extra
        assert set(extra.names) == {name for name in fold.train if class_of(name) != "SDE"}
        assert (tmp_path / "features" / f"{fold.key}_samples.csv").is_file()


def test_predictions_that_leak_are_refused(cells, predictions, split):
    fold = next(iter(split))
    leaking = dataclasses.replace(predictions, seen=frozenset(fold.test[:1]))
    with pytest.raises(ConfigError, match="trained on 1 of the"):
        sources_of(cells, leaking, split).data("augmented", fold)
    with pytest.raises(ConfigError, match="need predictions"):
        Sources(cells, ClassifySettings()).data("predicted", fold)
    with pytest.raises(ConfigError, match='not "3d"'):
        Sources(cells, ClassifySettings()).data("3d", fold)


def test_measured_features_are_kept(cells, tmp_path, monkeypatch, told):
    tasks = tasks_of(SECTION, cells[:4])
    first = measure_all(tasks, tmp_path / "section.csv", jobs=1)
    measured = []
    monkeypatch.setattr(
        measure_cells, "_measure", lambda task: measured.append(task.name) or [{"area": 1.0}]
    )
    again = measure_all(tasks, tmp_path / "section.csv", jobs=1)
    np.testing.assert_array_equal(again.values, first.values)
    assert not measured
    # Another file, and what its old features were, is not taken for the new.
    other = dataclasses.replace(tasks[0], paths=tasks[1].paths)
    measure_all([other, *tasks[1:]], tmp_path / "section.csv", jobs=1)
    assert measured == [tasks[0].name]
    (tmp_path / "section.csv").write_text("damaged")
    seen = told()
    measure_all(tasks, tmp_path / "section.csv", jobs=1, progress=seen)
    assert len(measured) == 1 + len(tasks)
    (note,) = seen.notes
    assert "section.csv is damaged" in note
    assert "measured again" in note


def test_an_interrupted_table_goes_on(cells, tmp_path, monkeypatch):
    tasks = tasks_of(SECTION, cells[:4])
    original = measure_cells._measure

    def stop_at_the_third(task):
        if task is tasks[2]:
            raise KeyboardInterrupt
        return original(task)

    monkeypatch.setattr(measure_cells, "_measure", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        measure_all(tasks, tmp_path / "section.csv", jobs=1)
    measured = []
    monkeypatch.setattr(
        measure_cells, "_measure", lambda task: measured.append(task) or original(task)
    )
    table = measure_all(tasks, tmp_path / "section.csv", jobs=1)
    assert measured == tasks[2:]
    assert table.names == tuple(task.name for task in tasks)


def test_classes_to_augment_must_be_there(cells, tmp_path):
    with pytest.raises(ConfigError, match="no cell belongs to the classes that augmented adds"):
        classify(
            cells, tmp_path, ClassifySettings(features=("augmented",), minority=("cell_clusters",)),
            predictions=tmp_path,
        )  # fmt: skip
    assert not (tmp_path / "folds.csv").exists()


def test_missing_shapes(cells, tmp_path):
    with pytest.raises(FileError, match="does not exist; predict the cell"):
        tasks_of(SAMPLES, cells[:1], tmp_path)
    with pytest.raises(FileError, match="has no 3D shape"):
        tasks_of(TRUTH, [dataclasses.replace(cells[0], obj=None)])


def test_study(cells, tmp_path, monkeypatch):
    study = ClassifySettings(features=("2d", "truth", "ellipsoid"), folds=2, repeats=2, trees=20)
    results = classify(cells, tmp_path, study, jobs=1, audit="all")
    assert len(results) == 3 * 2 * 2
    assert all(result.audited for result in results)
    for source in study.features:
        for repeat in (0, 1):
            tested = [
                n for r in results if (r.source, r.repeat) == (source, repeat) for n in r.names
            ]
            assert sorted(tested) == sorted(file.name for file in cells)
    assert read_split(tmp_path / "folds.csv").folds == make_split(
        [file.name for file in cells], folds=2, repeats=2
    ).folds  # fmt: skip
    for name in ("f1.png", "confusion.png", "importances.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    report = (tmp_path / "report.md").read_text()
    assert "24 cells of 3 classes, 2 folds, repeats: 2" in report
    assert "12 of 12 fits were repeated" in report
    with open(tmp_path / "summary.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["features"] for row in rows] == list(study.features)
    assert 0 < float(rows[1]["pooled_macro_f1_mean"]) <= 1
    with open(tmp_path / "confusion.csv", newline="") as file:
        counts = list(csv.DictReader(file))
    assert sum(int(row[c]) for row in counts for c in ("SDE", "keratocytes", "knizocytes")) == (
        3 * 2 * 24
    )

    # The same call computes nothing again, and finds the same.
    import dispr.study.cross_validation as cross_validation

    monkeypatch.setattr(cross_validation, "classify_fold", None)
    assert classify(cells, tmp_path, study, jobs=1, audit="all", pictures=False) == results
    # Other folds are computed anew.
    with pytest.raises(TypeError):
        classify(cells, tmp_path, dataclasses.replace(study, seed=1), jobs=1, pictures=False)


def test_a_damaged_result_is_computed_again(cells, tmp_path, told):
    study = ClassifySettings(folds=2, classifiers=("forest", "boosting"), trees=20)
    results = classify(cells, tmp_path, study, jobs=1, pictures=False, audit="none")
    paths = sorted((tmp_path / "results").glob("*.json"))
    assert len(paths) == 4
    paths[0].write_text(json.dumps({"key": "other"}))
    paths[1].write_text("damaged")
    key = json.loads(paths[2].read_text())["key"]
    paths[2].write_text(json.dumps({"key": key, "names": 3}))
    (tmp_path / "dispr_checksums.txt").unlink()  # with which all are found to be changed
    seen = told()
    notes = seen.notes
    settings = {"pictures": False, "audit": "none", "progress": seen}
    assert classify(cells, tmp_path, study, jobs=1, **settings) == results
    # The first is one of other settings, and the forest comes before boosting.
    assert len(notes) == 2
    for path, note in zip(paths[2:0:-1], notes, strict=True):
        assert f"{path} is damaged" in note
        assert "computed again" in note
    paths[2].write_text(json.dumps({"key": "other"}))
    assert classify(cells, tmp_path, study, jobs=1, **settings) == results
    assert f"{paths[2]} is damaged, or was changed" in notes[2]


def test_a_missing_package_is_told_first(cells, tmp_path, monkeypatch):
    monkeypatch.setattr("dispr.study.packages.find_spec", lambda name: None)
    told = r"scikit-learn is required but not installed.*dispr\[study\]"
    with pytest.raises(DisprError, match=told):
        classify(cells, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"features": ("predicted",)}, "give them by --predictions"),
        ({"features": ()}, "at least one source"),
        ({"minority": ("platelets",)}, "platelets is not one of the published classes"),
        ({"unseen": True}, "one folder of predictions"),
        ({"classifiers": ("svm",)}, 'not "svm"'),
    ],
)
def test_bad_settings(settings, sentence, cells, tmp_path):
    with pytest.raises(ConfigError, match=sentence):
        classify(cells, tmp_path / "out", ClassifySettings(**settings))
    assert not (tmp_path / "out").exists()
