"""Which cells are tested together: repeated, stratified folds, drawn once and kept in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dispr.arguments import one_of
from dispr.cells.blocks import BLOCK, blocks
from dispr.cells.classes import CLASSES, parse_name
from dispr.errors import ConfigError, FileError
from dispr.files import write_csv
from dispr.records import read_csv

SCHEMES = ("runs", "random")
"""Ways to draw folds: blocks of neighbouring numbers stay together, or every cell by itself."""


@dataclass(frozen=True)
class Fold:
    """One division into training and test cells.

    Attributes
    ----------
    repeat, number : int
        The repeat and the fold in it, from 0.
    train, test : tuple of str
        Names of cells, sorted; no cell is in both.
    """

    repeat: int
    number: int
    train: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def key(self) -> str:
        """Short name, used in file names: "repeat_0_fold_3"."""
        return f"repeat_{self.repeat}_fold_{self.number}"


@dataclass(frozen=True)
class Split:
    """Repeated folds of a set of cells.

    Attributes
    ----------
    folds : tuple of mapping of str to int
        For each repeat the fold, from 0, in which a cell is tested, by the cell's name.
    """

    folds: tuple[Mapping[str, int], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All cells, sorted."""
        return tuple(sorted(self.folds[0]))

    @property
    def count(self) -> int:
        """Number of folds in a repeat."""
        return 1 + max(max(fold.values()) for fold in self.folds)

    def __iter__(self) -> Iterator[Fold]:
        """Go through the folds of the first repeat, then through those of the next."""
        for repeat, of in enumerate(self.folds):
            for number in range(1 + max(of.values())):
                yield Fold(
                    repeat,
                    number,
                    tuple(name for name in self.names if of[name] != number),
                    tuple(name for name in self.names if of[name] == number),
                )


def make_split(
    names: Sequence[str],
    scheme: str = "runs",
    folds: int = 5,
    repeats: int = 1,
    seed: int = 0,
    block: int = BLOCK,
) -> Split:
    """Draw folds in which each class has its share.

    The draw depends on the names, not on their order, and on no library's generator of folds.

    Parameters
    ----------
    names : sequence of str
        Cells, whose names tell their class (`dispr.cells.classes`).
    scheme : "runs" or "random"
        "runs" keeps blocks of consecutive numbers of a type together (`dispr.cells.blocks`), for
        they often come from one donor; the blocks of a class go to the fold that has fewest cells
        of it, in random order of equals, the largest first. "random" deals the cells of a class
        out one by one, as published: siblings are then in training and test at once.
    folds, repeats, seed : int
        Folds in a repeat, at least 2; repeats, each drawn anew; seed of the draw.
    block : int
        Most cells of a block, for "runs". Smaller ones let rare classes be in more folds, and part
        neighbours.

    Raises
    ------
    ConfigError
        If a setting is invalid, a name occurs twice or tells no class, or there are fewer than two
        classes.
    """
    one_of(scheme, SCHEMES, "the scheme of folds")
    for what, value, least in (("folds", folds, 2), ("repeats", repeats, 1), ("block", block, 1)):
        if value < least:
            raise ConfigError(f"{what} must be at least {least}, not {value}.")
    _check_names(names)
    size = block if scheme == "runs" else 1
    return Split(
        tuple(_draw(names, folds, np.random.default_rng([seed, r]), size) for r in range(repeats))
    )


def class_of(name: str) -> str:
    """Give the class of a cell by its name; ConfigError if it tells none."""
    found = parse_name(name).cell_class
    if found is None:
        raise ConfigError(
            f"the name {name} does not state a class; cells to classify need names such as "
            '"B_keratocytes000012".'
        )
    return found


def rare_classes(split: Split) -> list[str]:
    """Say in one sentence each which classes are missing from the test or training of a fold."""
    sentences = []
    tested = [{class_of(name) for name in fold.test} for fold in split]
    trained = [{class_of(name) for name in fold.train} for fold in split]
    total = len(tested)
    for cell_class in classes_of(split.names):
        untested = sum(cell_class not in classes for classes in tested)
        untrained = sum(cell_class not in classes for classes in trained)
        if untested:
            sentences.append(
                f"{cell_class} has no test cell in {untested} of {total} folds; the macro F1 of "
                "these folds is the mean over the other classes."
            )
        if untrained:
            sentences.append(
                f"{cell_class} has no training cell in {untrained} of {total} folds, so it cannot "
                "be recognised there; use more cells or smaller blocks."
            )
    return sentences


def classes_of(names: Sequence[str]) -> tuple[str, ...]:
    """Give the classes that occur among cells, in the order of `CLASSES`."""
    present = {class_of(name) for name in names}
    return tuple(cell_class for cell_class in CLASSES if cell_class in present)


def write_split(path: Path, split: Split) -> None:
    """Write a split as CSV with the columns name, repeat and fold."""
    write_csv(
        path,
        [
            {"name": name, "repeat": repeat, "fold": of[name]}
            for repeat, of in enumerate(split.folds)
            for name in sorted(of)
        ],
    )


def read_split(path: Path, names: Sequence[str] | None = None) -> Split:
    """Read a split that `write_split` wrote, or anyone else in the same three columns.

    Parameters
    ----------
    path : Path
        CSV with the columns name, repeat and fold; numbers from 0 without gaps.
    names : sequence of str, optional
        Refuse a split that is not of exactly these cells.

    Raises
    ------
    FileError
        If the file cannot be read as a split, or is one of other cells.
    """
    table = read_csv(path, ["name"], whole=["repeat", "fold"], remedy="draw the folds again")
    found: dict[int, dict[str, int]] = {}
    for row in table:
        name, repeat = row["name"], int(row["repeat"])
        if name in found.setdefault(repeat, {}):
            raise FileError(f"{path} has {name} twice in repeat {repeat}.")
        found[repeat][name] = int(row["fold"])
    for repeat in range(max(len(found), 1)):
        if repeat not in found or set(found[repeat]) != set(found[0]):
            raise FileError(f"{path} does not have every cell in repeat {repeat}.")
        used = set(found[repeat].values())
        if used != set(range(len(used))) or len(used) < 2:
            raise FileError(
                f"{path} must number the folds of repeat {repeat} 0, 1, ... without gaps, at least "
                "two."
            )
    _check_names(tuple(found[0]))
    if names is not None and set(names) != set(found[0]):
        missing, extra = set(names) - set(found[0]), set(found[0]) - set(names)
        what = f"lacks {min(missing)}" if missing else f"has {min(extra)}, which does not exist"
        raise FileError(f"{path} contains folds of other cells: it {what}; draw new folds.")
    return Split(tuple(found[repeat] for repeat in range(len(found))))


def _draw(
    names: Sequence[str], folds: int, rng: np.random.Generator, size: int
) -> Mapping[str, int]:
    by_class: dict[str, dict[str, list[str]]] = {}
    for name in sorted(names):
        kind = parse_name(name).type
        by_class.setdefault(class_of(name), {}).setdefault(kind, []).append(name)
    fold_of: dict[str, int] = {}
    total = np.zeros(folds, int)
    for cell_class in sorted(by_class):
        of_class = np.zeros(folds, int)
        for kind in sorted(by_class[cell_class]):
            of_kind = np.zeros(folds, int)
            chunks = blocks(((parse_name(n), n) for n in by_class[cell_class][kind]), size)
            order = [chunks[i] for i in rng.permutation(len(chunks))]
            for chunk in sorted(order, key=len, reverse=True):
                # Fewest of the type, then of the class, then of all; then as it falls.
                keys = np.lexsort((rng.random(folds), total, of_class, of_kind))
                fold = int(keys[0])
                for count in (of_kind, of_class, total):
                    count[fold] += len(chunk)
                fold_of.update(dict.fromkeys(chunk, fold))
    used = sorted(set(fold_of.values()))
    if len(used) < folds:
        raise ConfigError(
            f"{len(names)} cells in blocks of up to {size} fill only {len(used)} of {folds} "
            "folds; use fewer folds or smaller blocks."
        )
    return {name: fold_of[name] for name in sorted(fold_of)}


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise ConfigError("there are no cells to classify.")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(
            f"two cells are named {twice[0]}; each cell must occur only once, in train or in test."
        )
    if len(classes_of(names)) < 2:
        raise ConfigError(
            f"all cells are of the class {class_of(names[0])}; at least two classes are needed."
        )
