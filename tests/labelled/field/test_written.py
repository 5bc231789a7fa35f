"""Records and tables of fields, read back."""

import pytest

from dispr.errors import FileError
from dispr.files import write_csv
from dispr.labelled.field.written import read_field_record, read_field_rows
from dispr.records import write_json

ROW = {"name": "a_1", "label": 1, "y_px": 3.5, "x_px": 4.0, "frame_px": 64}


def test_what_was_written(tmp_path):
    record = {"image": "../a.tif", "channel": "GFP", "plane": 3, "time": None, "pixel_size_um": 0.3}
    write_json(tmp_path / "field.json", record)
    write_csv(tmp_path / "cells.csv", [ROW])
    assert read_field_record(tmp_path) == record
    (row,) = read_field_rows(tmp_path)
    assert (row["name"], row["label"], row["y_px"]) == ("a_1", "1", "3.5")


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": 3},
        {"image": "a\0b"},
        {"channel": -1},
        {"plane": "top"},
        {"time": "1"},
        {"pixel_size_um": 0},
        {"channel": True},
    ],
)
def test_wrong_records_are_refused(tmp_path, wrong):
    write_json(tmp_path / "field.json", {"image": "a.tif", **wrong})
    with pytest.raises(FileError, match=rf"field\.json is damaged.*{next(iter(wrong))}"):
        read_field_record(tmp_path)


@pytest.mark.parametrize(
    ("column", "value"),
    [("label", "1.5"), ("label", "\u00b2"), ("frame_px", ""), ("y_px", "x"), ("name", "")],
)
def test_wrong_tables_are_refused(tmp_path, column, value):
    write_csv(tmp_path / "cells.csv", [{**ROW, column: value}])
    with pytest.raises(FileError, match=r"cells\.csv is damaged"):
        read_field_rows(tmp_path)


def test_two_rows_of_one_label_are_refused(tmp_path):
    write_csv(tmp_path / "cells.csv", [ROW, {**ROW, "name": "a_2"}])
    with pytest.raises(FileError, match="label"):
        read_field_rows(tmp_path)
