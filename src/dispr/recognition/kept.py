"""A classifier kept in a file: arrays and JSON, read without executing code or scikit-learn."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dispr._version import __version__
from dispr.cells.classes import score_of_type
from dispr.errors import ConfigError, FileError
from dispr.familiarity.statistics import Familiarity, from_dict
from dispr.files import atomic_path
from dispr.limits import largest_weights, raise_it
from dispr.recognition.calibration import SURE, Calibration, calibration_from, named
from dispr.recognition.linear import Linear, linear_from
from dispr.recognition.trees import Trees, trees_from
from dispr.recognition.types import classes_in, sde_score, summed
from dispr.records import parse_json, read_json, write_json

FOLDER = "classifiers"
"""Where the classifiers are, in the folder of a classification."""

INDEX = "index.json"
"""The list of them, with their checksums."""

FORMAT = 2

_STEPS = ("fill", "mean", "deviation", "chosen")
_AGAIN = "run dispr classify again without --apply"


@dataclass(frozen=True, eq=False)
class KeptClassifier:
    """A classifier of cells, fitted to all cells of a data set.

    Attributes
    ----------
    source, classifier : str
        Where its features come from, see `feature_sources`; "forest", "boosting" or
        "linear".
    columns : tuple of str
        The F features that it takes.
    types : tuple of str
        The T types whose probabilities its trees or weights give; classes where it knows no types.
    fill, mean, deviation : ndarray
        float64, (F,): what stands for a feature that is not defined; what scales it.
    chosen : ndarray
        int64, places of the features that it uses.
    trees : Trees or Linear
        Over these features.
    calibration : Calibration
        Fitted to the probabilities of cells that a classifier of the folds was not trained on.
    names : tuple of str
        The cells that it was trained on.
    published : bool
        Whether the features are the published ones.
    measures : str
        Fingerprint of the measures (`features.fingerprint`).
    drawn : mapping
        Model, sampler and steps of predicted shapes; empty where none are used.
    familiarity : Familiarity or None
        Statistics of the sections of its cells; None of fewer than these need.
    """

    source: str
    classifier: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    fill: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    chosen: np.ndarray
    trees: Trees | Linear
    calibration: Calibration
    names: tuple[str, ...]
    published: bool
    measures: str
    drawn: Mapping[str, Any]
    familiarity: Familiarity | None = None

    @property
    def key(self) -> str:
        """What its file is called."""
        return f"{self.source}_{self.classifier}"

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The C classes that it knows, sorted."""
        return classes_in(self.types)

    def told(self, values: np.ndarray, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Say what cells are.

        Parameters
        ----------
        values : ndarray
            (N, F'), NaN where a feature is not defined.
        columns : sequence of str
            (F',): the features, which may be more than the classifier's own.

        Returns
        -------
        probabilities : ndarray
            (N, C), the calibrated probability of each class.
        scores : ndarray
            (N,), the score of each cell if it is an SDE cell (`types.sde_score`).

        Raises
        ------
        ConfigError
            If a feature is missing.
        """
        missing = [name for name in self.columns if name not in columns]
        if missing:
            raise ConfigError(
                f"the classifier needs the feature {missing[0]}, which these cells lack; {_AGAIN}."
            )
        place = {name: i for i, name in enumerate(columns)}
        values = values[:, [place[name] for name in self.columns]]
        filled = np.where(np.isfinite(values), values, self.fill)
        scaled = (filled - self.mean) / np.where(self.deviation > 0, self.deviation, 1.0)
        likely = self.trees.probabilities(scaled[:, self.chosen])
        scores = sde_score(likely, self.types)
        return self.calibration(summed(likely, self.types)), scores

    @property
    def scores_sde(self) -> bool:
        """Whether it knows types that have a score."""
        return any(math.isfinite(score_of_type(name)) for name in self.types)

    def row_of(self, likely: np.ndarray, score: float, sure: float = SURE) -> dict[str, Any]:
        """Give the columns of a cell in tables.

        Parameters
        ----------
        likely : ndarray
            (C,), as `told` gives it.
        score : float
            As `told` gives it.
        sure : float
            Probability that a class must have to be named, 0 to 1.

        Returns
        -------
        dict
            `predicted_class`, or "not sure"; `class_probability`, that of the likeliest class; and,
            of a classifier that knows types with a score, `sde_score`: -1 to 1, empty for cells
            that are not named SDE.
        """
        (name,) = named(likely[None], self.classes, sure)
        row = {"predicted_class": name, "class_probability": round(float(likely.max()), 4)}
        if self.scores_sde:
            row["sde_score"] = round(float(score), 3) if name == "SDE" else ""
        return row


def save_kept(out: Path, kept: list[KeptClassifier]) -> None:
    """Write classifiers to `out`/classifiers, and the list of them with their checksums.

    Raises
    ------
    FileError
        If the folder cannot be written to.
    """
    folder = out / FOLDER
    entries = {}
    for one in kept:
        content = _content(one)
        path = folder / f"{one.key}.safetensors"
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
        entries[one.key] = {
            "file": path.name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "features": one.source,
            "classifier": one.classifier,
        }
    write_json(folder / INDEX, {"classifiers": entries}, sealed=True)


def _content(kept: KeptClassifier) -> bytes:
    from safetensors.numpy import save

    arrays = {name: getattr(kept, name) for name in _STEPS} | kept.trees.arrays()
    about = {
        "format": FORMAT,
        "dispr": __version__,
        **{name: getattr(kept, name) for name in _PLAIN},
        "calibration": kept.calibration.to_dict(),
        "familiarity": None if kept.familiarity is None else kept.familiarity.to_dict(),
    }
    content: bytes = save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        # One entry: the library writes several in an order that changes.
        metadata={"dispr_classifier": json.dumps(about, sort_keys=True)},
    )
    return content


_PLAIN = {
    "source": str,
    "classifier": str,
    "columns": list,
    "types": list,
    "names": list,
    "published": bool,
    "measures": str,
    "drawn": dict,
}
"""What is kept as JSON as it is, and of which kind."""


def load_kept(
    folder: Path, source: str | None = None, classifier: str | None = None
) -> KeptClassifier:
    """Read the classifier of a classification's folder.

    Parameters
    ----------
    folder : Path
        As `dispr classify` writes it.
    source, classifier : str, optional
        Which one, where there are several.

    Raises
    ------
    FileError
        If there is none, or it is damaged or was changed.
    ConfigError
        If there are several, or not this one.
    """
    index = folder / FOLDER / INDEX
    if not index.is_file():
        raise FileError(
            f"{folder} has no kept classifier ({FOLDER}/{INDEX}); make one with dispr classify "
            f"DATA -o {folder}."
        )
    entries = read_json(index, {"classifiers": dict}, remedy=_AGAIN)["classifiers"]
    chosen = {
        key: entry
        for key, entry in entries.items()
        if source in (None, entry["features"]) and classifier in (None, entry["classifier"])
    }
    if len(chosen) != 1:
        what = "several classifiers" if chosen else "no such classifier"
        of = ", ".join(f"{e['features']} by {e['classifier']}" for e in entries.values()) or "none"
        raise ConfigError(
            f"{folder} has {what}; it keeps {of}. Choose one by --features and --classifiers."
        )
    (entry,) = chosen.values()
    return read_kept(index.with_name(Path(entry["file"]).name), str(entry["sha256"]))


def read_kept(path: Path, sha256: str) -> KeptClassifier:
    """Read a classifier; FileError if it is missing, or another than that of the checksum."""
    from safetensors.numpy import load

    try:
        if path.stat().st_size > largest_weights():
            raise FileError(f"{path} is larger than any classifier; {raise_it()}.")
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FileError(f"{path} cannot be read: {reason}; {_AGAIN}.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise FileError(
            f"{path} is not the classifier that dispr classify wrote: its checksum differs; "
            f"{_AGAIN}."
        )
    try:
        length = int.from_bytes(content[:8], "little")
        header = parse_json(content[8 : 8 + length])
        about = parse_json(header["__metadata__"]["dispr_classifier"])
        if about["format"] != FORMAT:
            raise FileError(f"{path} was written by another version of dispr; {_AGAIN}.")
        if not all(isinstance(about[name], kind) for name, kind in _PLAIN.items()):
            raise ValueError
        return _made(load(content), about)
    except FileError:
        raise
    except Exception as error:  # of the library, several kinds
        raise FileError(f"{path} is no classifier of dispr; {_AGAIN}.") from error


def _made(arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> KeptClassifier:
    """Make the classifier of what was read; ConfigError, ValueError or KeyError if it is none."""
    plain: dict[str, Any] = {
        name: tuple(map(str, about[name])) if kind is list else about[name]
        for name, kind in _PLAIN.items()
    }
    features, types = len(plain["columns"]), len(plain["types"])
    steps: dict[str, Any] = {name: arrays[name] for name in _STEPS}
    places = steps["chosen"]
    if any(steps[name].shape != (features,) for name in _STEPS[:3]) or places.ndim != 1:
        raise ValueError
    if places.dtype != np.int64 or ((places < 0) | (places >= features)).any():
        raise ValueError
    if not all(np.isfinite(steps[name]).all() for name in _STEPS):
        raise ValueError
    known = about["familiarity"]
    return KeptClassifier(
        **plain,
        **steps,
        trees=(linear_from if "weights" in arrays else trees_from)(arrays, len(places), types),
        calibration=calibration_from(about["calibration"], len(classes_in(plain["types"]))),
        familiarity=None if known is None else from_dict(known),
    )
