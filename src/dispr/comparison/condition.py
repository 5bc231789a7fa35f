"""The cells of a condition with their measures, and the sample of one measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dispr.comparison.sample import Sample
from dispr.comparison.values import Values, column
from dispr.morphology.features import Feature, Unit


@dataclass(frozen=True)
class Condition:
    """The cells of a condition, measured.

    Attributes
    ----------
    label : str
        What it is called.
    names : list of str
        Of its cells.
    values : list of dict
        Their measures, by name without unit, of voxels with an edge of 1 or in `unit`.
    edges : ndarray
        float, (N,): edge of a voxel in um; NaN where it is not known.
    warnings : list of str
        What to beware of in each cell.
    donors : list of str
        Of each cell; empty where none is given.
    known_predicted, known_true : list of dict
        Measures of the predicted and of the true shapes of the cells of known shape.
    known_edges : ndarray
        float, (n,): of these.
    known_names, known_donors : list of str
        Of these.
    in_um : bool
        Whether the values are in um already.
    """

    label: str
    names: list[str]
    values: list[Values]
    edges: np.ndarray
    warnings: list[str]
    donors: list[str]
    known_predicted: list[Values] = field(default_factory=list)
    known_true: list[Values] = field(default_factory=list)
    known_edges: np.ndarray = field(default_factory=lambda: np.empty(0))
    known_names: list[str] = field(default_factory=list)
    known_donors: list[str] = field(default_factory=list)
    in_um: bool = False

    def predicted(self, feature: Feature, unit: Unit) -> np.ndarray:
        """Give a measure of the predicted shape of each cell, (N,); NaN where there is none."""
        return self._scaled(self.values, self.edges, feature, unit)

    def true(self, feature: Feature, unit: Unit) -> np.ndarray:
        """Give a measure of the true shape of each known cell, (n,)."""
        return self._scaled(self.known_true, self.known_edges, feature, unit)

    def sample(self, feature: Feature, unit: Unit, by_donor: bool) -> Sample:
        """Give the values of a measure, without cells that have none.

        Parameters
        ----------
        feature : Feature
            The measure.
        unit : "um" or "voxel"
            Of lengths.
        by_donor : bool
            Whether donors are the independent units.
        """
        values, true = self.predicted(feature, unit), self.true(feature, unit)
        predicted = self._scaled(self.known_predicted, self.known_edges, feature, unit)
        kept, known = np.isfinite(values), np.isfinite(predicted) & np.isfinite(true)
        if not by_donor:
            return Sample(values[kept], None, predicted[known], true[known])
        donors, of_known = np.array(self.donors, str), np.array(self.known_donors, str)
        return Sample(
            values[kept],
            donors[kept],
            predicted[known],
            true[known],
            of_known[known] if len(of_known) else None,
        )

    def _scaled(
        self, values: Sequence[Values], edges: np.ndarray, feature: Feature, unit: Unit
    ) -> np.ndarray:
        found = column(values, feature.name)
        return found * edges**feature.power if unit == "um" and not self.in_um else found


def common_edge(conditions: Sequence[Condition]) -> float | None:
    """Give the edge of all voxels in um; None if they differ by more than a thousandth.

    NaN where no edge is known.
    """
    edges = np.concatenate([one.edges for one in conditions])
    if np.isnan(edges).all():
        return float("nan")
    if np.isnan(edges).any() or edges.max() > 1.001 * edges.min():
        return None
    return float(np.median(edges))


def common_unit(conditions: Sequence[Condition]) -> Unit:
    """Give the unit that all values can be in: um where all voxel sizes are known."""
    known = all(one.in_um or np.isfinite(one.edges).all() for one in conditions)
    return "um" if known else "voxel"
