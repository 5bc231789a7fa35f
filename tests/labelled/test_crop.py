import numpy as np
import pytest

from dispr.cells.square import Square, cut, square_about
from dispr.labelled.crop import crop_cell
from dispr.labelled.field.prepare import prepare_field
from dispr.labelled.locate import locate_cells


@pytest.mark.parametrize("extent", [20, 21, 50, 51])
def test_cell_stands_in_the_middle_as_training_cells_do(extent):
    labels = np.zeros((100, 120), np.int32)
    labels[10 : 10 + extent, 30 : 30 + extent] = 1
    square = square_about(next(locate_cells(labels)).box, 64)
    rows = np.nonzero(cut(labels, square).any(axis=1))[0]
    assert (rows[0] + rows[-1]) / 2 in (31.5, 32)


def test_beyond_the_field():
    array = np.arange(12, dtype=np.int16).reshape(3, 4)
    np.testing.assert_array_equal(
        cut(array, Square(-1, 2, 4), -7),
        [[-7, -7, -7, -7], [2, 3, -7, -7], [6, 7, -7, -7], [10, 11, -7, -7]],
    )
    assert (cut(array, Square(50, 50, 4), -7) == -7).all()
    assert (cut(array, Square(-50, 0, 4), -7) == -7).all()


def test_neighbours_disappear_and_the_cell_stays():
    y, x = np.mgrid[:100, :100]
    near, far = np.hypot(y - 50, x - 30), np.hypot(y - 50, x - 71)
    labels = np.where(near <= 20, 1, np.where(far <= 20, 2, 0))
    light = 200 * np.exp(-np.clip(near - 20, 0, None) / 2)
    alone = np.rint(10 + light).astype(np.uint16)
    both = np.rint(10 + light + 1000 * np.exp(-np.clip(far - 20, 0, None))).astype(np.uint16)
    cell = next(locate_cells(labels))
    image, mask, square = crop_cell(both, labels, cell, 80, 10)
    true = cut(alone, square, 10)
    np.testing.assert_array_equal(mask > 0, cut(labels, square) == 1)
    np.testing.assert_array_equal(image[mask > 0], cut(both, square, 10)[mask > 0])
    outside = mask == 0
    assert np.abs(image.astype(int) - true)[outside].max() <= 60


def test_single_cells_of_a_simulated_field_are_cut_out_pixel_by_pixel(field):
    prepared = prepare_field(field.image, field.labels, pixel_size=0.172)
    for cell in prepared.predictable:
        image, mask = prepared.crop(cell)
        assert image.shape == (64, 64)
        inside = mask > 0
        assert inside.sum() == cell.located.size
        np.testing.assert_array_equal(image[inside], field.image[field.labels == cell.label])


def test_light_is_not_taken_from_the_neighbour():
    """Another cell is around three quarters of this one; the rest tells the light about it."""
    y, x = np.mgrid[:100, :100] - 50
    away = np.hypot(y, x)
    around = (away > 9) & (away < 20) & ~((y > 0) & (x > 0))
    labels = np.where(away <= 7, 1, np.where(around, 2, 0))
    image = np.where(labels == 1, 200, np.where(labels == 2, 150, 10)).astype(np.uint8)
    crop, mask, _ = crop_cell(image, labels, next(locate_cells(labels)), 64, 90)
    assert set(np.unique(crop[mask > 0])) == {200}
    assert set(np.unique(crop[mask == 0])) == {10}
