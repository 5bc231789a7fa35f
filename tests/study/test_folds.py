import csv
import itertools
from collections import Counter
from pathlib import Path

import pytest

from dispr.cells.blocks import blocks
from dispr.cells.classes import parse_name
from dispr.errors import ConfigError, FileError
from dispr.study.folds import (
    Split,
    class_of,
    classes_of,
    make_split,
    rare_classes,
    read_split,
    write_split,
)


def runs(kind, count, first=0):
    return [f"{kind}{first + i:06d}" for i in range(count)]


PUBLISHED = Path(__file__).parents[2] / "docs" / "folds"

NAMES = runs("0.00_discocyte", 80) + runs("1.00_echinocyte_III", 40) + runs("B_keratocytes", 24)


def test_every_cell_is_tested_once_in_each_repeat():
    split = make_split(NAMES, repeats=2)
    for repeat in (0, 1):
        folds = [fold for fold in split if fold.repeat == repeat]
        assert len(folds) == 5
        assert sorted(name for fold in folds for name in fold.test) == sorted(NAMES)
        for fold in folds:
            assert set(fold.train) == set(NAMES) - set(fold.test)
    assert split.folds[0] != split.folds[1]


def test_runs_stay_together():
    split = make_split(NAMES, "runs", repeats=3)
    for kind in {parse_name(name).type for name in NAMES}:
        of_kind = [(parse_name(n), n) for n in sorted(NAMES) if parse_name(n).type == kind]
        for block in blocks(of_kind):
            for folds in split.folds:
                assert len({folds[name] for name in block}) == 1


def test_random_folds_part_neighbours_and_hold_each_class():
    split = make_split(NAMES, "random")
    neighbours = itertools.pairwise(NAMES[:80])
    assert any(split.folds[0][a] != split.folds[0][b] for a, b in neighbours)
    for fold in split:
        counts = Counter(class_of(name) for name in fold.test)
        assert abs(counts["SDE"] - 24) <= 2
        assert counts["keratocytes"] in (4, 5)
    assert not rare_classes(split)


def test_folds_are_alike_in_size():
    for scheme, slack in (("runs", 8), ("random", 2)):
        sizes = [len(fold.test) for fold in make_split(NAMES, scheme)]
        assert max(sizes) - min(sizes) <= slack


def test_the_draw_depends_on_names_and_seed_alone():
    split = make_split(NAMES, seed=3)
    assert make_split(NAMES[::-1], seed=3).folds == split.folds
    assert make_split(NAMES, seed=4).folds != split.folds


def test_known_draw():
    # A published split must be drawn alike by later versions.
    split = make_split(runs("0.00_discocyte", 6) + runs("B_keratocytes", 4), "random", folds=2)
    assert list(split.folds[0].values()) == [1, 0, 1, 0, 1, 0, 0, 1, 1, 0]


def test_rare_classes_are_named():
    # Three blocks of keratocytes cannot be in five folds.
    (sentence,) = rare_classes(make_split(NAMES, "runs"))
    assert sentence.startswith("keratocytes has no test cell in 2 of 5 folds")
    # Smaller blocks can.
    assert not rare_classes(make_split(NAMES, "runs", block=4))
    one_block = NAMES[:120] + runs("D_multilobate_cells", 8)
    assert any(
        "multilobate has no training cell in 1 of 5" in sentence
        for sentence in rare_classes(make_split(one_block, "runs"))
    )


def test_file(tmp_path):
    split = make_split(NAMES, repeats=2)
    path = tmp_path / "folds.csv"
    write_split(path, split)
    assert read_split(path, NAMES).folds == split.folds
    with open(path, newline="") as file:
        assert next(csv.DictReader(file)).keys() == {"name", "repeat", "fold"}
    assert read_split(path).folds == split.folds
    with pytest.raises(FileError, match=r"lacks 0\.00_discocyte000900"):
        read_split(path, [*NAMES, "0.00_discocyte000900"])
    with pytest.raises(FileError, match="which does not exist"):
        read_split(path, NAMES[1:])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,fold\n0.00_discocyte000001,0\n", "lacks the column repeat"),
        ("name,repeat,fold\n0.00_discocyte000001,0,x\n", "fold is 'x'"),
        (
            "name,repeat,fold\n0.00_discocyte000001,0,0\n0.00_discocyte000001,0,1\n",
            "twice in repeat 0",
        ),
        ("name,repeat,fold\n0.00_discocyte000001,0,0\n", "at least two"),
        (
            "name,repeat,fold\n0.00_discocyte000001,0,0\nB_keratocytes000001,0,2\n",
            "without gaps",
        ),
        (
            "name,repeat,fold\n0.00_discocyte000001,0,0\nB_keratocytes000001,0,1\n"
            "B_keratocytes000001,1,1\n",
            "every cell in repeat 1",
        ),
        ("name,repeat,fold\n", "every cell in repeat 0"),
    ],
)
def test_bad_files(text, sentence, tmp_path):
    path = tmp_path / "folds.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=sentence):
        read_split(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        read_split(tmp_path / "folds.csv")


@pytest.mark.parametrize(
    ("names", "settings", "sentence"),
    [
        (NAMES, {"scheme": "donors"}, "runs or random"),
        (NAMES, {"folds": 1}, "folds must be at least 2"),
        (NAMES, {"repeats": 0}, "repeats must be at least 1"),
        ([], {}, "no cells"),
        ([*NAMES, NAMES[0]], {}, "two cells are named"),
        (["cell_1", *NAMES], {}, "the name cell_1 does not state a class"),
        (NAMES[:120], {}, "all cells are of the class SDE"),
        (NAMES[:8] + NAMES[-8:], {}, "fill only 2 of 5 folds"),
    ],
)
def test_bad_input(names, settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        make_split(names, **settings)


def test_classes_in_published_order():
    assert classes_of(NAMES[::-1]) == ("SDE", "keratocytes")


def test_count():
    assert Split(({"a": 0, "b": 2, "c": 1},)).count == 3


@pytest.mark.parametrize("scheme", ["runs", "random"])
def test_published_folds_are_those_that_are_drawn(scheme):
    published = read_split(PUBLISHED / f"red_blood_cells_{scheme}.csv")
    assert len(published.names) == 661
    assert published.folds == make_split(published.names, scheme, repeats=3).folds
