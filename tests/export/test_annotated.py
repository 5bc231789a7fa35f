"""What is written as AnnData is what the tables say, cell by cell and measure by measure."""

import csv
import math
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from dispr.cli.export import command
from dispr.cli.main import cli
from dispr.errors import ConfigError, FileError
from dispr.export.columns import KINDS, Columns
from dispr.files import write_csv
from dispr.intervals.ensemble import STATISTICS
from dispr.intervals.rules import Intervals, Rule
from dispr.measurements.folder import measure_items, write_record
from dispr.measurements.inputs import find_items, with_intervals
from dispr.parquet import write_table
from dispr.prediction.files import PredictionFolder

anndata = pytest.importorskip("anndata")

RULES = Intervals(0.8, 20, {2: {"volume": Rule(1.0, 0.5), "surface": Rule(1.0, 0.5)}})
RECORD = {"model": "0123456789abcdef", "dispr": "0.1.0", "ensemble": 2, "made": {"weights": "fast"}}


def export(source, out):
    result = CliRunner().invoke(command, ["anndata", str(source), "-o", str(out)])
    assert result.exit_code == 0, result.output
    return anndata.read_h5ad(out)


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def predict(folder, names, voxel_size=0.25):
    """Write predictions of boxes; the second cell has a warning."""
    drawn = PredictionFolder(folder)
    rows = []
    for i, name in enumerate(names):
        samples = np.zeros((2, 64, 64, 64), bool)
        samples[0, 20 : 30 + 4 * i, 20:40, 20:40] = samples[1, 20:28, 20:40, 20:40] = True
        drawn.write(name, samples, samples.mean(0), voxel_size)
        row = {
            "name": name,
            "class": "",
            "samples": 2,
            "seed": 0,
            "sampler": "7",
            "volume_voxels": 3200,
            "volume_low_voxels": "" if i == 1 else 3000.5,
            "volume_high_voxels": "" if i == 1 else 5000.5,
            "interval_level": "" if i == 1 else 0.5,
            "familiarity": "" if i == 2 else 0.25 * i,
            "warning": "Odd, very." if i == 1 else "",
        }
        rows.append(row)
    write_csv(folder / "predictions.csv", rows)
    drawn.write_settings(RECORD)
    return folder


@pytest.fixture
def predictions(tmp_path):
    return predict(tmp_path / "predictions", ["a", "b", "c"])


def measure(folder):
    items = with_intervals(find_items(folder), folder, RULES)
    measure_items(items, folder / "measurements.csv", jobs=1)
    write_record(folder, items)


def same(written, rows):
    """Assert that all numbers are those of the rows of a table; count those that are there."""
    statistics = {"": written.X, **written.layers}
    count = 0
    for i, row in enumerate(rows):
        for j, name in enumerate(written.var_names):
            unit = written.var["unit"].iloc[j]
            for statistic, values in statistics.items():
                parts = (written.var["measure"].iloc[j], statistic, unit)
                column = "_".join(filter(None, parts))
                assert statistic or column == name
                text = row.get(column, "")
                assert values[i, j] == float(text) if text else math.isnan(values[i, j]), column
                count += bool(text)
    return count


def test_all_measures_of_predictions(predictions, tmp_path):
    measure(predictions)
    written = export(predictions, tmp_path / "cells.h5ad")
    rows = read(predictions / "measurements.csv")
    assert list(written.obs_names) == ["a", "b", "c"]
    assert written.shape == (3, 46)
    assert written.X.dtype == np.float64
    assert set(written.layers) == set(STATISTICS)
    stated = sum(bool(value) for row in rows for value in row.values())
    about = sum(
        bool(v) for row in rows for v in list(row.values())[: list(row).index("volume_um3")]
    )
    assert same(written, rows) == stated - about > 3 * 46 * 4
    # The volumes are those of the boxes, and not only those of the table.
    volume = written[:, "volume_um3"]
    assert volume.X.ravel() == pytest.approx([400 * 8 / 64] * 3)
    assert volume.layers["max"].ravel() == pytest.approx([400 * z / 64 for z in (10, 14, 18)])
    low, high = (volume.layers[end].ravel() for end in ("low", "high"))
    assert np.isnan([low[1], high[1]]).all()
    assert low[0] < 400 * 8 / 64 < high[0]
    assert written.var.loc["volume_um3", ["measure", "unit"]].tolist() == ["volume", "um3"]
    assert written.var.loc["sphericity", "unit"] == ""
    assert "Wadell" in written.var.loc["sphericity", "source"]
    about = written.uns["dispr"]
    assert about["units"] == written.var["unit"].to_dict()
    # The level of the measures, not that of the table of the prediction.
    assert about["interval_level"] == 0.8
    assert written.obs["interval_level"].tolist()[::2] == [0.8, 0.8]
    assert about["weights_checksum"] == "0123456789abcdef"
    assert (about["predicted_by"], about["weights"]) == ("0.1.0", "fast")
    assert "spatial" not in written.obsm


def test_what_else_is_known_of_cells(predictions, tmp_path):
    obs = export(predictions, tmp_path / "cells.h5ad").obs
    assert obs["warning"].cat.categories.tolist() == ["Odd, very."]
    assert obs["warning"].isna().tolist() == [True, False, True]
    assert obs["familiarity"].tolist()[:2] == [0, 0.25]
    assert math.isnan(obs["familiarity"].iloc[2])
    assert obs["samples"].dtype == np.int64
    assert obs["sampler"].tolist() == ["7", "7", "7"]
    assert obs["class"].isna().all()


def test_predictions_that_were_not_measured(predictions, tmp_path):
    arguments = ["anndata", str(predictions), "-o", str(tmp_path / "cells.h5ad")]
    result = CliRunner().invoke(command, arguments)
    assert "dispr measure FOLDER" in result.output
    written = anndata.read_h5ad(tmp_path / "cells.h5ad")
    assert list(written.var_names) == ["volume_voxels"]
    assert set(written.layers) == {"low", "high"}
    assert same(written, read(predictions / "predictions.csv")) == 7
    assert written.uns["dispr"]["interval_level"] == 0.5


def test_measures_of_other_shapes_are_refused(predictions, tmp_path):
    measure(predictions)
    other = np.zeros((2, 64, 64, 64), bool)
    other[:, 20:50, 20:50, 20:50] = True
    PredictionFolder(predictions).write("b", other, other.mean(0), 0.25)
    with pytest.raises(FileError, match=r"not describe the shape of b .*--all"):
        export_error(predictions, tmp_path / "cells.h5ad")
    assert not (tmp_path / "cells.h5ad").exists()


def export_error(source, out):
    arguments = ["export", "anndata", str(source), "-o", str(out)]
    cli.main(arguments, standalone_mode=False)


def field_rows(names, unit="um"):
    return [
        {
            "name": name,
            "label": i + 1,
            "y_px": 10 + i,
            "x_px": 20 + i,
            "area_px": 300,
            **({"y_um": 1 + i, "x_um": 2 + i, "area_um2": 9.5} if unit == "um" else {}),
            "touches_border": i % 2,
            "frame_px": 64,
            "warning": "",
            "predicted_class": "" if i else "SDE",
            "class_probability": "" if i else 0.875,
            f"volume_{unit}3": 99.5,
            f"volume_low_{unit}3": 88.5,
            f"volume_high_{unit}3": 111.5,
        }
        for i, name in enumerate(names)
    ]


def test_cells_of_a_field(tmp_path):
    folder = predict(tmp_path / "out", ["f_1", "f_2"])
    (folder / "field.json").write_text("{}")
    rows = field_rows(["f_1", "f_2"])
    rows[1]["warning"] = "Touches the border. Odd, very."
    rows += [{**dict.fromkeys(rows[0], ""), "name": "f_3", "warning": "Too small."}]
    rows[2] |= {"label": 3, "y_px": 5, "x_px": 6, "y_um": 0.5, "x_um": 0.6, "frame_px": 64}
    write_csv(folder / "cells.csv", rows)
    written = export(folder, tmp_path / "cells.h5ad")
    assert list(written.var_names) == ["volume_um3"]
    assert same(written, read(folder / "cells.csv")) == 6
    assert written.obsm["spatial"].tolist() == [[2, 1], [3, 2], [0.6, 0.5]]  # X, Y
    assert written.uns["dispr"]["spatial_unit"] == "um"
    assert written.obs["predicted_class"].tolist()[0] == "SDE"
    assert written.obs["class_probability"].tolist()[0] == 0.875
    assert written.obs["area_um2"].tolist()[:2] == [9.5, 9.5]
    # With all its measures: those, and nothing of the short table.
    measure(folder)
    written = export(folder, tmp_path / "cells.h5ad")
    assert written.shape == (3, 46)
    measured = read(folder / "measurements.csv")
    assert same(written, [*measured, {}]) > 46 * 2 * 4
    assert np.isnan(written.X[2]).all()
    assert written.obs["warning"].tolist()[1:] == ["Touches the border. Odd, very.", "Too small."]
    assert written.obs["label"].tolist() == [1, 2, 3]


def test_cells_of_several_fields(tmp_path):
    """Cells that are called alike are told apart by their field."""
    rows = []
    others = {"model": "fedcba9876543210", "made": {"weights": ""}}
    for field, record in (("f", RECORD), ("g", RECORD | others)):
        predict(tmp_path / "out" / field, ["x_1"])
        PredictionFolder(tmp_path / "out" / field).write_settings(record)
        measure(tmp_path / "out" / field)
        rows += [{"field": field, **row} for row in field_rows(["x_1"], "px")]
    write_csv(tmp_path / "out" / "cells.csv", rows)
    written = export(tmp_path / "out", tmp_path / "cells.h5ad")
    assert list(written.obs_names) == ["f/x_1", "g/x_1"]
    assert written.shape == (2, 46)
    assert written.obsm["spatial"].tolist() == [[20, 10]] * 2
    assert written.uns["dispr"]["spatial_unit"] == "px"
    assert written.obs["touches_border"].tolist() == [False, False]
    checksums = written.uns["dispr"]["weights_checksum"]
    assert list(checksums) == ["0123456789abcdef", "fedcba9876543210"]
    assert list(written.uns["dispr"]["weights"]) == ["", "fast"]
    assert written.uns["dispr"]["predicted_by"] == "0.1.0"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_of_measures(predictions, tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    measure(predictions)
    rows = read(predictions / "measurements.csv")
    items = with_intervals(find_items(predictions), predictions, RULES)
    measure_items(items, tmp_path / f"cells.{ending}", jobs=1)
    written = export(tmp_path / f"cells.{ending}", tmp_path / "cells.h5ad")
    assert same(written, rows) > 3 * 46 * 4
    assert written.obs["voxel_x_um"].tolist() == [0.25] * 3
    assert written.obs["warning"].tolist()[1] == "Odd, very."
    assert "weights_checksum" not in written.uns["dispr"]


def test_a_parquet_file_without_names(tmp_path):
    pytest.importorskip("pyarrow")
    write_table(tmp_path / "t.parquet", [{"cell": "a", "volume_um3": 1.5}])
    with pytest.raises(FileError, match="no column name; give a table of dispr measure"):
        export_error(tmp_path / "t.parquet", tmp_path / "t.h5ad")


def test_columns_that_a_user_added(tmp_path):
    """Numbers are numbers; what only looks like one stays what it is."""
    table = tmp_path / "t.csv"
    table.write_text(
        "name;volume_um3;Donor;plate;dose;run;note\na;1.5;1;007;0.5;1;1_000\nb;NA;2;008;;2;x\n"
    )
    written = export(table, tmp_path / "t.h5ad")
    obs = written.obs
    assert obs["donor"].tolist() == ["1", "2"]
    assert obs["plate"].tolist() == ["007", "008"]
    assert obs["note"].tolist() == ["1_000", "x"]
    assert obs["run"].tolist() == [1, 2]
    assert obs["dose"].tolist()[0] == 0.5
    assert written.X[0, 0] == 1.5
    assert np.isnan(written.X[1, 0])


def test_cells_in_um_and_others_in_voxels(tmp_path):
    """Numbers of two units are never in one column."""
    rows = [
        {"name": "a", "volume_um3": 1.5, "volume_voxels": "", "boundary_voxels": 3},
        {"name": "b", "volume_um3": "", "volume_voxels": 96, "boundary_voxels": 4},
    ]
    write_csv(tmp_path / "t.csv", rows)
    written = export(tmp_path / "t.csv", tmp_path / "t.h5ad")
    assert list(written.var_names) == ["volume_um3", "volume_voxels", "boundary_voxels"]
    np.testing.assert_array_equal(written.X, [[1.5, np.nan, 3], [np.nan, 96, 4]])
    # Where all cells have both, the second says nothing new.
    write_csv(tmp_path / "t.csv", [{**row, "volume_um3": 1.5} for row in rows])
    written = export(tmp_path / "t.csv", tmp_path / "t.h5ad")
    assert list(written.var_names) == ["volume_um3", "boundary_voxels"]
    assert "volume_voxels" not in written.obs


def test_sections(tmp_path):
    rows = [
        {
            "name": "a",
            "split": "test",
            "pixel_size_um": 0.1,
            "area_um2": 7.5,
            "solidity": 0.5,
            "hu_1": 2,
        }
    ]
    write_csv(tmp_path / "t.csv", rows)
    written = export(tmp_path / "t.csv", tmp_path / "t.h5ad")
    assert list(written.var_names) == ["area_um2", "solidity", "hu_1"]
    assert written.var.loc["solidity", "formula"].startswith("A divided")
    assert list(written.obs) == ["split", "pixel_size_um"]
    assert list(written.obs_names) == ["a"]
    write_csv(tmp_path / "t.csv", [*rows, {**rows[0], "split": "train"}])
    written = export(tmp_path / "t.csv", tmp_path / "t.h5ad")
    assert list(written.obs_names) == ["test/a", "train/a"]
    assert not written.layers


def test_no_column_is_of_two_measures():
    for features, units in KINDS:
        for unit in units:
            names = [f.column(unit, s).lower() for f in features for s in ("", *STATISTICS)]
            assert len(set(names)) == len(names)
            assert len(Columns(names).all) == len(names)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"name": "a", "volume_um3": "x"}], "'x' for the volume_um3 of a"),
        ([{"name": "a", "volume_um3": "inf"}], "'inf' for the volume_um3 of a"),
        ([{"name": "a", "dose": "1"}], "no measures"),
        ([{"name": "a", "volume_um3": 1}] * 2, "two rows of a"),
        ([{"name": "", "volume_um3": 1}], "without a name"),
        ([{"name": "a", "volume_um3": 1, "a/b": 1}], "a column 'a/b'"),
        ([{"cell": "a", "volume_um3": 1}], "must have the columns name"),
    ],
)
def test_tables_that_cannot_be_written(tmp_path, rows, message):
    write_csv(tmp_path / "t.csv", rows)
    with pytest.raises(FileError, match=message):
        export_error(tmp_path / "t.csv", tmp_path / "t.h5ad")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_other_faults_are_one_sentence(tmp_path, monkeypatch):
    write_csv(tmp_path / "t.csv", [{"name": "a", "volume_um3": 1}])
    (tmp_path / "empty").mkdir()
    write_table(tmp_path / "empty.csv", [{"name": "", "volume_um3": ""}])
    for source, out, message in (
        ("t.csv", "t.csv", "must end in .h5ad"),
        ("nothing", "t.h5ad", "does not exist"),
        ("empty", "t.h5ad", "contains no predictions"),
        ("empty.csv", "t.h5ad", "has no rows"),
    ):
        arguments = ["export", "anndata", str(tmp_path / source), "-o", str(tmp_path / out)]
        with pytest.raises(FileError, match=message):
            cli.main(arguments, standalone_mode=False)
    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(ConfigError, match=r"pip install 'dispr\[anndata\]'"):
        export_error(tmp_path / "t.csv", tmp_path / "t.h5ad")
