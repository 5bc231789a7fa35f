"""The statistics that cells are compared with: those of a model's training cells."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import ConfigError, FileError
from dispr.familiarity.statistics import Familiarity, from_dict
from dispr.model.seen import digest_of
from dispr.model.shipped import FOLDER
from dispr.records import read_json, write_json

SHIPPED = FOLDER / "familiarity.json"
"""Statistics of the shipped model's training cells."""


def save_familiarity(path: Path, familiarity: Familiarity) -> None:
    """Write the statistics as JSON."""
    write_json(path, familiarity.to_dict(), sealed=True)


def load_familiarity(path: Path = SHIPPED) -> Familiarity:
    """Read statistics that `save_familiarity` wrote; those shipped with the package by default.

    Raises
    ------
    FileError
        If the file is missing or holds no such statistics.
    """
    content = read_json(path, remedy="fit the statistics again")
    try:
        return from_dict(content)
    except ConfigError as error:
        raise FileError(f"{path} has no statistics of training cells; fit them again.") from error


def familiarity_of(about: Mapping[str, Any]) -> Familiarity | None:
    """Find the statistics of a model's training cells.

    Parameters
    ----------
    about : mapping
        `Model.about`. Its `familiarity` holds them (`to_dict`), or its `training_cells` are those
        that the shipped statistics were fitted to.

    Returns
    -------
    Familiarity or None
        None where nothing is known of the training cells' looks, or in terms of another version.
    """
    kept = about.get("familiarity")
    if kept is not None:
        with contextlib.suppress(ConfigError):
            return from_dict(kept)
        return None
    cells = about.get("training_cells")
    if not cells or not SHIPPED.is_file():
        return None
    shipped = load_familiarity()
    return shipped if shipped.digest == digest_of(cells) else None


def score_inputs(images: Any, masks: Any, reference: Familiarity | None = None) -> np.ndarray:
    """Compute how similar sections are to the training cells, from 0 to 1.

    See `Familiarity.score_inputs`.

    Parameters
    ----------
    images, masks : array-like
        (N, Y, X), or one section, (Y, X).
    reference : Familiarity, optional
        That of the shipped model's training cells if not given.
    """
    return (reference or load_familiarity()).score_inputs(images, masks)


def warning(image: Any, mask: Any, reference: Familiarity | None = None) -> str:
    """Return what is unusual about a section, or an empty string if it is familiar.

    Parameters
    ----------
    image, mask : array-like
        (Y, X).
    reference : Familiarity, optional
        That of the shipped model's training cells if not given.
    """
    return (reference or load_familiarity()).warning(image, mask)
