"""Whether a cell is like those that a model was trained on, by its image and mask.

A network answers to anything: a nucleus, a printed letter, a cell at the wrong scale. The check
compares the looks of a section (`appearance`) with those of the training cells, in two ways. The
Mahalanobis distance from their mean, with a covariance shrunk after Ledoit and Wolf (J.
Multivariate Anal. 2004), sees what is odd in a combination, such as light where the mask is not.
The largest deviation in a single trait, in units of what one training cell in two hundred exceeds,
sees one strange trait among many ordinary ones. The reference is statistics of the training cells,
a few kilobytes and no images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from dispr.cells.arrays import canonical_pair
from dispr.errors import ConfigError
from dispr.familiarity.traits import TRAITS, describe_all
from dispr.model.seen import digest_of

ALARM = 0.02
"""Score below which a warning is given: that of one training cell in fifty."""

CUT = 12.0
"""Robust deviations at which a trait is cut off: further away is not a stranger."""

RARE = 0.005
"""Share of training cells beyond each end of a trait's ordinary range."""

BLOCK, PARTS = 8, 10
"""Neighbouring cells that are held out together, and the parts they are dealt to."""

SIMULATED = 0.5
"""Weight of a score among simulated cells, whose looks vary less than those of real ones."""

FEWEST = 50
"""Training cells that a reference needs at least."""


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Statistics of the looks of training cells; made by `fit_familiarity`.

    Attributes
    ----------
    traits : tuple of str
        Names of the F traits.
    centre, scale : ndarray
        (F,): median, and robust deviation (interquartile range over 1.349).
    mean, precision : ndarray
        (F,) and (F, F): mean and inverse shrunk covariance in these units.
    low, high : ndarray
        (F,): ends of the ordinary range in these units, both positive.
    norms : ndarray
        (2,): distance and largest deviation that a training cell in ten exceeds.
    oddness : ndarray
        (201,): quantiles of the training cells' oddness, each judged by the others.
    cells : int
        Number of training cells.
    digest : str
        Checksum of their names (`digest_of`); empty if not known.
    also : Familiarity or None
        The same of simulated cells that the model was trained on, too: what is familiar among
        these (at `SIMULATED` times the score) gets no warning either.
    """

    traits: tuple[str, ...]
    centre: np.ndarray
    scale: np.ndarray
    mean: np.ndarray
    precision: np.ndarray
    low: np.ndarray
    high: np.ndarray
    norms: np.ndarray
    oddness: np.ndarray
    cells: int
    digest: str = ""
    also: Familiarity | None = None

    def score_inputs(self, images: Any, masks: Any) -> np.ndarray:
        """Say how familiar sections are.

        Parameters
        ----------
        images, masks : array-like
            (N, Y, X), or one section, (Y, X); any that `Model.predict` takes.

        Returns
        -------
        ndarray
            float, (N,), 0 to 1: the share of training cells that are more unusual. Below `ALARM` a
            prediction is not to be trusted.

        Raises
        ------
        ArrayError
            If an image or a mask cannot be used.
        """
        images, masks, _ = canonical_pair(images, masks)
        return self.score_looks(describe_all(images, masks))

    def score_looks(self, looks: np.ndarray) -> np.ndarray:
        """Say how familiar sections are that were described before, (N, F) to (N,)."""
        odd = (self.distances(looks) / self.norms).max(axis=1)
        # A cell more unusual than all training cells scores 0, one as unusual as the median 0.5.
        below = np.searchsorted(self.oddness, odd) / len(self.oddness)
        scores = np.asarray(1 - below)
        if self.also is None:
            return scores
        return np.maximum(scores, SIMULATED * self.also.score_looks(looks))

    def warning(self, image: Any, mask: Any) -> str:
        """Say in one sentence what is odd about one section; nothing if it is familiar.

        Parameters
        ----------
        image, mask : array-like
            (Y, X), as for `score_inputs`.
        """
        images, masks, _ = canonical_pair(image, mask)
        looks = describe_all(images[:1], masks[:1])
        return self.warning_of(looks[0])

    def warning_of(self, looks: np.ndarray) -> str:
        """Say what is odd about a section that was described before, (F,)."""
        score = float(self.score_looks(looks[None])[0])
        if score >= ALARM:
            return ""
        ends = self._units(looks[None])[0]
        ratio = np.where(ends > 0, ends / self.high, -ends / self.low)
        worst = [i for i in np.argsort(-ratio) if ratio[i] > 1][:3]
        told = [
            TRAITS[self.traits[i]].high if ends[i] > 0 else TRAITS[self.traits[i]].low
            for i in worst
        ]
        what = "; ".join(told) or "the combination of its features is unusual"
        rank = "all" if score == 0 else f"{1 - score:.1%}"
        return f"More unusual than {rank} of the {self.cells} training cells: {what}."

    def distances(self, looks: np.ndarray) -> np.ndarray:
        """Give Mahalanobis distance and largest deviation, (N, F) to (N, 2)."""
        units = self._units(looks)
        off = units - self.mean
        squares = np.einsum("ni,ij,nj->n", off, self.precision, off)
        ratio = np.where(units > 0, units / self.high, -units / self.low)
        return np.stack([np.sqrt(np.maximum(squares, 0)), ratio.max(axis=1)], axis=1)

    def _units(self, looks: np.ndarray) -> np.ndarray:
        return np.clip((looks - self.centre) / self.scale, -CUT, CUT)

    def to_dict(self) -> dict[str, Any]:
        """Give the statistics as JSON values, to five digits."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        also = values.pop("also")
        if also is not None:
            values["also"] = also.to_dict()
        return {
            name: _rounded(value) if isinstance(value, np.ndarray) else value
            for name, value in values.items()
        }


def from_dict(values: Mapping[str, Any]) -> Familiarity:
    """Make the statistics from what `Familiarity.to_dict` gave.

    Raises
    ------
    ConfigError
        If these are other values, or of traits that this version does not have.
    """
    try:
        traits = tuple(values["traits"])
        arrays = {
            name: np.asarray(values[name], float)
            for name in ("centre", "scale", "mean", "precision", "low", "high", "norms", "oddness")
        }
        also = values.get("also")
        found = Familiarity(
            traits,
            **arrays,
            cells=int(values["cells"]),
            digest=str(values.get("digest", "")),
            also=None if also is None else from_dict(also),
        )
        good = found.precision.shape == (len(traits),) * 2 and traits == tuple(TRAITS)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError("these are not statistics of training cells; fit them again.") from error
    if not good:
        raise ConfigError(
            "the statistics of training cells are from another version; fit them again."
        )
    return found


def fit_familiarity(
    images: np.ndarray, masks: np.ndarray, names: Sequence[str] | None = None
) -> Familiarity:
    """Fit the statistics to training cells.

    The quantiles that scores are read from are of cells that were left out: eight neighbours at a
    time, for siblings look alike.

    Parameters
    ----------
    images, masks : ndarray
        uint8, (N, 64, 64).
    names : sequence of str, optional
        Names of the cells, to sort them by and to keep the digest of. Neighbours must be together
        if there are none.

    Raises
    ------
    ConfigError
        If there are too few cells.
    """
    if len(images) < FEWEST:
        raise ConfigError(
            f"{len(images)} training cells are too few to compute their statistics; at least "
            f"{FEWEST} are needed."
        )
    looks = describe_all(images, masks)
    if names is not None:
        looks = looks[sorted(range(len(names)), key=lambda i: names[i])]
    chunks = np.array_split(np.arange(len(looks)), -(-len(looks) // BLOCK))
    distances = np.empty((len(looks), 2))
    for part in range(min(PARTS, len(chunks))):
        held = np.concatenate(chunks[part::PARTS])
        others = _fit(np.delete(looks, held, axis=0))
        distances[held] = others.distances(looks[held])
    norms = np.quantile(distances, 0.9, axis=0)
    oddness = np.quantile((distances / norms).max(axis=1), np.linspace(0, 1, 201))
    fitted = _fit(looks)
    return Familiarity(
        fitted.traits,
        fitted.centre,
        fitted.scale,
        fitted.mean,
        fitted.precision,
        fitted.low,
        fitted.high,
        norms,
        oddness,
        len(looks),
        digest_of(names) if names is not None else "",
    )


def _fit(looks: np.ndarray) -> Familiarity:
    least = np.array([trait.least for trait in TRAITS.values()])
    centre = np.median(looks, axis=0)
    quartiles = np.quantile(looks, [0.25, 0.75], axis=0)
    # Where most cells are alike and some are not, such as in holes, the quartiles may coincide.
    scale = np.maximum.reduce([(quartiles[1] - quartiles[0]) / 1.349, looks.std(axis=0) / 4, least])
    units = np.clip((looks - centre) / scale, -CUT, CUT)
    ends = np.quantile(units, [RARE, 1 - RARE], axis=0)
    return Familiarity(
        tuple(TRAITS),
        centre,
        scale,
        units.mean(axis=0),
        np.linalg.inv(shrunk_covariance(units)),
        np.maximum(-ends[0], 1.5),
        np.maximum(ends[1], 1.5),
        np.ones(2),
        np.zeros(1),
        len(looks),
    )


def shrunk_covariance(rows: np.ndarray) -> np.ndarray:
    """Estimate a covariance that can be inverted, from few rows, (N, F) to (F, F).

    The sample covariance S is drawn towards m I, m the mean variance, by the share that Ledoit and
    Wolf show to be best: b / d, with d = |S - m I|^2 and b the smaller of d and the sum of
    |x x' - S|^2 / N^2, all norms over F.
    """
    count, width = rows.shape
    centred = rows - rows.mean(axis=0)
    sample = centred.T @ centred / count
    level = np.trace(sample) / width
    distance = ((sample - level * np.eye(width)) ** 2).sum() / width
    # The sum of |x x' - S|^2 is that of |x|^4 less N |S|^2.
    noise = ((centred**2).sum(axis=1) ** 2).sum() - count * (sample**2).sum()
    share = min(noise / width / count**2, distance) / distance if distance > 0 else 1.0
    return np.asarray(share * level * np.eye(width) + (1 - share) * sample)


def _rounded(values: np.ndarray) -> list[Any]:
    return np.vectorize(lambda value: float(f"{value:.5g}"))(values).tolist()
