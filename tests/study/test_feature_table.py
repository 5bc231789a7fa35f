import numpy as np
import pytest

from dispr.errors import ConfigError, FileError
from dispr.study.feature_table import FeatureTable, read_table

TABLE = FeatureTable.of(
    [
        ("a", 0, {"x": 1.0, "y": 4.0}),
        ("a", 1, {"x": 3.0, "y": float("inf")}),
        ("b", 0, {"x": 0.1, "z": 2.0}),
    ]
)


def test_gaps_and_infinities_are_nan():
    assert TABLE.columns == ("x", "y", "z")
    expected = [[1, 4, np.nan], [3, np.nan, np.nan], [0.1, np.nan, 2]]
    np.testing.assert_array_equal(TABLE.values, expected)


def test_file_keeps_every_bit(tmp_path):
    TABLE.write(tmp_path / "t.csv")
    again = read_table(tmp_path / "t.csv")
    np.testing.assert_array_equal(again.values, TABLE.values)
    assert (again.names, again.columns, again.samples) == (
        TABLE.names,
        TABLE.columns,
        TABLE.samples,
    )


def test_over_samples_against_numpy():
    spread = TABLE.over_samples()
    assert spread.names == ("a", "b")
    column = dict(zip(spread.columns, spread.values.T, strict=True))
    np.testing.assert_allclose(column["mean_x"], [2, 0.1])
    np.testing.assert_allclose(column["sd_x"], [np.std([1, 3], ddof=1), 0])
    # What is not defined for one shape is taken from the others.
    np.testing.assert_array_equal(column["mean_y"], [4, np.nan])
    np.testing.assert_array_equal(column["sd_y"], [0, np.nan])


def test_beside_joins_by_name():
    section = FeatureTable.of([("b", -1, {"area": 2.0}), ("a", -1, {"area": 1.0})])
    both = TABLE.beside(section)
    assert both.columns == ("x", "y", "z", "area")
    assert both.values[:, 3].tolist() == [1, 1, 2]
    assert both.samples == TABLE.samples
    with pytest.raises(ConfigError, match="no features of a"):
        TABLE.beside(section.rows_of(["b"]))
    with pytest.raises(ConfigError, match="the feature x is in both"):
        TABLE.beside(FeatureTable.of([("a", -1, {"x": 0.0}), ("b", -1, {"x": 0.0})]))
    with pytest.raises(ConfigError, match="one row per cell"):
        section.beside(TABLE.with_prefix("shape_"))


def test_below_sorts_the_columns():
    other = FeatureTable.of([("c", 0, {"z": 3.0, "y": 2.0, "x": 1.0})])
    assert TABLE.below(other).values[-1].tolist() == [1, 2, 3]
    with pytest.raises(ConfigError, match="the feature z is in only one"):
        TABLE.below(FeatureTable.of([("c", 0, {"x": 1.0, "y": 2.0})]))


def test_rows_of_keeps_the_order():
    assert TABLE.rows_of(["b", "a"]).names == ("a", "a", "b")
    assert len(TABLE.rows_of([])) == 0


def test_shapes_must_agree():
    with pytest.raises(ConfigError, match="of the shape"):
        FeatureTable(("a",), ("x",), np.zeros((2, 1)), (0,))


@pytest.mark.parametrize("text", ["name,x\na,one\n", "x\n1\n"])
def test_bad_file(text, tmp_path):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(FileError, match="remove it to measure again"):
        read_table(tmp_path / "t.csv")
