import numpy as np
import pytest

from dispr.errors import ConfigError
from dispr.study.oversampling import neighbours, oversample


def rows(*counts, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat([f"class {i}" for i in range(len(counts))], counts)
    values = rng.normal(size=(len(labels), 3)) + 10 * np.repeat(range(len(counts)), counts)[:, None]
    return values, labels


@pytest.mark.parametrize("method", ["smote", "random"])
def test_classes_become_as_large_as_the_largest(method):
    values, labels = rows(20, 7, 1)
    more, names = oversample(values, labels, method, np.random.default_rng(0))
    assert dict(zip(*np.unique(names, return_counts=True), strict=True)) == {
        "class 0": 20,
        "class 1": 20,
        "class 2": 20,
    }
    np.testing.assert_array_equal(more[: len(values)], values)


def test_random_repeats_rows():
    values, labels = rows(20, 7)
    more, _ = oversample(values, labels, "random", np.random.default_rng(0))
    known = {tuple(row) for row in values[labels == "class 1"]}
    assert {tuple(row) for row in more[len(values) :]} <= known


def test_smote_stays_between_neighbours_of_one_class():
    values, labels = rows(30, 8)
    more, names = oversample(values, labels, "smote", np.random.default_rng(0))
    mine = values[labels == "class 1"]
    near = neighbours(mine, 5)
    made = more[len(values) :]
    assert set(names[len(values) :]) == {"class 1"}
    for row in made:
        # On a line between a row and one of its neighbours: the distances add up.
        detours = [
            np.linalg.norm(row - mine[i])
            + np.linalg.norm(row - mine[j])
            - np.linalg.norm(mine[i] - mine[j])
            for i in range(len(mine))
            for j in near[i]
        ]
        assert min(detours) < 1e-9
    assert len({tuple(row) for row in made}) == len(made)  # none is a mere copy


def test_neighbours_leave_out_the_row_itself():
    near = neighbours(np.array([[0.0], [1.0], [3.0], [3.0]]), 1)
    assert near.tolist() == [[1], [0], [3], [2]]


def test_none_adds_nothing():
    values, labels = rows(5, 2)
    more, names = oversample(values, labels, "none", np.random.default_rng(0))
    assert len(more) == len(names) == 7


def test_unknown_method():
    with pytest.raises(ConfigError, match='smote, random, none, not "adasyn"'):
        oversample(*rows(5, 2), "adasyn", np.random.default_rng(0))
