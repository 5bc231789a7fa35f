"""How often the intervals of `dispr compare` hold the true difference, by simulation.

Each repetition draws the cells of two conditions with a known difference of their true means, what
a model would predict of them, a few cells with known shapes, and the model's calibration cells; no
images. `--errors` chooses how predictions err:

realistic   as volume is predicted by the shipped model: a correlation of 0.9 with the true value,
            a third of the variance of the errors shared by the cells of a donor or a condition
hard        predictions shrunk by half, skewed errors and skewed true values, half of the variance
            of the errors shared, and one condition twice as variable as the other

A row of the table: the share of intervals that hold the true difference (at no difference, and at
one of a standard deviation), the share of false alarms (p < 0.05 without a difference), and the
mean width of the interval divided by that of the known cells alone.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from tabulate import tabulate

from dispr.comparison import relation
from dispr.comparison.known import prediction_powered
from dispr.comparison.means import Comparison
from dispr.comparison.relation import fit_relation
from dispr.comparison.sample import Sample


@dataclass(frozen=True)
class Errors:
    """How predictions err, in standard deviations of the true values of cells."""

    shrinkage: float
    shared: float
    single: float
    skewed: bool
    spread: tuple[float, float]

    def noise(self, random: np.random.Generator, count: int) -> np.ndarray:
        """Draw errors of mean 0 and variance 1."""
        if self.skewed:
            return (random.gamma(2.0, 1.0, count) - 2) / 2**0.5
        return random.standard_normal(count)


MODELS = {
    "realistic": Errors(0.85, 0.25, 0.35, False, (1.0, 1.0)),
    "hard": Errors(0.5, 0.3, 0.3, True, (0.7, 1.4)),
}


@dataclass(frozen=True)
class Design:
    """An experiment.

    `donors` in each condition (0: cells are independent), `sections` in a condition, `known` cells
    in a condition, or `blocks` of calibration cells where there are none.
    """

    sections: int
    known: int = 0
    donors: int = 0
    paired: bool = False
    blocks: int = 0


DESIGNS = (
    *(Design(n, k) for k in (6, 10, 20) for n in (200, 2000)),
    *(Design(100 * g, 2 * g, g) for g in (2, 3, 6)),
    Design(600, 12, 6, True),
    *(Design(n, blocks=b) for b in (9, 20) for n in (100, 1000)),
    *(Design(600, donors=g, blocks=9) for g in (2, 6)),
)

DONOR_SD = 0.4
"""Standard deviation of the means of donors."""


def condition(
    random: np.random.Generator, errors: Errors, design: Design, mean: float, spread: float, of: int
) -> tuple[Sample, Sample]:
    """Draw the cells of a condition: with the known ones, and these alone."""
    count = design.sections
    which = np.arange(count) * max(design.donors, 1) // count
    donor = random.standard_normal(design.donors) * DONOR_SD if design.donors else np.zeros(1)
    if design.paired:  # the same donors in the other condition, not all alike changed
        donor = np.random.default_rng(of).standard_normal(design.donors) * DONOR_SD + donor / 2
    true = mean + donor[which] + spread * errors.noise(random, count)
    shared = errors.shared * errors.noise(random, len(donor))
    if design.donors:  # half of the variance by the donor, half by the condition
        shared = (shared + errors.shared * errors.noise(random, 1)) / 2**0.5
    single = errors.single * errors.noise(random, count)
    predicted = errors.shrinkage * true + shared[which] + single
    known = np.concatenate(
        [np.flatnonzero(which == g)[: design.known // len(donor)] for g in range(len(donor))]
    )
    names = np.array([f"donor {g}" for g in which]) if design.donors else None
    of_known = None if names is None else names[known]
    every = Sample(predicted, names, predicted[known], true[known], of_known)
    return every, Sample(predicted[known], of_known, predicted[known], true[known], of_known)


def calibration(
    random: np.random.Generator, errors: Errors, blocks: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw calibration cells: blocks of one to eight, of various types."""
    block = np.repeat(np.arange(blocks), random.integers(4, 9, blocks))
    true = random.standard_normal(blocks)[block] + errors.noise(random, len(block))
    shared = errors.shared * errors.noise(random, blocks)
    single = errors.single * errors.noise(random, len(block))
    return errors.shrinkage * true + shared[block] + single, true, block


def compare(
    random: np.random.Generator, errors: Errors, design: Design, difference: float
) -> tuple[Comparison, float]:
    """Compare two conditions once; with the width of the interval of the known cells alone."""
    of = int(random.integers(2**31))
    a, known_a = condition(random, errors, design, 0.0, errors.spread[0], of)
    b, known_b = condition(random, errors, design, difference, errors.spread[1], of)
    if design.blocks:
        line = fit_relation(*calibration(random, errors, design.blocks))
        return line.compare(a, b, paired=design.paired), np.nan
    found = prediction_powered(a, b, paired=design.paired)
    alone = prediction_powered(known_a, known_b, paired=design.paired, slope=0.0).difference
    return found, alone.high - alone.low


def row(errors: str, design: Design, repeats: int, seed: int) -> list[str]:
    """Repeat an experiment without a difference and with one."""
    random = np.random.default_rng([seed, *map(int, design.__dict__.values()), len(errors)])
    held: list[float] = []
    alarms = 0.0
    widths: list[tuple[float, float]] = []
    for difference in (0.0, 1.0):
        found = [compare(random, MODELS[errors], design, difference) for _ in range(repeats)]
        ends = [c.difference for c, _ in found]
        held.append(float(np.mean([e.low <= difference <= e.high for e in ends])))
        if difference == 0:
            alarms = float(np.mean([e.p < 0.05 for e in ends]))
        widths += [(c.difference.high - c.difference.low, alone) for c, alone in found]
    width, alone = np.mean(widths, axis=0)
    return [
        errors,
        str(design.sections),
        str(design.known or "-"),
        (str(design.donors) + (" paired" if design.paired else "")) if design.donors else "-",
        str(design.blocks or "-"),
        *(f"{share:.1%}" for share in (*held, alarms)),
        f"{width:.2f}",
        "-" if np.isnan(alone) else f"{width / alone:.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--errors", choices=list(MODELS), action="append")
    options = parser.parse_args()
    relation.DRAWS = 4000  # enough for quantiles that are averaged
    rows = [
        row(errors, design, options.repeats, options.seed)
        for errors in options.errors or MODELS
        for design in DESIGNS
    ]
    heads = ["errors", "sections", "known", "donors", "blocks", "held at 0", "held at 1"]
    heads += ["false alarms", "width", "of known alone"]
    print(tabulate(rows, heads, disable_numparse=True, stralign="right"))


if __name__ == "__main__":
    main()
