"""Small tables of made-up features, in which one feature tells the class."""

import numpy as np
import pytest

from dispr.study.feature_table import FeatureTable
from dispr.study.fold_data import FoldData
from dispr.study.folds import Fold, class_of, make_split

KINDS = {
    "0.00_discocyte": 24,
    "A_cell_clusters": 10,
    "B_keratocytes": 8,
    "C_knizocytes": 6,
}
PLACE = {"SDE": 0.0, "cell_clusters": 3.0, "keratocytes": 6.0, "knizocytes": 9.0}


@pytest.fixture(scope="session")
def names() -> list[str]:
    return [f"{kind}{3 * i:06d}" for kind, count in KINDS.items() for i in range(count)]


def _table(names, samples=(-1,), seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    rows = []
    for name in names:
        for k in samples:
            place = PLACE[class_of(name)]
            features = {"signal": place + noise * rng.normal()}
            features |= {f"noise_{i}": 50 * rng.normal() + 200 for i in range(4)}
            features["constant"] = 7.0
            rows.append((name, k, features))
    return FeatureTable.of(rows)


@pytest.fixture(scope="session")
def make_table():
    """Give a function: rows of features for names, one for each sample number."""
    return _table


@pytest.fixture(scope="session")
def fold(names) -> Fold:
    return next(iter(make_split(names, folds=3)))


@pytest.fixture(scope="session")
def data(names, fold) -> FoldData:
    """A fold with extra rows: three shapes of every cell, of which the minority's may be used."""
    return FoldData.of(fold, _table(names), _table(names, samples=(0, 1, 2), seed=1))
