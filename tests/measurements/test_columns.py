import math

from dispr.intervals.ensemble import STATISTICS
from dispr.measurements.columns import is_wide, short_rows, written
from dispr.morphology.features import MAIN_SECTION, MAIN_SHAPE, SECTION_FEATURES, SHAPE_FEATURES


def wide(unit, **stated):
    row = {"name": "a", "samples": 5, "calibrated": "none", "warning": "", "area_um2": 2.0}
    for feature in SHAPE_FEATURES:
        for statistic in ("", *STATISTICS):
            value = "" if statistic in ("low", "high") else 1.5
            row[feature.column(unit, statistic)] = value
    return row | stated


def test_main_measures_are_measures():
    assert set(MAIN_SHAPE) < {feature.name for feature in SHAPE_FEATURES}
    assert set(MAIN_SECTION) < {feature.name for feature in SECTION_FEATURES}


def test_short_tables_keep_what_is_no_measure_and_the_ranges():
    for unit, volume in (("um", "um3"), ("px", "px3"), ("voxel", "voxels")):
        (row,) = short_rows([wide(unit)])
        assert list(row)[:5] == ["name", "samples", "calibrated", "warning", "area_um2"]
        assert len(row) == 5 + 5 * len(MAIN_SHAPE)
        assert [name for name in row if name.startswith("volume")] == [
            f"volume_{volume}",
            *(f"volume_{end}_{volume}" for end in ("min", "max", "low", "high")),
        ]
        assert "elongation" not in row
        assert "sphericity_mean" not in row


def test_intervals_take_the_place_of_ranges_measure_by_measure():
    ends = {"volume_low_um3": 1.0, "volume_high_um3": 2.0}
    (row,) = short_rows([wide("um", **ends)])
    assert {"volume_low_um3", "volume_high_um3", "surface_min_um2"} < row.keys()
    assert "volume_min_um3" not in row
    # A cell without, such as one with a warning, has the range of its samples.
    one, two = short_rows([wide("um"), wide("um", **ends)])
    assert (one["volume_low_um3"], one["volume_min_um3"]) == ("", 1.5)
    assert (two["volume_low_um3"], two["volume_min_um3"]) == (1.0, 1.5)
    (nothing,) = short_rows([wide("um", volume_low_um3=math.nan, volume_high_um3=math.nan)])
    assert "volume_min_um3" in nothing


def test_measures_in_pixels_of_a_field_are_known():
    row = {"y_px": 3.0, "volume_px3": 2.0, "volume_sd_px3": 1.0, "hull_volume_px3": 2.0}
    assert short_rows([row | {"surface_to_volume_per_px": 1.0}]) == [
        {"y_px": 3.0, "volume_px3": 2.0}
    ]


def test_measures_of_sections_and_shapes_are_told_apart():
    row = {"solidity": 0.9, "elongation": 1.0, "aspect_ratio": 1.0, "area_pixels": 4.0}
    assert short_rows([row], sections=True) == [
        {"solidity": 0.9, "elongation": 1.0, "area_pixels": 4.0}
    ]


def test_wide_rows_are_told():
    row = wide("um")
    assert is_wide(row)
    assert is_wide(wide("voxel"))
    assert is_wide(wide("px"))
    assert not is_wide(short_rows([row])[0])
    del row["sphericity_sd"]
    assert not is_wide(row)


def test_numbers_are_written_to_seven_digits():
    assert written(1 / 3) == 0.3333333
    assert written(math.nan) == ""
    assert (written(12345678), written("a")) == (12345678, "a")
