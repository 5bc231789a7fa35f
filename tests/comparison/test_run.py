import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import dispr
from dispr.cells.folder import find_cells
from dispr.cli.compare import command
from dispr.comparison import values
from dispr.comparison.known import prediction_powered
from dispr.comparison.sample import Sample
from dispr.errors import ConfigError, FileError
from dispr.files import write_csv
from dispr.model.weights import Weights, save_weights
from dispr.network.config import UNetConfig
from dispr.prediction.files import PredictionFolder

A = [100.0, 110.0, 95.0, 105.0, 120.0]
B = [130.0, 125.0, 140.0, 128.0]


def table(path, volumes, extra=None, predicted=False):
    """Write a table as that of `dispr measure`."""
    extra = extra or {}
    rows = [
        {"name": f"{path.stem}{i}", "volume_um3": v, "sphericity": 0.9 - v / 1000}
        | ({"samples": 5} if predicted else {})
        | {name: column[i] for name, column in extra.items()}
        for i, v in enumerate(volumes)
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ball(radius):
    z, y, x = np.mgrid[:64, :64, :64] - 32.0
    return z**2 + y**2 + x**2 < radius**2


def predictions(folder, radii, **settings):
    """Write predicted balls, by a model that is not known."""
    drawn = PredictionFolder(folder)
    for i, radius in enumerate(radii):
        drawn.write(f"cell{i}", ball(radius)[None], ball(radius).astype(np.float32), 0.5)
    drawn.write_settings({"model": "0123", "ensemble": 1} | settings)
    return folder


@pytest.fixture
def tables(tmp_path):
    return table(tmp_path / "control.csv", A), table(tmp_path / "drug.csv", B)


def test_measured_tables_are_compared_and_written(tables, tmp_path):
    out = tmp_path / "out"
    found = dispr.compare(*tables, out=out, measures=("volume", "sphericity"))
    known = stats.ttest_ind(B, A, equal_var=False)
    rows = read(out / "comparison.csv")
    assert [row["measure"] for row in rows] == ["volume", "sphericity"]
    first = rows[0]
    assert (first["a"], first["b"], first["unit"]) == ("control", "drug", "µm³")
    assert (first["cells_a"], first["cells_b"], first["known_a"]) == ("5", "4", "0")
    assert float(first["difference"]) == pytest.approx(np.mean(B) - np.mean(A))
    assert float(first["difference_low"]) == pytest.approx(
        known.confidence_interval(0.95).low, rel=1e-6
    )
    assert float(first["p"]) == pytest.approx(known.pvalue, rel=1e-6)
    assert float(first["p_holm"]) == pytest.approx(2 * known.pvalue, rel=1e-6)
    assert first["superiority"] == "1.0"
    assert (first["method"], first["claim"]) == ("measured", "larger")
    cells = read(out / "cells.csv")
    assert [float(row["volume_um3"]) for row in cells] == A + B
    assert {row["condition"] for row in cells} == {"control", "drug"}
    record = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert record["rows"][0]["measure"] == "volume"
    assert record["unit"] == "cell"
    assert found.rows[0]["difference"] == pytest.approx(24.75)


def test_the_page_has_the_numbers_of_the_table_and_the_paragraph(tables, tmp_path):
    out = tmp_path / "out"
    found = dispr.compare(*tables, out=out, measures=("volume", "sphericity"))
    page = (out / "comparison.html").read_text(encoding="utf-8")
    for text in ("106", "131", "24.8", found.sentence.replace("'", "&#x27;")):
        assert text in page
    assert "In drug are larger: volume; smaller: sphericity." in page
    assert (out / "violins.svg").read_text(encoding="utf-8") in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    for warning in found.warnings:
        assert warning in page.replace("&#x27;", "'")


def test_the_paragraph_for_a_paper(tables, tmp_path):
    found = dispr.compare(*tables, out=tmp_path / "out", measures=("volume",))
    assert found.sentence == (
        f"3D shapes were measured with DISPR {dispr.__version__} (5 cells of control; 4 cells of "
        "drug). Means were compared by Welch's t test. In drug, compared with control, volume was "
        "larger by 24.8 µm³ (95 % CI 12.0 to 37.5 µm³; p = 0.0026; Hedges' g 2.61; probability of "
        "superiority 1.00)."
    )


def test_donors_of_tables_are_the_units(tmp_path):
    a = table(tmp_path / "a.csv", A, {"donor": ["x", "x", "y", "y", "z"]})
    b = table(tmp_path / "b.csv", B, {"donor": ["u", "u", "v", "v"]})
    found = dispr.compare(a, b, out=tmp_path / "out", measures=("volume",))
    known = stats.ttest_ind([127.5, 134], [105, 100, 120], equal_var=False)
    assert found.rows[0]["p"] == pytest.approx(known.pvalue, rel=1e-6)
    assert (found.rows[0]["donors_a"], found.rows[0]["donors_b"]) == (3, 2)
    assert any("only 2 donors" in text for text in found.warnings)
    assert "5 cells of a from 3 donors" in found.sentence


def test_one_donor_a_condition_allows_no_claim(tmp_path):
    a = table(tmp_path / "a.csv", A, {"donor": ["x"] * 5})
    b = table(tmp_path / "b.csv", B, {"donor": ["u"] * 4})
    found = dispr.compare(a, b, out=tmp_path / "out", measures=("volume",))
    assert found.rows[0]["claim"] == "no claim"
    assert found.rows[0]["p_holm"] == ""
    assert any("The difference may be one between donors" in text for text in found.warnings)


def test_donors_in_both_conditions_are_pairs_only_if_told(tmp_path):
    donors = {"donor": list("xyzw")}
    a, b = table(tmp_path / "a.csv", A[:4], donors), table(tmp_path / "b.csv", B, donors)
    plain = dispr.compare(a, b, out=tmp_path / "1", measures=("volume",))
    assert any("add --paired" in text for text in plain.warnings)
    pairs = dispr.compare(a, b, out=tmp_path / "2", measures=("volume",), paired=True)
    assert pairs.rows[0]["p"] == pytest.approx(stats.ttest_rel(B, A[:4]).pvalue, rel=1e-6)
    assert plain.rows[0]["p"] == pytest.approx(
        stats.ttest_ind(B, A[:4], equal_var=False).pvalue, rel=1e-6
    )


def test_predictions_without_calibration_state_a_difference_and_claim_nothing(tmp_path):
    a = predictions(tmp_path / "a", [10, 11, 12])
    b = predictions(tmp_path / "b", [13, 14, 15])
    found = dispr.compare(a, b, out=tmp_path / "out", measures=("volume",), jobs=1)
    row = found.rows[0]
    volumes = [[ball(r).sum() / 8 for r in radii] for radii in ((10, 11, 12), (13, 14, 15))]
    assert row["difference"] == pytest.approx(np.mean(volumes[1]) - np.mean(volumes[0]))
    assert (row["p"], row["difference_low"], row["claim"]) == ("", "", "no claim")
    assert any("stated without intervals" in text for text in found.warnings)
    assert "Nothing is claimed of volume (the model has no calibration cells)." in found.sentence


def test_cells_of_several_known_planes_are_told(tmp_path):
    """Their errors are smaller than those of the calibration, which are of one section."""
    a, b = predictions(tmp_path / "a", [8, 9, 10]), predictions(tmp_path / "b", [9, 10, 11])
    rows = [{"name": f"cell{i}", "sections": n} for i, n in enumerate((1, 3, 2))]
    write_csv(b / "predictions.csv", rows)
    found = dispr.compare(a, b, out=tmp_path / "out")
    told = [text for text in found.warnings if "known planes" in text]
    assert [text.partition(" were")[0] for text in told] == ["2 of 3 cells of b"]


def test_cells_without_a_shape_do_not_count(tmp_path):
    a = predictions(tmp_path / "a", [10, 11, 0])
    b = predictions(tmp_path / "b", [13, 14])
    found = dispr.compare(a, b, out=tmp_path / "out", measures=("volume",), jobs=1)
    assert found.rows[0]["cells_a"] == 2
    assert found.rows[0]["mean_a"] == pytest.approx((ball(10).sum() + ball(11).sum()) / 16)
    assert any("1 of 3 cells of a have no volume" in text for text in found.warnings)


def test_what_was_measured_is_kept(tmp_path, monkeypatch):
    a = predictions(tmp_path / "a", [10, 11, 12])
    b = predictions(tmp_path / "b", [13, 14])
    first = dispr.compare(a, b, out=tmp_path / "out", jobs=1)
    measured = []
    real = values.shape_values
    monkeypatch.setattr(values, "shape_values", lambda body: measured.append(1) or real(body))
    assert dispr.compare(a, b, out=tmp_path / "out", jobs=1).rows == first.rows
    assert not measured
    PredictionFolder(b).write("cell1", ball(16)[None], ball(16).astype(np.float32), 0.5)
    again = dispr.compare(a, b, out=tmp_path / "out", jobs=1)
    assert len(measured) == 1
    assert again.rows[0]["mean_b"] > first.rows[0]["mean_b"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A tiny network that answers at once, with the cells that it was trained on."""
    import torch

    from dispr.diffusion.config import DiffusionConfig
    from dispr.model.config import ModelConfig
    from dispr.model.weights import build_network

    network = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")
    config = ModelConfig(network, DiffusionConfig(steps=50), sampling_steps="2")
    torch.manual_seed(0)
    built = build_network(config)
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, Weights(config, built.state_dict(), {"training_cells": ["discocyte0"]}))
    return path


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Four cells of each of two conditions, with their shapes."""
    from dispr.files import write_tiff

    root = tmp_path_factory.mktemp("cells")
    for label, first in (("disc", 8), ("round", 12)):
        for i in range(4):
            body = ball(first + i).astype(np.uint8) * 255
            for kind, array in (("obj", body), ("image", body[32] // 2), ("mask", body[32])):
                write_tiff(root / label / kind / f"{label}ocyte{i}.tif", array)
    return root


def test_folders_of_cells_are_predicted_and_known_cells_tell_the_errors(
    weights, cells, tmp_path, monkeypatch
):
    # Shapes of a network that was not trained are noise, which takes long to measure.
    monkeypatch.setattr(values, "shape_values", lambda body: {"volume": float(body.sum())})
    asked = {"measures": ("volume",), "jobs": 1, "weights": weights, "ensemble": 1}
    out = tmp_path / "out"
    found = dispr.compare(cells / "disc", cells / "round", known=cells, out=out, **asked)
    # One cell is known to the model.
    assert (found.rows[0]["known_a"], found.rows[0]["known_b"]) == (3, 4)
    assert any("1 of 8 known cells are skipped" in text for text in found.warnings)
    assert found.rows[0]["cells_a"] == 4
    rows = read(out / "cells.csv")
    samples = []
    for label in ("disc", "round"):
        own = [row for row in rows if row["condition"] == label]
        known = [row for row in own if row["volume_true_voxels"]]
        columns = ("volume_voxels", "volume_true_voxels")
        predicted, true = (np.array([float(row[c]) for row in known]) for c in columns)
        every = np.array([float(row["volume_voxels"]) for row in own])
        samples.append(Sample(every, None, predicted, true))
        assert true.tolist() == [
            ball(int(row["name"][-1]) + (8 if label == "disc" else 12)).sum() for row in known
        ]
    expected = prediction_powered(*samples).difference
    assert found.rows[0]["difference"] == pytest.approx(expected.value, rel=1e-6)
    assert found.rows[0]["difference_high"] == pytest.approx(expected.high, rel=1e-6)
    assert found.rows[0]["method"] == "known cells"


def test_too_few_known_cells_are_refused(weights, cells, tmp_path):
    few = tmp_path / "few"
    for file in find_cells(cells, need_obj=True):
        if file.name[-1] in "0123"[: 3 if file.group == "disc" else 4]:
            for kind in ("image", "mask", "obj"):
                target = few / file.group / kind / f"{file.name}.tif"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(getattr(file, kind).read_bytes())
    asked = {"jobs": 1, "weights": weights, "ensemble": 1, "out": tmp_path / "out"}
    with pytest.raises(ConfigError, match="disc has 2 cells of known shape"):
        dispr.compare(cells / "disc", cells / "round", known=few, **asked)
    assert not (tmp_path / "out").exists()


def test_groups_of_one_folder_are_compared(tmp_path):
    groups = ["treated", "control", "treated", "control", "other"]
    path = table(tmp_path / "all.csv", A, {"group": groups})
    out = tmp_path / "out"
    asked = {"measures": ("volume",), "conditions": ("control", "treated")}
    row = dispr.compare(path, out=out, **asked).rows[0]
    assert (row["a"], row["mean_a"], row["b"], row["mean_b"]) == ("control", 107.5, "treated", 97.5)
    with pytest.raises(ConfigError, match="has the groups control, other, treated; name two"):
        dispr.compare(path, out=tmp_path / "out2")
    with pytest.raises(ConfigError, match="no cells of the group absent"):
        dispr.compare(path, out=tmp_path / "out2", conditions=("control", "absent"))


def test_conditions_with_the_same_name_are_told_apart_by_their_folders(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    a, b = (table(tmp_path / name / "cells.csv", A) for name in ("one", "two"))
    row = dispr.compare(a, b, out=tmp_path / "out", measures=("volume",)).rows[0]
    assert (row["a"], row["b"]) == ("one/cells", "two/cells")


def test_another_comparison_in_the_folder_is_refused(tables, tmp_path):
    out = tmp_path / "out"
    dispr.compare(*tables, out=out, measures=("volume",))
    dispr.compare(*tables, out=out, measures=("sphericity",))  # of the same cells
    assert read(out / "comparison.csv")[0]["measure"] == "sphericity"
    with pytest.raises(ConfigError, match="contains a comparison with other settings"):
        dispr.compare(*tables[::-1], out=out)


def test_tables_are_read_with_care(tmp_path):
    good = table(tmp_path / "good.csv", A)
    for name, text, words in (
        ("empty.csv", "name,volume_um3\n", "has no rows"),
        ("twice.csv", "name,volume_um3\nx,1\nx,2\n", "two rows of x"),
        ("none.csv", "name,area_um2\nx,1\ny,2\n", "no measures of 3D shapes"),
        ("word.csv", "name,volume_um3\nx,big\n", 'the volume_um3 "big" is not a number'),
        ("voxels.csv", "name,volume_voxels\nx,1\ny,2\n", "different units"),
        ("drawn.csv", "name,samples,volume_um3\nx,5,1\ny,5,2\n", "one table is of predicted"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises((FileError, ConfigError), match=words):
            dispr.compare(good, tmp_path / name, out=tmp_path / f"out_{name}")
        assert not (tmp_path / f"out_{name}").exists()


def test_what_cannot_be_compared_is_refused_in_one_sentence(tables, tmp_path):
    a = predictions(tmp_path / "a", [10, 11])
    b = predictions(tmp_path / "b", [10, 11], ensemble=3)
    for given, words in (
        ({"a": tables[0], "b": tables[0]}, "is given twice"),
        ({"a": tables[0], "b": tmp_path / "absent.csv"}, "absent.csv"),
        ({"a": tables[0], "b": a}, "are not alike"),
        ({"a": a, "b": b}, r"different settings \(ensemble\)"),
        ({"a": tables[0], "b": tables[1], "paired": True}, "pairs need at least two donors"),
        ({"a": tables[0], "b": tables[1], "level": 95.0}, "level must be between 0 and 1"),
        ({"a": tables[0], "b": tables[1], "measures": ("volume_um3",)}, "is not a measure"),
        ({"a": tables[0], "b": tables[1], "seed": 1}, "seed does not apply"),
        ({"a": tables[0], "b": tables[1], "conditions": ("x", "x")}, "two different names"),
    ):
        with pytest.raises((FileError, ConfigError), match=words):
            dispr.compare(**given, out=tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_the_command_prints_the_table_the_paragraph_and_warnings(tables, tmp_path):
    out = tmp_path / "out"
    done = CliRunner().invoke(
        command, [*map(str, tables), "-o", str(out), "--measures", "volume,sphericity"]
    )
    assert done.exit_code == 0, done.output
    assert "24.8" in done.output
    assert "In drug, compared with control" in done.output
    assert "Warning: No donors are given" in done.output
    assert (out / "comparison.html").is_file()


def test_a_pilot_without_error_of_prediction_plans_nothing(tables, tmp_path):
    done = CliRunner().invoke(
        command, [*map(str, tables), "-o", str(tmp_path / "out"), "--measures", "volume", "--plan"]
    )
    assert isinstance(done.exception, ConfigError)
    assert "does not tell how predictions err" in str(done.exception)


def test_a_known_cell_with_the_name_of_another_section_is_refused(
    weights, cells, tmp_path, monkeypatch
):
    monkeypatch.setattr(values, "shape_values", lambda body: {"volume": float(body.sum())})
    swapped = tmp_path / "swapped"
    files = {file.name: file for file in find_cells(cells, need_obj=True)}
    for name in files:
        other = name if name != "roundocyte1" else "roundocyte2"
        for kind in ("image", "mask", "obj"):
            target = swapped / kind / f"{name}.tif"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(getattr(files[other], kind).read_bytes())
    asked = {"jobs": 1, "weights": weights, "ensemble": 1, "out": tmp_path / "out"}
    with pytest.raises(ConfigError, match="roundocyte1 of the known cells has another section"):
        dispr.compare(cells / "disc", cells / "round", known=swapped, **asked)
