"""What is predicted of a cell: its plausible shapes, and what they measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from dispr.arguments import as_whole
from dispr.cells.spacing import Spacing
from dispr.cells.square import Square
from dispr.errors import ConfigError
from dispr.intervals.ensemble import measure_ensemble
from dispr.intervals.rules import NOWHERE, Intervals, containing, sample_range
from dispr.morphology.features import SHAPE_FEATURES
from dispr.morphology.voxels import surface, volume

if TYPE_CHECKING:
    from dispr.surface.mesh import Mesh

COUNTS = {"volume": volume, "boundary": surface}
"""What is counted in voxels of a shape."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Plausible 3D shapes of one cell.

    Attributes
    ----------
    samples : ndarray
        bool, (K, Z, Y, X).
    probability : ndarray
        float32, 0 to 1, (Z, Y, X): the mean of the samples. For a deterministic network, which
        gives one sample, the output of the network.
    intervals : Intervals or None
        The calibration of the intervals, for what is known of the cell; None if the model was not
        calibrated.
    voxel_size : float or None
        Voxel size in um; None if it is unknown.
    square : Square or None
        The square of the section, in pixels, that corresponds to the 64 x 64 columns of the shapes;
        it can extend beyond the section. None from `Model.predict_each`, whose sections are crops
        of 64 x 64 pixels.
    warning : str
        How the cell differs from the training cells; empty if it does not.
    notes : tuple of str
        Assumptions about the section, or about all sections of a batch.
    recognised : mapping
        Of the shipped model and others of red blood cells: `predicted_class`, one of
        `dispr.cells.classes.CLASSES` or "not sure"; `class_probability`, 0 to 1, that of the most
        probable class; `sde_score` of SDE cells, from -1 (spherocyte) over 0 (discocyte) to 1
        (echinocyte III). Empty texts for a cell with a warning. See docs/classification.md.
    plane_distance : float or None
        The largest distance of planes of the consensus from known ones, as a share of its height
        (`dispr.intervals.distance`); None if only the section is known. The intervals depend on it.
    grey : ndarray or None
        float32, (K, Z, Y, X), 0 to 1: the occupancies before thresholding at 0.5. Only from
        `Model.predict_each`, on request.
    """

    samples: np.ndarray
    probability: np.ndarray
    intervals: Intervals | None = None
    voxel_size: float | None = None
    square: Square | None = None
    warning: str = ""
    notes: tuple[str, ...] = ()
    grey: np.ndarray | None = None
    recognised: Mapping[str, Any] = field(default_factory=dict)
    plane_distance: float | None = None

    @property
    def spacing(self) -> Spacing | None:
        """Voxel size along Z, Y and X in um, as used by `dispr.measure`, or None."""
        return None if self.voxel_size is None else (self.voxel_size,) * 3

    @property
    def consensus(self) -> np.ndarray:
        """The consensus shape, `probability > 0.5`, bool."""
        return self.probability > 0.5

    def interval(self, quantity: str = "volume", level: float | None = None) -> tuple[float, float]:
        """Return the interval of the volume or the number of boundary voxels.

        Parameters
        ----------
        quantity : "volume" or "boundary"
            The volume, or the boundary (`dispr.morphology.voxels.surface`), in voxels.
        level : float, optional
            Fraction of cells whose true value such an interval contains, 0 to 1. Default: that of
            the model, 0.9 if nothing else was asked for.

        Returns
        -------
        low, high : float
            See `Intervals`. The interval is extended to include the value of the consensus. NaN for
            a single sample, and for a cell with a warning, because the calibration is not valid for
            cells unlike the training cells.

        Raises
        ------
        ConfigError
            If the model was not calibrated, or on too few cells for this level.
        """
        values, value = self._count(quantity)
        if self.intervals is None:
            raise ConfigError("the model was not calibrated; see dispr calibrate.")
        if self.warning:
            return NOWHERE
        feature = next(feature for feature in SHAPE_FEATURES if feature.name == quantity)
        intervals = self.intervals if level is None else self.intervals.at(level)
        return containing(intervals.interval(feature, values), value)

    def sample_range(self, quantity: str = "volume") -> tuple[float, float]:
        """Give the least and the greatest value among the samples and the consensus.

        Parameters
        ----------
        quantity : "volume" or "boundary"
            As for `interval`.

        Returns
        -------
        low, high : float
            In voxels; NaN for a single sample.
        """
        return sample_range(*self._count(quantity))

    def _count(self, quantity: str) -> tuple[list[int], int]:
        """Count voxels in the samples and in the consensus."""
        if quantity not in COUNTS:
            raise ConfigError(f'quantity must be one of {", ".join(COUNTS)}, not "{quantity}".')
        return self._counts[quantity]

    @cached_property
    def _counts(self) -> dict[str, tuple[list[int], int]]:
        consensus = self.consensus
        return {
            quantity: ([count(sample) for sample in self.samples], count(consensus))
            for quantity, count in COUNTS.items()
        }

    def measure(self) -> dict[str, float]:
        """Measure the shapes, with their uncertainty.

        Returns
        -------
        dict of str to float
            For each measure of `dispr.measure`, such as `volume_um3` (without a voxel size,
            `volume_voxels`): the value of the consensus, and as `volume_mean_um3`,
            `volume_sd_um3`, `volume_min_um3`, `volume_max_um3`, `volume_low_um3` and
            `volume_high_um3` the mean and standard deviation of the samples, the range of samples
            and consensus, and the ends of the interval. The latter are NaN if the model was
            not calibrated or the cell has a warning (`dispr.intervals.ensemble.summarise`).
        """
        intervals = None if self.warning else self.intervals
        return measure_ensemble(self.consensus, self.samples, self.spacing, intervals)

    def mesh(self, sample: int | None = None) -> Mesh:
        """Make a smooth, watertight mesh of the shape.

        Parameters
        ----------
        sample : int, optional
            Index of the sample. Default: the consensus, with sub-voxel accuracy from the
            probability.

        Returns
        -------
        Mesh
            In um if the voxel size is known, else in voxels. Its `save` writes STL, PLY, OBJ and
            GLB; its `spread` shows where the samples differ.

        Raises
        ------
        ConfigError
            If there is no such sample.
        ArrayError
            If the shape is empty.
        """
        from dispr.surface.mesh import mesh_of

        sample = None if sample is None else as_whole(sample, "sample")
        if sample is not None and not 0 <= sample < len(self.samples):
            raise ConfigError(f"there are samples 0 to {len(self.samples) - 1}, not {sample}.")
        shape = self.probability if sample is None else self.samples[sample]
        return mesh_of(shape, self.spacing, self.samples)
