import numpy as np
import pytest

from dispr.errors import ArrayError
from dispr.labelled.locate import as_labels, locate_cells


def brick(z, y, x, value=1, shape=(12, 20, 30)):
    labels = np.zeros(shape, np.int64)
    labels[slice(*z), slice(*y), slice(*x)] = value
    return labels


@pytest.mark.parametrize(("planes", "middle"), [((3, 4), 3), ((3, 5), 4), ((3, 6), 4), ((3, 7), 5)])
def test_of_n_planes_the_middle_is_n_half(planes, middle):
    (cell,) = locate_cells(brick(planes, (4, 9), (5, 12)))
    assert cell.middle == middle
    assert cell.section.box == np.s_[4:9, 5:12]
    assert cell.section.size == 35
    assert cell.centre == pytest.approx(((sum(planes) - 1) / 2, 6, 8))
    assert cell.border == ""
    count = planes[1] - planes[0]
    assert cell.lengths((0.5, 0.2, 0.1)) == pytest.approx((0.5 * count, 1.0, 0.7))
    assert cell.volume((0.5, 0.2, 0.1)) == pytest.approx(count * 35 * 0.01)


def test_the_section_may_be_smaller_than_the_cell():
    labels = brick((2, 9), (4, 12), (5, 15))
    labels[5, :6] = 0
    labels[5, :, 13:] = 0
    (cell,) = locate_cells(labels)
    assert cell.middle == 5
    assert cell.section.box == np.s_[6:12, 5:13]


@pytest.mark.parametrize(
    ("z", "y", "x", "border"),
    [
        ((0, 3), (1, 5), (1, 5), "Z"),
        ((9, 12), (1, 5), (1, 5), "Z"),
        ((1, 4), (0, 3), (1, 5), "Y"),
        ((1, 4), (18, 20), (1, 5), "Y"),
        ((1, 4), (1, 5), (0, 3), "X"),
        ((1, 4), (1, 5), (28, 30), "X"),
        ((0, 12), (0, 4), (4, 30), "ZYX"),
        ((1, 11), (1, 19), (1, 29), ""),
    ],
)
def test_borders(z, y, x, border):
    (cell,) = locate_cells(brick(z, y, x))
    assert cell.border == border


def test_the_largest_piece_is_the_cell():
    labels = brick((2, 8), (3, 9), (4, 10), value=7)
    labels[10, 15:17, 20:23] = 7
    labels[8, 9, 10] = 7  # touches by a corner
    labels[5, 14:16, 2:4] = 2
    small, large = locate_cells(labels)
    assert (small.label, large.label) == (2, 7)
    assert (small.pieces, large.pieces) == (1, 2)
    assert large.inside.sum() == 217
    assert large.box == (slice(2, 9), slice(3, 10), slice(4, 11))


def test_few_numbers_some_of_them_huge():
    labels = brick((2, 8), (3, 9), (4, 10), value=4_000_000_000)
    labels[9, 12:15, 12:15] = 20_000_000
    assert [(c.label, int(c.inside.sum())) for c in locate_cells(labels)] == [
        (20_000_000, 9),
        (4_000_000_000, 216),
    ]


def test_masks_and_what_labels_no_cell():
    # Pieces of 16 voxels are cells, smaller ones are specks.
    piece = brick((2, 6), (3, 5), (4, 6), 255).astype(np.uint8)
    mask = piece + brick((7, 11), (3, 5), (4, 6), 255).astype(np.uint8)
    labels, from_mask = as_labels(mask)
    assert from_mask
    assert sorted(np.unique(labels)) == [0, 1, 2]
    mask[7, 3, 4] = 0
    assert not as_labels(mask)[1]
    labels, from_mask = as_labels(brick((2, 4), (3, 5), (4, 6), 5))
    assert not from_mask
    assert labels.max() == 5
    with pytest.raises(ArrayError, match="no cell is labelled"):
        as_labels(np.zeros((3, 4, 5), int))
    with pytest.raises(ArrayError, match="no voxel of cells is 0"):
        as_labels(np.ones((3, 4, 5), int), "cells")


def test_huge_numbers_without_background():
    labels = np.full((3, 4, 5), 20_000_000, np.int64)
    labels[:, :, 3:] = 4_000_000_000
    assert [c.label for c in locate_cells(labels)] == [20_000_000, 4_000_000_000]
