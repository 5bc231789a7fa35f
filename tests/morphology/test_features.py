import runpy
from collections import Counter
from pathlib import Path

import pytest

from dispr.morphology.features import SECTION_FEATURES, SHAPE_FEATURES, UNITS, Feature
from dispr.morphology.published_features import PUBLISHED_SECTION, PUBLISHED_SHAPE

DOCS = Path(__file__).parents[2] / "docs"
ALL = [SHAPE_FEATURES, SECTION_FEATURES, PUBLISHED_SHAPE, PUBLISHED_SECTION]


@pytest.mark.parametrize("features", ALL)
def test_each_is_described_and_named_once(features):
    assert not [name for name, n in Counter(f.name for f in features).items() if n > 1]
    for feature in features:
        assert feature.formula
        assert feature.source
        assert feature.dimension in UNITS
        assert feature.low < feature.high


def test_names_end_in_units():
    feature = Feature("curvature_mean", "per length", "", "")
    assert feature.column("um") == "curvature_mean_per_um"
    assert feature.column("voxel") == "curvature_mean_per_voxel"
    assert feature.column("pixel") == "curvature_mean_per_pixel"
    assert feature.column("um", statistic="sd") == "curvature_mean_sd_per_um"
    assert Feature("solidity", "none", "", "").column("um", statistic="low") == "solidity_low"
    area = Feature("area", "area", "", "")
    assert [area.column("voxel"), area.column("pixel")] == ["area_voxels2", "area_pixels"]


def test_the_page_of_measures_is_up_to_date():
    script = runpy.run_path(str(DOCS / "make_measurements.py"))
    page = (DOCS / "measurements.md").read_text(encoding="utf-8")
    assert script["filled"](page) == page, "run python docs/make_measurements.py"
    for feature in SHAPE_FEATURES:
        assert f"`{feature.column('um')}`" in page
