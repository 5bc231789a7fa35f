"""Colours for the spread of an ensemble, from certain (blue) to uncertain (orange)."""

from __future__ import annotations

import numpy as np

STOPS = ((62, 98, 172), (84, 150, 192), (146, 203, 186), (245, 217, 128), (238, 118, 56))
"""sRGB, in equal steps from 0 to the top; told apart in the common kinds of colour blindness."""


def colours_of(values: np.ndarray, top: float | None = None) -> np.ndarray:
    """Give the colours of values, uint8, (V, 4).

    Parameters
    ----------
    values : ndarray
        (V,), 0 or more.
    top : float, optional
        The value of the last colour; the largest of the values if not given.
    """
    highest = float(values.max()) if top is None else top
    share = np.clip(values / (highest or 1.0), 0, 1) * (len(STOPS) - 1)
    steps, stops = np.arange(len(STOPS)), np.array(STOPS, float)
    channels = [np.interp(share, steps, stops[:, i]) for i in range(3)]
    colours = np.stack([*channels, np.full(len(values), 255.0)], axis=1)
    return np.asarray(colours.round(), np.uint8)
