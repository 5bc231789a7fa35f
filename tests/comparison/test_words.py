import math

import numpy as np
import pytest

from dispr.comparison.violins import kernel_density
from dispr.comparison.words import number, p_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "1230"),
        (12.345, "12.3"),
        (0.012345, "0.0123"),
        (-3.999, "-4.00"),
        (0.0, "0"),
        (1.5e-9, "1.5e-09"),
        (math.nan, "not known"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.031, "p = 0.031"), (2e-7, "p < 0.0001"), (1.0, "p = 1"), (math.nan, "no p value")],
)
def test_p_values(p, text):
    assert p_text(p) == text


def test_the_density_of_a_violin_is_that_of_the_values():
    heights, density = kernel_density(np.random.default_rng(0).normal(5, 2, 5000))
    assert density[np.abs(heights - 5).argmin()] == pytest.approx(0.2 * 0.997, rel=0.08)
    step = heights[1] - heights[0]
    assert density.sum() * step == pytest.approx(1, abs=0.02)
