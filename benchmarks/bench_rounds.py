"""Time things in turn, round after round, and say how long each took beside the first.

On a machine that others use too, what is timed one after another is not comparable. Here each round
runs all cases once, forwards and backwards in turn, and a ratio is taken within a round. (Plugins
for pytest time all rounds of a case before the next.)
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

MOST_ROUNDS, LEAST_ROUNDS = 5, 2


@dataclass(frozen=True)
class Case:
    """What is timed.

    Attributes
    ----------
    name : str
        What it is, in the table.
    call : callable
        Does it once. May return the seconds, core seconds and peak memory (`Measured`) if it
        measured these itself, in another process.
    count : float
        How many cells, shapes or samples a call makes; the time is that of one.
    rate : bool
        Whether the figure is how many a second, instead of the seconds of one.
    gflop : float or None
        Arithmetic of a call in 1e9 operations.
    """

    name: str
    call: Callable[[], Any]
    count: float = 1
    rate: bool = False
    gflop: float | None = None


@dataclass(frozen=True)
class Measured:
    """What a call took that measured itself: seconds, seconds of a core, peak memory in MB."""

    seconds: float
    core: float
    memory: float = 0.0


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes
    ----------
    group, name, unit : str
        What it is about, what it is, and the unit of the figure.
    median, least, most : float
        The figure over the rounds.
    rounds : int
        How many there were.
    ratio : float
        Median over the rounds of the figure over that of the first row of the group.
    ratio_least, ratio_most : float
        Range of it.
    core : float or None
        Median seconds of a core: with two threads up to twice the seconds, and fewer than the
        seconds where others use the cores.
    gflops : float or None
        Arithmetic in 1e9 operations: on a CPU a core second, on a GPU a second; of the median.
    values : list of float
        The figure in each round.
    """

    group: str
    name: str
    unit: str
    median: float
    least: float
    most: float
    rounds: int
    ratio: float
    ratio_least: float
    ratio_most: float
    core: float | None = None
    gflops: float | None = None
    values: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Give it for JSON."""
        return asdict(self)


def row_of(
    group: str,
    name: str,
    unit: str,
    values: Sequence[float],
    reference: Sequence[float],
    **more: Any,
) -> Row:
    """Make a row from the figures of the rounds, and those of the first row of the group."""
    ratios = [value / first for value, first in zip(values, reference, strict=True)]
    return Row(
        group,
        name,
        unit,
        statistics.median(values),
        min(values),
        max(values),
        len(values),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        values=list(values),
        **more,
    )


@dataclass(frozen=True)
class Rounds:
    """How long to measure, and where.

    Attributes
    ----------
    seconds : float
        No further round begins after so many; two rounds there are at least.
    most : int
        At most so many rounds.
    device : str
        "cpu" or "cuda": what is waited for.
    warm : bool
        Whether cases are called once before, where a group wants that.
    """

    seconds: float = 60
    most: int = MOST_ROUNDS
    device: str = "cpu"
    warm: bool = True

    def of(
        self, group: str, cases: Sequence[Case], unit: str = "s", warm: bool = True
    ) -> list[Row]:
        """Time cases in turn; the first is the one that ratios are of.

        Parameters
        ----------
        group : str
            What they are about.
        cases : sequence of Case
            What is timed.
        unit : str
            Of the figures.
        warm : bool
            Call each once before.
        """
        found = self.measure(cases, warm)
        return rows_of(group, cases, found, unit, by_core=self.device == "cpu")

    def measure(self, cases: Sequence[Case], warm: bool = True) -> list[list[Measured]]:
        """Give what each call took, case by case."""
        begin = time.perf_counter()
        if warm and self.warm:
            for case in cases:
                self.once(case)
        found: list[list[Measured]] = [[] for _ in cases]
        for number in range(self.most):
            if number >= LEAST_ROUNDS and time.perf_counter() - begin > self.seconds:
                break
            order = range(len(cases))
            for i in reversed(order) if number % 2 else order:
                found[i].append(self.once(cases[i]))
        return found

    def once(self, case: Case) -> Measured:
        """Time one call."""
        self._wait()
        begin, core = time.perf_counter(), time.process_time()
        answer = case.call()
        self._wait()
        if isinstance(answer, Measured):
            return answer
        return Measured(time.perf_counter() - begin, time.process_time() - core)

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def rows_of(
    group: str,
    cases: Sequence[Case],
    found: Sequence[Sequence[Measured]],
    unit: str,
    by_core: bool = True,
) -> list[Row]:
    """Make the rows of a group from what its calls took; arithmetic a core second, or a second."""
    values = [
        [(case.count / one.seconds if case.rate else one.seconds / case.count) for one in calls]
        for case, calls in zip(cases, found, strict=True)
    ]
    rows = []
    for case, calls, figures in zip(cases, found, values, strict=True):
        core = statistics.median(one.core for one in calls) / case.count
        speed = None
        if case.gflop is not None:
            spent = [one.core if by_core else one.seconds for one in calls]
            speed = case.gflop / statistics.median(spent)
        rows.append(row_of(group, case.name, unit, figures, values[0], core=core, gflops=speed))
    return rows


def peak_of(rows: Sequence[Row]) -> float:
    """Give the measured peak of the machine, in 1e9 operations a second: the best of its rows."""
    return max(row.gflops or 0.0 for row in rows)


def memory_rows(
    group: str, names: Sequence[str], found: Mapping[str, Sequence[Measured]]
) -> list[Row]:
    """Make rows of the peak memory of processes, in MB."""
    values = {name: [one.memory for one in found[name]] for name in names}
    return [row_of(group, name, "MB", values[name], values[names[0]]) for name in names]
