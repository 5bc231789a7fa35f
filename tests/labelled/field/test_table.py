import numpy as np
import pytest

from dispr.cells.square import Square
from dispr.labelled.field.prepare import FieldCell
from dispr.labelled.field.table import cell_row, place_columns, voxel_edge
from dispr.labelled.locate import LocatedCell

CELL = FieldCell(
    "f_0007",
    LocatedCell(7, np.s_[10:14, 20:30], np.ones((4, 10), bool), "Y", 1),
    Square(-20, -7, 32),
    warning="Odd.",
)


def test_place_in_pixels_and_um():
    row = place_columns(CELL, 0.5)
    assert (row["name"], row["label"]) == ("f_0007", 7)
    assert (row["y_px"], row["x_px"], row["area_px"]) == (11.5, 24.5, 40)
    assert (row["y_um"], row["x_um"], row["area_um2"]) == (5.75, 12.25, 10)
    assert (row["touches_border"], row["frame_px"]) == (1, 32)
    assert not any(name.endswith(("um", "um2")) for name in place_columns(CELL, None))


def test_voxels():
    assert voxel_edge(CELL, 0.5) == pytest.approx(32 / 64 * 0.5)
    assert voxel_edge(CELL, None) == 0.5


def test_rows():
    measures = {"volume_um3": 2.0, "surface_mean_um2": 3.0, "flatness": 1.0, "class": "x"}
    row = cell_row(
        CELL, 0.5, measures=measures, familiarity=0.4, warning="Too dark.", overlap=0.12345
    )
    assert row["voxel_um"] == 0.25
    assert row["overlap"] == 0.1235 or row["overlap"] == 0.1234
    assert row["warning"] == "Odd. Too dark."
    assert row["familiarity"] == 0.4
    assert (row["volume_um3"], row["surface_mean_um2"], row["flatness"]) == (2, 3, 1)
    assert "class" not in row
    measures = {"volume_px3": 2.0, "surface_mean_px2": 3.0, "flatness": 1.0, "voxel_x_px": 0.5}
    row = cell_row(CELL, None, measures=measures, overlap=float("nan"))
    assert "voxel_x_px" not in row
    assert row["voxel_px"] == 0.5
    assert row["overlap"] == ""
    assert (row["volume_px3"], row["surface_mean_px2"], row["flatness"]) == (2, 3, 1)
    assert "overlap" not in cell_row(CELL, None, measures={})
