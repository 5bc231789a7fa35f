"""A table of features: a row for each cell, or for each shape of a cell."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dispr.errors import ConfigError, FileError
from dispr.files import write_csv
from dispr.records import read_csv

NAME, SAMPLE = "name", "sample"


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of cells.

    Attributes
    ----------
    names : tuple of str
        The cell of each row. A cell may have many rows.
    columns : tuple of str
        The features.
    values : ndarray
        float64, (rows, columns); NaN where a feature is not defined.
    samples : tuple of int
        The number of the shape of each row; -1 where it is the cell's only one.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray
    samples: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.names), len(self.columns)):
            raise ConfigError(
                f"a table of {len(self.names)} rows and {len(self.columns)} features has values "
                f"of the shape {self.values.shape}."
            )
        if len(self.samples) != len(self.names):
            raise ConfigError("a table needs the number of a shape for each row.")

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, rows: Iterable[tuple[str, int, Mapping[str, float]]]) -> FeatureTable:
        """Make a table from rows of name, sample and features.

        The columns are those of all rows, in order of appearance; what a row lacks is NaN, and so
        is what is not finite.
        """
        rows = list(rows)
        columns = tuple(dict.fromkeys(key for _, _, features in rows for key in features))
        values = np.array(
            [[features.get(c, np.nan) for c in columns] for _, _, features in rows], np.float64
        ).reshape(len(rows), len(columns))
        values[~np.isfinite(values)] = np.nan
        return cls(
            tuple(name for name, _, _ in rows), columns, values, tuple(k for _, k, _ in rows)
        )

    def rows_of(self, names: Iterable[str]) -> FeatureTable:
        """Keep the rows of these cells, in the order of the table."""
        wanted = set(names)
        return self.take([i for i, name in enumerate(self.names) if name in wanted])

    def take(self, rows: Sequence[int]) -> FeatureTable:
        """Keep these rows, in this order."""
        return FeatureTable(
            tuple(self.names[i] for i in rows),
            self.columns,
            self.values[list(rows)],
            tuple(self.samples[i] for i in rows),
        )

    def with_prefix(self, prefix: str) -> FeatureTable:
        """Put a prefix before the names of the features."""
        return dataclasses.replace(self, columns=tuple(prefix + c for c in self.columns))

    def beside(self, other: FeatureTable) -> FeatureTable:
        """Add the features of the same cells in another table, each of which has one row there."""
        place = {name: i for i, name in enumerate(other.names)}
        if len(place) != len(other):
            raise ConfigError("a table to join must have one row per cell.")
        missing = [name for name in self.names if name not in place]
        if missing:
            raise ConfigError(f"there are no features of {missing[0]} to join.")
        both = set(self.columns) & set(other.columns)
        if both:
            raise ConfigError(f"the feature {min(both)} is in both tables.")
        values = np.hstack([self.values, other.values[[place[name] for name in self.names]]])
        return dataclasses.replace(self, columns=self.columns + other.columns, values=values)

    def below(self, other: FeatureTable) -> FeatureTable:
        """Add the rows of a table of the same features; one without rows need not have any."""
        if not len(other):
            return self
        if set(self.columns) != set(other.columns):
            different = min(set(self.columns) ^ set(other.columns))
            raise ConfigError(f"the feature {different} is in only one of two tables.")
        order = [other.columns.index(column) for column in self.columns]
        return FeatureTable(
            self.names + other.names,
            self.columns,
            np.vstack([self.values, other.values[:, order]]),
            self.samples + other.samples,
        )

    def over_samples(self) -> FeatureTable:
        """Give mean and standard deviation over the shapes of each cell.

        The deviation is that of a sample (n - 1), 0 for one shape. Shapes for which a feature is
        not defined are left out; where it is for none, both are NaN.
        """
        names = tuple(dict.fromkeys(self.names))
        of = np.array(self.names)
        means, deviations = [], []
        for name in names:
            values = self.values[of == name]
            count = np.isfinite(values).sum(axis=0)
            total = np.where(count, np.nansum(values, axis=0), np.nan)
            mean = total / np.maximum(count, 1)
            squares = np.nansum((values - mean) ** 2, axis=0) / np.maximum(count - 1, 1)
            means.append(mean)
            deviations.append(np.where(count, np.sqrt(squares), np.nan))
        columns = [f"mean_{c}" for c in self.columns] + [f"sd_{c}" for c in self.columns]
        return FeatureTable(
            names,
            tuple(columns),
            np.hstack([np.array(means), np.array(deviations)]).reshape(len(names), len(columns)),
            (-1,) * len(names),
        )

    def write(self, path: Path) -> None:
        """Write as CSV with the columns name, sample and the features; NaN is empty."""
        write_csv(
            path,
            [
                {
                    NAME: name,
                    SAMPLE: "" if sample < 0 else sample,
                    **{
                        column: "" if np.isnan(value) else repr(float(value))
                        for column, value in zip(self.columns, row, strict=True)
                    },
                }
                for name, sample, row in zip(self.names, self.samples, self.values, strict=True)
            ],
        )


def read_table(path: Path, remedy: str = "remove it to measure again") -> FeatureTable:
    """Read a table that `FeatureTable.write` wrote; FileError with the remedy if it is none."""
    try:
        rows = read_csv(path, [NAME], remedy=remedy)
        columns = tuple(c for c in (rows[0] if rows else ()) if c not in (NAME, SAMPLE))
        names, samples, values = [], [], []
        for row in rows:
            names.append(row[NAME])
            samples.append(int(row.get(SAMPLE) or -1))
            values.append([float(row[c]) if row[c] else np.nan for c in columns])
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{path} is not a table of features; {remedy}.") from error
    array = np.array(values, np.float64).reshape(len(names), len(columns))
    return FeatureTable(tuple(names), columns, array, tuple(samples))
