import math

import pytest

from dispr.cells.spacing import (
    VoxelSize,
    as_pixel_size,
    as_spacing,
    close,
    resized_pixel_size,
)
from dispr.errors import ConfigError


def test_edges_are_in_the_order_of_the_axes():
    assert VoxelSize(3.0, 2.0, 1.0).spacing == (3, 2, 1)
    assert as_spacing((3, 2, 1)) == (3, 2, 1)
    assert as_spacing(0.5) == (0.5, 0.5, 0.5)
    assert as_spacing(None) is None


@pytest.mark.parametrize("known", [(None, 1, 1), (1, None, 1), (1, 1, None)])
def test_a_spacing_takes_all_edges(known):
    assert VoxelSize(*known).spacing is None


def test_pixels():
    assert VoxelSize(None, 0.2, 0.2).pixel_size("a") == 0.2
    assert VoxelSize(1.0, 0.2, 0.2018).pixel_size("a") == 0.2018
    assert VoxelSize(1.0, None, 0.2).pixel_size("a") is None
    assert VoxelSize(1.0, 0.2, None).pixel_size("a") is None
    with pytest.raises(ConfigError, match=r"a has pixels of 0\.2 x 0\.3 um"):
        VoxelSize(1.0, 0.2, 0.3).pixel_size("a")


@pytest.mark.parametrize("size", [0, -1, math.nan, math.inf, (1, 2), (1, 1, 0), "x", True])
def test_what_is_no_size(size):
    with pytest.raises(ConfigError):
        as_spacing(size)
    if not isinstance(size, tuple):
        with pytest.raises(ConfigError):
            as_pixel_size(size)


def test_a_padded_section_has_pixels_of_its_longer_side():
    assert resized_pixel_size(0.1, (64, 64)) == pytest.approx(0.1)
    assert resized_pixel_size(0.1, (32, 128)) == pytest.approx(0.2)
    assert resized_pixel_size(0.1, (16, 8)) == pytest.approx(0.025)
    assert resized_pixel_size(None, (16, 8)) is None
    assert as_pixel_size(None) is None
    assert as_pixel_size(0.11) == 0.11


def test_one_percent_is_the_same():
    assert close(1.0, 1.0099)
    assert not close(1.0, 1.011)
