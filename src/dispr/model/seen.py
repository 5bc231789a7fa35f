"""Which cells had a part in a model, as its weights tell."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from dispr.errors import ConfigError

SIMULATED_EXTRA = "3e4d2bf38ca1a41a"
"""Checksum of the training cells of the first shipped weights. Their 3,000 extra cells, which are
not named, were simulated (docs/model-card.md)."""


def seen_cells(
    about: Mapping[str, Any], unrelated: Collection[str] = ()
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Read from the remarks in weights which cells had a part in them.

    Parameters
    ----------
    about : mapping
        `Weights.about`: `training_cells`, `extra_training_cells` where there were any, and
        `started_from`, the same of the weights that the training began with, and so on.
    unrelated : collection of str
        Data sets (`about["data"]`, `about["extra_data"]`) that share no cell with those to be
        classified, such as simulated ones. Their cells are passed over, for equal names mean
        nothing there.

    Returns
    -------
    seen : frozenset of str
        Names of cells.
    remarks : tuple of str
        Sentences on what the weights do not tell.

    Raises
    ------
    ConfigError
        If the weights do not name all cells that they were trained on.
    """
    seen: set[str] = set()
    remarks: list[str] = []
    link: Mapping[str, Any] | None = about
    while link is not None:
        cells = link.get("training_cells")
        if cells is None:
            raise ConfigError(
                "the weights do not list their training cells, so leaks cannot be excluded; use "
                "weights written by dispr train."
            )
        if link.get("data") not in unrelated:
            seen.update(cells)
        extra, named = link.get("extra_cells"), link.get("extra_training_cells")
        if extra and not named:
            if digest_of(cells) != SIMULATED_EXTRA:
                raise ConfigError(
                    f"the weights do not list {extra} extra cells that they were trained on, so "
                    "leaks cannot be excluded; use weights written by this version of dispr "
                    "train."
                )
            remark = f"The model was also trained on {extra} simulated cells."
            remarks += [remark] if remark not in remarks else []
        if named and link.get("extra_data") not in unrelated:
            seen.update(named)
        link = link.get("started_from")
    return frozenset(seen), tuple(remarks)


def digest_of(names: Iterable[str]) -> str:
    """Give a checksum of the names of cells, in any order."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]
