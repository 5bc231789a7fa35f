"""What is decided before cells are cut: where they are, frame, split, classes and names."""

import numpy as np
import pytest

from dispr.errors import ArrayError, ConfigError, FileError
from dispr.files import read_tiff
from dispr.labelled.locate import as_labels, locate_cells
from dispr.labelled.stack.classes import Names, as_type, check_stacks, read_classes
from dispr.labelled.stack.cut import frame_of, refusal
from dispr.labelled.stack.frame import as_frame, choose_frame
from dispr.labelled.stack.split import split_stacks


def boxes():
    labels = np.zeros((12, 40, 40), np.uint16)
    labels[2:7, 10:20, 12:24] = 3  # 5 planes: 2 to 6
    labels[1, 5, 20] = 3  # a scrap of it, which comes first
    labels[4:8, 25:35, 3:14] = 7  # 4 planes
    labels[0:4, 0:8, 30:38] = 8
    labels[5:7, 30:38, 20:28] = 70_00  # 2 planes
    return labels


def test_cells_are_located():
    cells = {cell.label: cell for cell in locate_cells(boxes())}
    assert list(cells) == [3, 7, 8, 7000]
    assert cells[3].pieces == 2
    assert cells[3].inside.shape == (5, 10, 12)
    assert cells[3].middle == 4  # the third of five planes
    assert cells[7].middle == 6  # of an even number, the one that has more planes below
    assert cells[3].section.box == np.s_[10:20, 12:24]
    assert cells[3].centre == (4, 14.5, 17.5)
    assert cells[3].volume((2, 0.5, 0.5)) == 5 * 120 * 0.5
    assert cells[8].border == "ZY"
    assert cells[3].border == ""


def test_middle_is_that_of_the_published_cells(real_cells):
    for path in sorted(real_cells.glob("test/obj/*.tif"))[::10]:
        (cell,) = locate_cells((read_tiff(path) > 0).astype(np.uint8))
        assert cell.middle == 32


def test_huge_labels_cost_no_memory():
    labels = boxes().astype(np.int64)
    labels[labels == 7] = 4_000_000_000
    assert [cell.label for cell in locate_cells(labels)] == [3, 8, 7000, 4_000_000_000]


def test_a_mask_is_taken_apart():
    labels, from_mask = as_labels(boxes() > 0)
    assert from_mask
    assert labels.max() == 5
    assert not as_labels(boxes())[1]
    with pytest.raises(ArrayError, match="no cell is labelled"):
        as_labels(np.zeros((3, 8, 8), int))


def test_refusals():
    cells = {cell.label: cell for cell in locate_cells(boxes())}
    spacing = (1.0, 0.5, 0.5)
    frame = frame_of(11, spacing, "a.tif")
    assert frame.voxel == 11 / 64
    assert refusal(cells[3], frame) == ""
    assert refusal(cells[8], frame) == "touches the border of the stack along Z, Y"
    assert refusal(cells[7000], frame) == "too thin: spans 2 planes of the stack"
    assert refusal(cells[3], frame, 151).startswith("too small: 150 um3")
    assert "spans 6 um along X" in refusal(cells[3], frame_of(5.5, spacing, ""))
    with pytest.raises(ConfigError, match=r"2 pixels of a.tif"):
        frame_of(1, spacing, "a.tif")


def test_frame():
    assert as_frame("auto") is None
    assert as_frame("12.5") == 12.5
    for text in ("big", "-1", "nan"):
        with pytest.raises(ConfigError, match="auto"):
            as_frame(text)
    assert choose_frame([(5, 8, 7)] * 20) == pytest.approx(64 * 0.172)
    # Larger cells: the median one spans 48 of 64 in the plane, or 95 % at most 60.
    assert choose_frame([(5, 18, 15)] * 20) == 24.0
    assert choose_frame([(30, 15, 15)] * 20) == 32.0
    # One of twenty may be too large.
    assert choose_frame([(5, 8, 7)] * 19 + [(5, 30, 7)]) == pytest.approx(11.008)


def test_split():
    counts = {"a": 10, "b": 11, "c": 9, "d": 10, "e": 10, "empty": 0}
    for seed in range(5):
        splits = split_stacks(counts, 0.2, seed)
        test = [name for name, split in splits.items() if split == "test"]
        assert len(test) == 1
        assert test != ["empty"]
    assert len({tuple(split_stacks(counts, 0.2, seed).values()) for seed in range(9)}) > 1
    assert split_stacks({"a": 3}, 0.2) == {"a": "train"}
    assert sorted(split_stacks({"a": 3, "b": 99}, 0.01).values()) == ["test", "train"]
    assert split_stacks({"a": 3, "b": 9}, 0.01)["a"] == "test"
    assert set(split_stacks(counts, 0).values()) == {"train"}
    with pytest.raises(ConfigError, match="0 to 1"):
        split_stacks(counts, 2)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("0.00_discocyte", "0.00_discocyte"),
        ("Stomatocyte II", "-0.67_stomatocyte_II"),
        ("keratocytes", "B_keratocytes"),
        ("multilobate", "D_multilobate_cells"),
        ("hepatocyte", "hepatocyte"),
        ("stage 2", "stage_2_"),
        ("Discocytes", "0.00_discocyte"),
        ("keratocyte", "B_keratocytes"),
        ("Cell cluster", "A_cell_clusters"),
        ("Echinocyte-II", "0.67_echinocyte_II"),
    ],
)
def test_types(word, kind):
    assert as_type(word) == kind


@pytest.mark.parametrize("word", ["SDE", "a/b", "../x", ".hidden", "echinocyte", "stomatocytes"])
def test_words_that_are_no_types(word):
    with pytest.raises(FileError):
        as_type(word)


def test_table_of_classes(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text("stack,label,class\na,1,discocyte\na,2,\nb,1,knizocytes\n")
    classes = read_classes(path)
    assert classes == {("a", 1): "0.00_discocyte", ("b", 1): "C_knizocytes"}
    with pytest.raises(FileError, match='has the stack "b"'):
        check_stacks(classes, ["a"], path)
    path.write_text("Class;Stack;Label\nNA;a.tif;1,0\nDiscocytes;raw\\a.ome.tif;2,0\n")
    assert read_classes(path) == {("a", 2): "0.00_discocyte"}
    for text, words in (
        ("stack,label\na,1\n", "columns"),
        ("stack,label,type\na,x,bean\n", 'line 2: the label "x"'),
        ("stack,label,type\na,1,bean\na,1,pea\n", "line 3: label 1 of stack a has a different"),
    ):
        path.write_text(text)
        with pytest.raises(FileError, match=words):
            read_classes(path)


def test_names():
    names = Names(["bean000002"])
    given = [names.give("b", label, "bean") for label in (1, 2)]
    given += [names.give("c", 1, "bean"), names.give("c", 2, None), names.give("c", 3, "bean")]
    assert given == ["bean000004", "bean000005", "bean000007", "c_000002", "bean000008"]
    with pytest.raises(ConfigError, match="two cells would have the name c_000002"):
        names.give("c", 2, None)


def test_a_stray_voxel_takes_no_number_from_a_cell():
    labels = np.zeros((9, 20, 20), np.uint16)
    labels[2:7, 5:15, 5:15] = labels[0, 0, 0] = 1
    numbered, from_mask = as_labels(labels * np.uint16(5))
    (cell,) = locate_cells(numbered)
    assert (cell.label, cell.pieces, from_mask) == (5, 2, False)
    (cell,) = locate_cells(as_labels(labels)[0])
    assert (cell.label, cell.pieces) == (1, 2)
    with pytest.raises(ArrayError, match=r"no voxel of a\.tif is 0, the background"):
        as_labels(labels + np.uint16(1), "a.tif")
