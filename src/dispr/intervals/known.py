"""What cells of known shape tell of a model: how far its predictions were from the truth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dispr.errors import ConfigError
from dispr.intervals.quantiles import effective_number

DIGITS = 4
"""Significant digits that are kept."""

Column = tuple[float, ...]
"""A number for each cell; NaN where there is none."""


@dataclass(frozen=True)
class Errors:
    """Errors of one measure in ensembles of one size.

    Attributes
    ----------
    floor : float
        Least standard deviation of the samples that is counted with: of the logarithms, or for
        voxels with an edge of 1.
    factor : float
        Usual size of the errors in units of sqrt(s^2 + floor^2), with s the standard deviation
        (n - 1) of the samples.
    log : bool
        Whether on the logarithmic scale.
    residuals : tuple of float
        For each cell (true value - mean of the samples) / (factor sqrt(s^2 + floor^2)). Factor and
        floor here are fitted without the cell's block.
    """

    floor: float
    factor: float
    log: bool
    residuals: Column


@dataclass(frozen=True)
class Known:
    """Cells of known shape that the model was not trained on, and how it predicted them.

    Attributes
    ----------
    names : tuple of str
        Of the cells.
    blocks : tuple of int
        The block of neighbouring cells that each is of (`dispr.cells.blocks`).
    values, truth : mapping of str to tuple of float
        By name of the measure without its unit: the value of the consensus and the true one of
        each cell, for voxels with an edge of 1.
    errors : mapping of int to mapping of str to Errors
        By size of the ensemble, and by name of the measure.
    """

    names: tuple[str, ...]
    blocks: tuple[int, ...]
    values: Mapping[str, Column]
    truth: Mapping[str, Column]
    errors: Mapping[int, Mapping[str, Errors]]

    @cached_property
    def largest(self) -> Mapping[str, Errors]:
        """The errors of the largest ensembles; none without any."""
        return self.errors.get(max(self.errors, default=0), {})

    @cached_property
    def effective(self) -> float:
        """Number of independent cells that they tell as much as (`effective_number`)."""
        if not self.largest:
            return float(len(self.blocks))
        sizes = np.abs([found.residuals for found in self.largest.values()]).T
        return effective_number(sizes, self.blocks)

    def pairs(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Give the predicted and the true values of a measure, for voxels with an edge of 1.

        Parameters
        ----------
        name : str
            Of the measure without its unit, such as "volume".

        Returns
        -------
        value, true : ndarray
            float, (N,): of the consensus, and of the known shape. NaN where there is none.

        Raises
        ------
        ConfigError
            If there is nothing known of the measure.
        """
        if name not in self.values:
            raise ConfigError(f'the calibration does not have the measure "{name}".')
        return np.array(self.values[name], float), np.array(self.truth[name], float)

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        errors = {
            str(size): {
                name: [found.floor, found.factor, found.log, _kept(found.residuals)]
                for name, found in measures.items()
            }
            for size, measures in self.errors.items()
        }
        return {
            "names": list(self.names),
            "blocks": list(self.blocks),
            "values": {name: _kept(column) for name, column in self.values.items()},
            "truth": {name: _kept(column) for name, column in self.truth.items()},
            "errors": errors,
        }


def known_from_dict(content: Any) -> Known:
    """Make it from what `Known.to_dict` gave.

    Raises
    ------
    ConfigError
        If these are other values.
    """
    try:
        names = tuple(str(name) for name in content["names"])
        blocks = tuple(int(block) for block in content["blocks"])
        count = len(names)
        values, truth = (
            {str(name): _column(column, count) for name, column in content[key].items()}
            for key in ("values", "truth")
        )
        errors = {
            int(size): {
                str(name): Errors(
                    _positive(floor), _positive(factor), bool(log), _column(residuals, count)
                )
                for name, (floor, factor, log, residuals) in measures.items()
            }
            for size, measures in content["errors"].items()
        }
        if len(blocks) != count or values.keys() != truth.keys():
            raise ValueError
        return Known(names, blocks, values, truth, errors)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError("these are not errors of known cells; calibrate again.") from error


def rounded(values: Iterable[float]) -> Column:
    """Round to the digits that are kept."""
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)


def _kept(column: Column) -> str:
    """Write a column as one text: JSON has no NaN, and lists of numbers take a line each."""
    return " ".join(f"{value:.{DIGITS}g}" for value in column)


def _column(values: Any, count: int) -> Column:
    column = tuple(map(float, values.split()))
    if len(column) != count or any(map(math.isinf, column)):
        raise ValueError
    return column


def _positive(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError
    return number
