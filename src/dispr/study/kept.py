"""A classifier kept in a file: arrays and JSON, read without executing code or scikit-learn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dispr._version import __version__
from dispr.errors import ConfigError, FileError
from dispr.familiarity.statistics import Familiarity, from_dict
from dispr.files import atomic_path
from dispr.limits import largest_weights, raise_it
from dispr.recognition.calibration import Calibration, calibration_from
from dispr.records import parse_json, read_json, write_json
from dispr.study.feature_table import FeatureTable
from dispr.study.linear import Linear, linear_from
from dispr.study.trees import Trees, trees_from

FOLDER = "classifiers"
"""Where the classifiers are, in the folder of a classification."""

INDEX = "index.json"
"""The list of them, with their checksums."""

FORMAT = 1

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
    classes : tuple of str
        The C classes that it knows.
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
    classes: tuple[str, ...]
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

    def probabilities(self, rows: FeatureTable) -> np.ndarray:
        """Give the calibrated probability of each class, (N, C).

        Raises
        ------
        ConfigError
            If a feature is missing.
        """
        missing = [name for name in self.columns if name not in rows.columns]
        if missing:
            raise ConfigError(
                f"the classifier needs the feature {missing[0]}, which these cells lack; {_AGAIN}."
            )
        values = rows.values[:, [rows.columns.index(name) for name in self.columns]]
        filled = np.where(np.isfinite(values), values, self.fill)
        scaled = (filled - self.mean) / np.where(self.deviation > 0, self.deviation, 1.0)
        return self.calibration(self.trees.probabilities(scaled[:, self.chosen]))


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
    "classes": list,
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
    return _read(index.with_name(Path(entry["file"]).name), str(entry["sha256"]))


def _read(path: Path, sha256: str) -> KeptClassifier:
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
    features, classes = len(plain["columns"]), len(plain["classes"])
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
        trees=(linear_from if "weights" in arrays else trees_from)(arrays, len(places), classes),
        calibration=calibration_from(about["calibration"], classes),
        familiarity=None if known is None else from_dict(known),
    )
