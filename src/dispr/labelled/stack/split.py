"""Which stacks are for training and which for testing: cells of one stack stay together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dispr.errors import ConfigError


def split_stacks(counts: Mapping[str, int], fraction: float = 0.2, seed: int = 0) -> dict[str, str]:
    """Choose the stacks that are for testing.

    Stacks are drawn as long as that brings the share of test cells nearer to `fraction`. Of two or
    more stacks, one at least is for testing and one for training, unless the fraction is 0 or 1.

    Parameters
    ----------
    counts : mapping of str to int
        Cells of each stack that can be used.
    fraction : float
        Share of the cells that are for testing, 0 to 1.
    seed : int
        Chooses the stacks.

    Returns
    -------
    dict
        "train" or "test" for each stack.

    Raises
    ------
    ConfigError
        If the fraction is out of range.
    """
    if not 0 <= fraction <= 1:
        raise ConfigError(f"the test fraction must be from 0 to 1, not {fraction}.")
    if fraction in (0, 1):
        return dict.fromkeys(counts, "test" if fraction else "train")
    filled = sorted(name for name, count in counts.items() if count)
    target, taken = fraction * sum(counts.values()), 0
    test: list[str] = []
    for k in np.random.default_rng(seed).permutation(len(filled)):
        count = counts[filled[k]]
        if len(test) < len(filled) - 1 and abs(taken + count - target) < abs(taken - target):
            test.append(filled[k])
            taken += count
    if not test and len(filled) > 1:
        test.append(min(filled, key=lambda name: counts[name]))
    return {name: "test" if name in test else "train" for name in counts}
