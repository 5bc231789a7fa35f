import numpy as np
import pytest

from dispr.errors import ArrayError
from dispr.labelled.locate import as_labels, background_note, locate_cells


def test_boxes_borders_and_pieces():
    labels = np.zeros((20, 30), np.int32)
    labels[3:8, 4:10] = 7
    labels[0:5, 20:24] = 2
    labels[12:16, 12:14] = 5
    labels[18, 18] = 5
    cells = list(locate_cells(labels))
    assert [cell.label for cell in cells] == [2, 5, 7]
    assert [bool(cell.border) for cell in cells] == [True, False, False]
    assert [cell.pieces for cell in cells] == [1, 2, 1]
    assert cells[1].box == np.s_[12:16, 12:14]
    assert cells[1].size == 8
    assert cells[2].centre == (5.0, 6.5)
    assert cells[2].extent == 6


@pytest.mark.parametrize("background", [True, False])
def test_huge_labels(background):
    labels = np.full((10, 10), 0 if background else 3, np.int64)
    labels[2:4, 2:4] = 2**40
    cells = list(locate_cells(labels))
    assert cells[-1].label == 2**40
    assert cells[-1].box == np.s_[2:4, 2:4]
    assert [cell.label for cell in cells[:-1]] == ([] if background else [3])


def test_mask_of_one_value_is_numbered():
    mask = np.zeros((20, 20), np.uint8)
    mask[2:6, 2:6] = mask[10:15, 10:15] = 255
    labels, from_mask = as_labels(mask)
    assert from_mask
    assert sorted(np.unique(labels)) == [0, 1, 2]
    one = np.where(np.arange(400).reshape(20, 20) < 50, 3, 0)
    labels, from_mask = as_labels(one)
    assert not from_mask
    assert labels.max() == 3
    with pytest.raises(ArrayError, match="no cell"):
        as_labels(mask * 0)
    with pytest.raises(ArrayError, match="too large"):
        as_labels(one * 2**40)


def test_a_stray_pixel_takes_no_number_from_a_cell():
    labels = np.zeros((20, 20), np.uint16)
    labels[5:15, 5:15] = labels[1, 1] = 5
    for value in (1, 5, 255, 65535):
        numbered, from_mask = as_labels(np.where(labels > 0, value, 0).astype(np.uint16))
        (cell,) = locate_cells(numbered)
        assert (cell.label, cell.pieces, cell.size, from_mask) == (value, 2, 100, False)
    labels[16:20, 16:20] = 5  # a second large piece: a mask only by its value
    assert [as_labels(labels)[1], as_labels((labels > 0) * 1)[1]] == [False, True]


def test_labels_without_background():
    cells = np.ones((20, 20), np.int32)
    cells[:, 10:] = 2
    assert background_note(cells, "a.tif").startswith("no pixel of a.tif is 0")
    classes = np.full((20, 20), 2)
    classes[5:9, 5:9] = 1
    with pytest.raises(ArrayError, match=r"no pixel of a\.tif is 0.*label 2 touches all four"):
        background_note(classes, "a.tif")
    assert "label 2 of a.tif touches all four sides" in background_note(
        classes - (classes == 1), "a.tif"
    )
    inside = np.where(classes == 1, 7, 0)
    assert background_note(inside, "a.tif") == ""
