import math

import numpy as np
import pytest

from dispr.diffusion.streams import BalancedStream
from dispr.scores.ensemble import energy_score, ensemble_scores


def test_crps():
    assert energy_score(np.array([1.0, 3.0]), 2.0) == pytest.approx(1 - 1)
    assert energy_score(np.array([5.0, 5.0]), 2.0) == pytest.approx(3)
    assert math.isnan(energy_score(np.array([5.0]), 2.0))


def test_crps_does_not_depend_on_the_size_of_the_ensemble():
    """The fair form is that of the distribution, on average."""
    rng = np.random.default_rng(0)
    small = np.mean([energy_score(rng.standard_normal(3), 0.5) for _ in range(20000)])
    large = np.mean([energy_score(rng.standard_normal(300), 0.5) for _ in range(200)])
    assert small == pytest.approx(large, abs=0.02)


def balanced(cells, count, centre=100.0, spread=10.0):
    """Draw samples as a network would that adds its noise, with balanced noise."""
    drawn = [
        [float(BalancedStream("cell", cell, k=k)((1,))[0]) for k in range(count)]
        for cell in range(cells)
    ]
    return centre + spread * np.array(drawn)


def rows_of(values, true):
    return [
        {
            "name": str(i),
            "volume_voxels": value,
            "true_volume_voxels": aim,
            "boundary_voxels": 2 * value,
            "true_boundary_voxels": 2 * aim,
        }
        for i, (row, aim) in enumerate(zip(values, true, strict=True))
        for value in row
    ]


def test_balanced_samples_are_scored_by_independent_ones():
    """Scores of fives that balance each other would be too good; with their blocks they are right.

    Of a normal distribution with a true value drawn from it, the score is its deviation times
    1 / sqrt(pi).
    """
    cells = 600
    values = balanced(cells, 10)
    true = 100 + 10 * np.random.default_rng(0).standard_normal(cells)
    blocks = np.arange(10) // 5
    right = np.mean([energy_score(x, y, blocks) for x, y in zip(values, true, strict=True)])
    naive = np.mean([energy_score(x[:5], y) for x, y in zip(values, true, strict=True)])
    assert right == pytest.approx(10 / math.sqrt(math.pi), abs=0.4)
    assert naive < right - 0.4
    volume, boundary, together = ensemble_scores(rows_of(values, true), balanced=True)
    assert volume["draws"] == 2
    assert volume["crps"] == pytest.approx(right / 100, rel=0.05)
    assert boundary["crps"] == pytest.approx(volume["crps"])
    assert together["crps"] == pytest.approx(math.sqrt(2) * volume["crps"])
    assert volume["spread_to_error"] == pytest.approx(1, abs=0.12)
    ranks = np.array(volume["ranks"].split(), int)
    assert ranks.sum() == cells
    assert ranks == pytest.approx(np.full(3, 200), abs=45)


def test_samples_that_are_too_alike_are_seen():
    rng = np.random.default_rng(0)
    true = 100 + 10 * rng.standard_normal(500)
    narrow = 100 + 3 * rng.standard_normal((500, 4))
    volume, *_ = ensemble_scores(rows_of(narrow, true))
    assert volume["draws"] == 4
    assert volume["spread_to_error"] == pytest.approx(0.32, abs=0.05)
    ranks = np.array(volume["ranks"].split(), int)
    assert ranks[0] + ranks[-1] > 0.6 * 500


def test_no_score_without_independent_samples():
    values = balanced(3, 5)
    assert ensemble_scores(rows_of(values, [100.0] * 3), balanced=True) == []
    assert len(ensemble_scores(rows_of(values, [100.0] * 3), balanced=False)) == 3
    assert ensemble_scores(rows_of(values[:, :1], [100.0] * 3)) == []
    assert ensemble_scores([]) == []
