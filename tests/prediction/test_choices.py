import numpy as np
import pytest

from dispr.intervals.distance import plane_distance
from dispr.prediction.choices import DISTANCES, planes_by_distance
from dispr.prediction.planes import hold_planes


def body(up, down):
    z, y, x = np.indices((64, 64, 64)) - 32
    return (z / np.where(z > 0, up, down)) ** 2 + (y**2 + x**2) / 20**2 < 1


@pytest.fixture(scope="module")
def cell():
    truth = body(22, 17)
    return np.stack([body(18, 14), body(25, 20)]), truth, truth[32].astype(np.uint8) * 255


def test_each_choice_leaves_a_distance_of_its_class(cell):
    drawn, truth, mask = cell
    found = planes_by_distance(drawn, truth, mask, (0, "a"))
    assert list(found) == list(DISTANCES)
    below = 0.0
    for limit, (planes, held) in found.items():
        known = {32: mask, **planes}
        assert below < plane_distance(held.mean(axis=0) > 0.5, known) <= limit
        for number, plane in planes.items():
            assert number != 32
            assert (plane == truth[number] * np.uint8(255)).all()
        # Held to them just as a prediction is.
        assert (held == [hold_planes(shape, known) for shape in drawn]).all()
        below = limit


def test_a_choice_depends_on_its_key_alone(cell):
    first, again, other = (planes_by_distance(*cell, key) for key in ((0, "a"), (0, "a"), (0, "b")))
    for limit in DISTANCES:
        assert sorted(first[limit][0]) == sorted(again[limit][0])
    assert any(sorted(first[limit][0]) != sorted(other[limit][0]) for limit in DISTANCES)


def test_of_nothing_there_are_no_planes(cell):
    drawn, truth, mask = cell
    assert planes_by_distance(drawn, np.zeros_like(truth), mask, (0,)) == {}
