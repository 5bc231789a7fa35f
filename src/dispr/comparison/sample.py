"""The values of one measure in the cells of a condition, and the units that are independent."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

NONE = np.empty(0)


@dataclass(frozen=True)
class Sample:
    """The values of one measure in one condition.

    Attributes
    ----------
    predicted : ndarray
        float, (N,): the values of the predicted shapes (the consensus of each cell). Those of the
        cells with a known shape are among them.
    donors : ndarray of str, optional
        (N,): where each cell comes from, such as a donor or a field of view. Cells of one donor
        are alike; donors are independent. Without it, cells are independent.
    known_predicted, known_true : ndarray
        float, (n,): predicted and true values of the cells with a known shape.
    known_donors : ndarray of str, optional
        (n,): their donors.
    """

    predicted: np.ndarray
    donors: np.ndarray | None = None
    known_predicted: np.ndarray = field(default_factory=lambda: NONE)
    known_true: np.ndarray = field(default_factory=lambda: NONE)
    known_donors: np.ndarray | None = None

    @cached_property
    def units(self) -> dict[str, float] | None:
        """Mean predicted value of each donor; None without donors."""
        return None if self.donors is None else means_by(self.donors, self.predicted)

    def unit_values(self) -> np.ndarray:
        """Predicted values of the independent units: of cells, or means of donors."""
        return self.predicted if self.units is None else np.array(list(self.units.values()))

    def known_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Predicted and true values of the units with known shapes, as `unit_values`."""
        if self.known_donors is None:
            return self.known_predicted, self.known_true
        predicted = means_by(self.known_donors, self.known_predicted)
        true = means_by(self.known_donors, self.known_true)
        return np.array(list(predicted.values())), np.array(list(true.values()))

    def only(self, donors: set[str]) -> Sample:
        """Keep the cells of some donors."""
        assert self.donors is not None
        kept = np.isin(self.donors, sorted(donors))
        if self.known_donors is None:
            return Sample(self.predicted[kept], self.donors[kept])
        known = np.isin(self.known_donors, sorted(donors))
        return Sample(
            self.predicted[kept],
            self.donors[kept],
            self.known_predicted[known],
            self.known_true[known],
            self.known_donors[known],
        )


def means_by(groups: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Give the mean value of each group, sorted by group."""
    names, which = np.unique(groups, return_inverse=True)
    means = np.bincount(which, values) / np.bincount(which)
    return dict(zip(names.tolist(), means.tolist(), strict=True))


def shared(a: Sample, b: Sample) -> set[str]:
    """Name the donors that both conditions have."""
    return set(a.units or ()) & set(b.units or ())
