import math

import numpy as np
import pytest
import torch

from dispr.arguments import as_number, as_steps, as_whole, one_of
from dispr.errors import ConfigError


@pytest.mark.parametrize(
    "value",
    [3, 3.0, np.int64(3), np.uint8(3), np.array(3), np.float32(3), torch.tensor(3), "3"],
)
def test_whole_numbers(value):
    found = as_whole(value, "n")
    assert found == 3
    assert type(found) is int


@pytest.mark.parametrize(
    "value",
    [
        True,
        np.bool_(True),
        torch.tensor(True),
        "x",
        None,
        2.5,
        math.nan,
        math.inf,
        [3],
        np.ones(1),
    ],
)
def test_what_is_no_whole_number(value):
    with pytest.raises(ConfigError, match="n must be a whole number, not "):
        as_whole(value, "n")


def test_range():
    assert as_whole(10**30, "n") == 10**30
    with pytest.raises(ConfigError, match="n must be at least 1, not 0"):
        as_whole(0, "n", least=1)
    with pytest.raises(ConfigError, match="n must be at most 9, not 10"):
        as_whole(np.int64(10), "n", most=9)


def test_numbers():
    assert [as_number(x) for x in (2, np.float32(0.5), torch.tensor(0.25), np.array(1.5))] == [
        2,
        0.5,
        0.25,
        1.5,
    ]
    assert all(math.isnan(as_number(x)) for x in (True, "wide", None, [1.0], np.ones(2)))


def test_steps():
    assert [as_steps(x) for x in (None, "ddim25", np.int32(4), 4.0)] == [None, "ddim25", 4, 4]
    with pytest.raises(ConfigError, match="steps must be a whole number, not True"):
        as_steps(True)


def test_words():
    assert one_of("b", {"a": 1, "b": 2}, "n") == "b"
    with pytest.raises(ConfigError, match='n must be a or b, not "c"'):
        one_of("c", ("a", "b"), "n")
    with pytest.raises(ConfigError, match='n must be one of a, b, c, not "None"'):
        one_of(None, ("a", "b", "c"), "n")
