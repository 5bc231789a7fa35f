import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from dispr.cells.blocks import BLOCK
from dispr.cells.classes import CLASSES, parse_name
from dispr.cells.dataset import CellDataset, validation_split
from dispr.cells.folder import CellFiles, find_cells
from dispr.errors import ConfigError, FileError


def named(names):
    return [CellFiles(n, Path("image") / n, Path("mask") / n, Path("obj") / n) for n in names]


def numbered(kind, *runs):
    return named(f"{kind}{n:06d}" for start, stop in runs for n in range(start, stop))


def test_batches_are_stacked(tmp_path, write_cells, make_cell):
    names = ["0.00_discocyte000001", "B_keratocytes000002", "mine"]
    ds = CellDataset(find_cells(write_cells(tmp_path, names)))
    batch = ds.batch([2, 0, 1, 0])
    assert {k: (v.shape, v.dtype) for k, v in batch.items() if k != "names"} == {
        "image": ((4, 64, 64), torch.uint8),
        "mask": ((4, 64, 64), torch.uint8),
        "obj": ((4, 64, 64, 64), torch.uint8),
        "label": ((4,), torch.long),
    }
    assert batch["names"] == [names[i] for i in (2, 0, 1, 0)]
    assert batch["label"].tolist() == [-1, 0, CLASSES.index("keratocytes"), 0]
    assert np.array_equal(batch["image"][0].numpy(), make_cell(seed=2)["image"])


def test_cells_are_kept_in_memory_up_to_the_limit(tmp_path, write_cells):
    files = find_cells(write_cells(tmp_path, ["a", "b"]))
    ds = CellDataset(files, cache_bytes=300_000)  # room for one cell
    assert [cell.name for cell in ds] == ["a", "b"]
    for file in files:
        file.obj.unlink()
    assert ds[0] is ds[-2]
    with pytest.raises(FileError, match=r"b\.tif"):
        ds[1]
    with pytest.raises(IndexError):
        ds[2]


def test_every_cell_needs_its_shape(tmp_path, write_cells):
    with pytest.raises(FileError, match=r"a\.tif has no 3D shape"):
        CellDataset(find_cells(write_cells(tmp_path, ["a"], kinds=("image", "mask"))))


def test_a_batch_does_not_share_memory_with_the_cache(tmp_path, write_cells):
    ds = CellDataset(find_cells(write_cells(tmp_path, ["a"])))
    ds.batch([0])["image"].zero_()
    assert ds[0].image.any()


def test_no_block_is_divided():
    files = numbered("0.00_discocyte", (0, 40), (48, 60), (100, 108)) + numbered("new", (0, 16))
    blocks = [range(s, s + 8) for s in (0, 8, 16, 24, 32, 48, 100)] + [range(56, 60)]
    for seed in range(10):
        train, validation = validation_split(files, 0.2, seed)
        assert Counter(train) + Counter(validation) == Counter(files)
        numbers = {parse_name(f.name).number for f in validation if "disc" in f.name}
        assert len(numbers) in (8, 12, 16)  # of 60, a fifth asked for
        assert all(numbers.isdisjoint(b) or numbers.issuperset(b) for b in blocks)


def test_a_missing_number_starts_a_new_block():
    files = numbered("0.00_discocyte", (0, 4), (5, 9))
    validation = validation_split(files, 0.5)[1]
    assert validation in (files[:4], files[4:])


def test_the_split_is_the_same_in_any_order_and_another_for_another_seed():
    files = numbered("0.00_discocyte", (0, 400)) + named(f"mine{i}" for i in range(50))
    shuffled = random.Random(0).sample(files, len(files))
    assert validation_split(files, 0.1, 3) == validation_split(shuffled, 0.1, 3)
    assert len({tuple(validation_split(files, 0.1, seed)[1]) for seed in range(5)}) == 5


def test_one_type_does_not_change_the_draw_of_another():
    disc, burr = numbered("0.00_discocyte", (0, 80)), numbered("burr", (0, 80))
    alone = validation_split(disc, 0.2)[1]
    assert [f for f in validation_split(disc + burr, 0.2)[1] if f in disc] == alone


def test_training_keeps_a_block_of_every_type():
    files = numbered("a", (0, 8)) + numbered("b", (0, 16)) + named(["x"])
    train, validation = validation_split(files, 0.9)
    assert Counter(f.name[0] for f in train) == {"a": 8, "b": 8, "x": 1}
    assert len(validation) == 8


def test_cells_without_a_number_are_split_one_by_one():
    files = named(f"mine{i}" for i in range(50))
    train, validation = validation_split(files, 0.1)
    assert (len(train), len(validation)) == (45, 5)


def test_fraction_0_gives_none_and_nonsense_is_refused():
    files = numbered("a", (0, 80))
    assert validation_split(files, 0)[1] == []
    for fraction in (-0.1, 1, float("nan")):
        with pytest.raises(ConfigError, match="fraction"):
            validation_split(files, fraction)


@pytest.mark.reference
def test_the_fraction_is_about_right_over_the_real_cells(real_cells):
    files = find_cells(real_cells, "train")
    for seed in range(3):
        train, validation = validation_split(files, 0.1, seed)
        assert 0.07 <= len(validation) / len(files) <= 0.14
        kinds = {parse_name(f.name).cell_class for f in validation}
        assert len(kinds) >= 5
        runs = Counter(parse_name(f.name).type for f in validation)
        assert max(runs.values()) <= 2 * BLOCK
        assert len(train) + len(validation) == 524


@pytest.mark.reference
def test_real_cells_are_read(real_cells):
    ds = CellDataset(find_cells(real_cells, "test")[:3])
    assert ds.batch([0, 1, 2])["label"].tolist() == [0, 0, 0]
