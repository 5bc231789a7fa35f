import numpy as np
import pytest

from dispr.intervals.coverage import held_out
from dispr.intervals.known import Errors, Known

KINDS = ["0.00_discocyte", "B_keratocytes"]


def known(residuals, blocks):
    count = len(residuals)
    names = tuple(f"{KINDS[i >= count // 2]}{i:06d}" for i in range(count))
    volumes = tuple(float(i) for i in range(count))
    errors = {5: {"volume": Errors(0.1, 1.0, True, tuple(map(float, residuals)))}}
    return Known(names, tuple(blocks), {"volume": volumes}, {"volume": volumes}, errors)


def test_a_block_is_judged_by_the_others():
    """One block has errors ten times as large as the others: it alone is not held."""
    rng = np.random.default_rng(0)
    residuals = rng.uniform(-1, 1, 60)
    residuals[:6] *= 10
    residuals[:6] += np.sign(residuals[:6]) * 2
    blocks = np.repeat(range(10), 6)
    found = {line["group"]: line for line in held_out(known(residuals, blocks), ["volume"], 0.9)}
    assert found["all"]["cells"] == 60
    assert found["all"]["held"] == pytest.approx(54 / 60)
    assert found["keratocytes"]["held"] == 1
    assert found["SDE"]["held"] == pytest.approx(24 / 30)
    assert found["smaller half"]["held"] == pytest.approx(24 / 30)
    assert found["all"]["held_low"] < 0.9 < found["all"]["held_high"]


def test_a_level_that_the_other_cells_are_too_few_for():
    assert held_out(known(np.arange(9) / 9.0, range(9)), ["volume"], 0.9) == []
    # All, the larger class and the smaller half; groups of four are not listed.
    assert len(held_out(known(np.arange(9) / 9.0, range(9)), ["volume", "surface"], 0.5)) == 3
    assert held_out(known(np.arange(20) / 20.0, [0] * 20), ["volume"], 0.9) == []
