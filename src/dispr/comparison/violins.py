"""Violin plots of two conditions, a panel for each measure, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

import numpy as np

from dispr.comparison.measures import Answer
from dispr.comparison.sample import Sample
from dispr.comparison.words import number
from dispr.morphology.labels import label_of

WIDTH, HEIGHT, COLUMNS = 250, 250, 4
TOP, BOTTOM, LEFT, HALF = 30, 44, 52, 42
"""Size of a panel, panels in a row; margins, and half the width of a violin."""

COLOURS = ("#4477aa", "#ee6677")
"""Of the conditions (Tol 2021, bright; told apart by colour-blind people)."""

POINTS = 80
"""Heights at which a density is drawn."""


def violins_svg(answers: Sequence[Answer], labels: Sequence[str]) -> str:
    """Draw the distributions of predicted values.

    A violin is the density of the cells (Gaussian kernel, Silverman's bandwidth); the bar in it
    holds the middle half of the cells. Small dots are the means of donors, crosses the true values
    of cells of known shape. The diamond with a line is the estimated true mean and its interval.

    Parameters
    ----------
    answers : sequence of Answer
        The measures.
    labels : (str, str)
        The conditions.
    """
    rows = -(-len(answers) // COLUMNS)
    width, height = WIDTH * min(COLUMNS, len(answers)), HEIGHT * rows
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11" role="img">',
        f"<title>Violin plots of {escape(labels[0])} and {escape(labels[1])}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for i, one in enumerate(answers):
        x, y = WIDTH * (i % COLUMNS), HEIGHT * (i // COLUMNS)
        parts += [f'<g transform="translate({x} {y})">', *_panel(one, labels), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(one: Answer, labels: Sequence[str]) -> list[str]:
    unit = one.feature.unit(one.unit).replace("-", "")
    title = label_of(one.feature.name) + (f" ({unit})" if unit else "")
    parts = [f'<text x="{LEFT}" y="16" font-weight="bold" fill="#222222">{escape(title)}</text>']
    shown = [one.a.predicted, one.b.predicted, one.a.known_true, one.b.known_true]
    ends = [[e.low, e.high, e.value] for e in (one.found.a, one.found.b)]
    every = np.concatenate([*shown, *map(np.array, ends)])
    every = every[np.isfinite(every)]
    if not len(every):
        return [*parts, f'<text x="{LEFT}" y="60" fill="#666666">no values</text>']
    low, high = float(every.min()), float(every.max())
    margin = 0.06 * (high - low) or 0.5
    low, high = low - margin, high + margin

    def at(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    for tick in _ticks(low, high):
        y = at(tick)
        parts += [
            f'<line x1="{LEFT}" x2="{WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e3e3"/>',
            f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end" fill="#444444">'
            f"{_tick_text(tick, high - low)}</text>",
        ]
    middles = (LEFT + HALF + 4, LEFT + 3 * HALF + 14)
    for sample, found, middle, colour, label in zip(
        (one.a, one.b), (one.found.a, one.found.b), middles, COLOURS, labels, strict=True
    ):
        parts += _violin(sample.predicted, middle, colour, at)
        parts += _marks(sample, middle, at)
        parts += [
            f'<text x="{middle}" y="{HEIGHT - 26}" text-anchor="middle" fill="#222222">'
            f"{escape(_short(label))}</text>",
            f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle" fill="#666666">'
            f"n = {len(sample.predicted)}</text>",
        ]
        if np.isfinite(found.value):
            x, y = middle + HALF - 8, at(found.value)
            if np.isfinite(found.low) and np.isfinite(found.high):
                parts.append(
                    f'<line x1="{x}" x2="{x}" y1="{at(found.low):.1f}" y2="{at(found.high):.1f}" '
                    'stroke="#222222" stroke-width="2"/>'
                )
            parts.append(
                f'<path d="M{x} {y - 5:.1f}L{x + 5} {y:.1f}L{x} {y + 5:.1f}L{x - 5} {y:.1f}Z" '
                f'fill="#222222"><title>mean {number(found.value)}</title></path>'
            )
    return parts


def _violin(
    values: np.ndarray, middle: float, colour: str, at: Callable[[float], float]
) -> list[str]:
    if len(values) < 3 or np.ptp(values) == 0:
        return [
            f'<circle cx="{middle}" cy="{at(value):.1f}" r="2" fill="{colour}"/>'
            for value in values[:50]
        ]
    heights, density = kernel_density(values)
    reach = HALF * density / density.max()
    right = [f"{middle + r:.1f} {at(h):.1f}" for h, r in zip(heights, reach, strict=True)]
    left = [f"{middle - r:.1f} {at(h):.1f}" for h, r in zip(heights, reach, strict=True)]
    lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75])
    return [
        f'<path d="M{"L".join(right + left[::-1])}Z" fill="{colour}" fill-opacity="0.35" '
        f'stroke="{colour}"/>',
        f'<line x1="{middle}" x2="{middle}" y1="{at(lower):.1f}" y2="{at(upper):.1f}" '
        f'stroke="{colour}" stroke-width="5"/>',
        f'<line x1="{middle - 6}" x2="{middle + 6}" y1="{at(median):.1f}" y2="{at(median):.1f}" '
        'stroke="#ffffff" stroke-width="2"/>',
    ]


def kernel_density(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give heights from the least to the greatest value, and the density of the values there.

    With a Gaussian kernel of the bandwidth 0.9 min(sd, IQR / 1.34) n^(-1/5) (Silverman 1986,
    Density Estimation, eq. 3.31).
    """
    lower, upper = np.quantile(values, [0.25, 0.75])
    spreads = [s for s in (values.std(ddof=1), (upper - lower) / 1.34) if s > 0]
    bandwidth = 0.9 * min(spreads) * len(values) ** -0.2
    heights = np.linspace(values.min(), values.max(), POINTS)
    thinned = values if len(values) <= 2000 else np.quantile(values, np.linspace(0, 1, 2000))
    off = (heights[:, None] - thinned[None, :]) / bandwidth
    density = np.exp(-0.5 * off**2).mean(axis=1) / (bandwidth * np.sqrt(2 * np.pi))
    return heights, density


def _marks(sample: Sample, middle: float, at: Callable[[float], float]) -> list[str]:
    """Draw the means of donors, and the true values of known cells."""
    parts = []
    for i, (donor, value) in enumerate((sample.units or {}).items()):
        x = middle - 12 + 24 * (i % 5) / 4
        parts.append(
            f'<circle cx="{x:.1f}" cy="{at(value):.1f}" r="3.5" fill="#ffffff" stroke="#222222">'
            f"<title>{escape(donor)}: {number(value)}</title></circle>"
        )
    for value in sample.known_true:
        x, y = middle - HALF + 8, at(value)
        parts.append(
            f'<path d="M{x - 3} {y - 3:.1f}l6 6m0 -6l-6 6" stroke="#222222" fill="none">'
            f"<title>known: {number(value)}</title></path>"
        )
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Choose three to six round numbers between two ends."""
    step = 10.0 ** np.floor(np.log10((high - low) / 3))
    for factor in (5, 2, 1):
        if (high - low) / (step * factor) >= 3:
            step *= factor
            break
    first = np.ceil(low / step)
    return [float(k * step) for k in np.arange(first, np.floor(high / step) + 1)]


def _tick_text(tick: float, span: float) -> str:
    places = max(0, 1 - int(np.floor(np.log10(span))))
    return f"{tick:.{places}f}" if span < 1e6 else f"{tick:.3g}"


def _short(label: str, most: int = 14) -> str:
    return label if len(label) <= most else f"{label[: most - 3]}..."
