import numpy as np
import pytest

from dispr.cells.planes import spread_planes
from dispr.intervals.distance import plane_distance


def column(low, high):
    """A shape from plane `low` to plane `high`."""
    shape = np.zeros((64, 8, 8), bool)
    shape[low : high + 1, 3:5, 3:5] = True
    return shape


@pytest.mark.parametrize(
    ("low", "high", "planes", "distance"),
    [
        (22, 41, [32], 10 / 20),
        (22, 41, [32, 41], 10 / 20),
        (22, 41, [22, 32], 9 / 20),
        (20, 43, [24, 32, 40], 4 / 24),
        (20, 43, [20, 21, 22, 32], 11 / 24),
        (20, 43, [20, 32, 45], 6 / 24),  # an empty plane just beyond the cell tells of its end
        (20, 43, [0, 32, 63], 12 / 24),
        (32, 32, [32], 0),
        (50, 59, [32], 1),
        (20, 29, [20, 29], 4 / 10),
        (0, 63, range(64), 0),
    ],
)
def test_the_farthest_plane_from_known_ones(low, high, planes, distance):
    assert plane_distance(column(low, high), planes) == pytest.approx(distance, abs=6e-5)


@pytest.mark.parametrize("count", [3, 5, 9])
def test_planes_that_are_evenly_spread_leave_about_half_a_part(count):
    low, high = 31 - 3 * count, 33 + 3 * count
    distance = plane_distance(column(low, high), spread_planes(low, high, count, 32))
    assert 0.4 / count < distance < 0.8 / count


def test_nothing_is_known_of_an_empty_shape():
    assert plane_distance(np.zeros((64, 8, 8), bool), [32]) == 1
