import numpy as np
import pytest

from dispr.errors import ArrayError
from dispr.fields.locate import as_labels, locate_cells


def test_boxes_borders_and_pieces():
    labels = np.zeros((20, 30), np.int32)
    labels[3:8, 4:10] = 7
    labels[0:5, 20:24] = 2
    labels[12:16, 12:14] = 5
    labels[18, 18] = 5
    cells = locate_cells(labels)
    assert [cell.label for cell in cells] == [2, 5, 7]
    assert [cell.touches_border for cell in cells] == [True, False, False]
    assert [cell.pieces for cell in cells] == [1, 2, 1]
    assert cells[1].box == (12, 16, 12, 14)
    assert cells[1].area == 8
    assert cells[2].centre == (5.0, 6.5)
    assert cells[2].extent == 6


@pytest.mark.parametrize("background", [True, False])
def test_huge_labels(background):
    labels = np.full((10, 10), 0 if background else 3, np.int64)
    labels[2:4, 2:4] = 2**40
    cells = locate_cells(labels)
    assert cells[-1].label == 2**40
    assert cells[-1].box == (2, 4, 2, 4)
    assert [cell.label for cell in cells[:-1]] == ([] if background else [3])


def test_mask_of_one_value_is_numbered():
    mask = np.zeros((20, 20), np.uint8)
    mask[2:5, 2:5] = mask[10:15, 10:15] = 255
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
