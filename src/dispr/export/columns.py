"""Which columns of a table are measures, of what unit, with which statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dispr.intervals.ensemble import STATISTICS
from dispr.measurements.columns import OF_SECTIONS, OF_SHAPES
from dispr.morphology.features import SECTION_FEATURES, SHAPE_FEATURES, UNITS, Feature, Unit
from dispr.morphology.published_features import PUBLISHED_SECTION, PUBLISHED_SHAPE

KINDS: tuple[tuple[Sequence[Feature], Sequence[Unit]], ...] = (
    (SHAPE_FEATURES, OF_SHAPES),
    (SECTION_FEATURES, OF_SECTIONS),
    (PUBLISHED_SHAPE, ("voxel",)),
    (PUBLISHED_SECTION, ("pixel",)),
)
"""What the measures of a table can be, and units of their lengths."""


@dataclass(frozen=True)
class Measure:
    """A measure in a unit.

    Attributes
    ----------
    feature : Feature
        The measure.
    unit : str
        What the name of its column ends in, such as "um3"; empty without a dimension.
    column : str
        Name of its column, such as "volume_um3".
    statistics : mapping of str to str
        Columns of what else is stated of it, by `dispr.intervals.ensemble.STATISTICS`.
    """

    feature: Feature
    unit: str
    column: str
    statistics: Mapping[str, str]


class Columns:
    """The measures among the columns of a table.

    The kind of table is the one most of whose measures are there; cells of a field of view have
    an area, but are no sections.

    Parameters
    ----------
    names : iterable of str
        Columns of the table; capitals do not matter.
    """

    def __init__(self, names: Iterable[str]) -> None:
        given = {name.lower(): name for name in names}
        kinds = [list(_measures(given, *kind)) for kind in KINDS]
        self.measures: list[Measure] = max(kinds, key=len)
        """In the order of the registry."""

    @property
    def all(self) -> list[str]:
        """Name the columns of measures and of their statistics."""
        return [c for m in self.measures for c in (m.column, *m.statistics.values())]

    def stated(self, rows: Sequence[Mapping[str, str]]) -> list[Measure]:
        """Give the measures without those that only repeat others in another unit.

        Where some cells are in um and others, of unknown size, in voxels, both stay.
        """
        found: list[Measure] = []
        whole: set[str] = set()
        for measure in self.measures:
            if measure.feature.name in whole:
                continue
            found.append(measure)
            others = [m for m in self.measures if m.feature == measure.feature and m != measure]
            if not any(
                row.get(other.column) and not row.get(measure.column)
                for other in others
                for row in rows
            ):
                whole.add(measure.feature.name)
        return found


def _measures(
    given: Mapping[str, str], features: Sequence[Feature], units: Sequence[Unit]
) -> Iterable[Measure]:
    for feature in features:
        for unit in dict.fromkeys(UNITS[feature.dimension][unit] for unit in units):
            length = next(u for u in units if UNITS[feature.dimension][u] == unit)
            column = given.get(feature.column(length).lower())
            if column is not None:
                others = {s: given.get(feature.column(length, s).lower()) for s in STATISTICS}
                stated = {s: name for s, name in others.items() if name is not None}
                yield Measure(feature, unit, column, stated)
