import numpy as np
import pytest

from dispr.cells.square import Square, background_level, cut, overlap, square_about, whole_square


def test_squares_about_a_box():
    assert square_about(np.s_[10:20, 30:50], 24) == Square(3, 28, 24)
    # Where the middle falls between pixels, the cell lies half a pixel further down and right.
    assert square_about(np.s_[10:20, 30:50], 25) == Square(2, 27, 25)
    assert square_about(np.s_[0:3, 0:4], 9) == Square(-3, -3, 9)


def test_whole_squares():
    assert whole_square((64, 64)) == Square(0, 0, 64)
    assert whole_square((40, 64)) == Square(-12, 0, 64)
    assert whole_square((64, 41)) == Square(0, -11, 64)
    assert whole_square((5, 30, 20)) == Square(0, -5, 30)


def test_cut_keeps_pixels_in_place():
    image = np.arange(20).reshape(4, 5)
    np.testing.assert_array_equal(cut(image, Square(1, 2, 2)), image[1:3, 2:4])
    out = cut(image, Square(-1, 3, 4), beyond=99)
    expected = np.full((4, 4), 99)
    expected[1:, :2] = image[:3, 3:]
    np.testing.assert_array_equal(out, expected)
    assert (cut(image, Square(10, 10, 3), beyond=7) == 7).all()
    assert cut(image.astype(np.uint16), Square(0, 0, 2)).dtype == np.uint16


@pytest.mark.parametrize("square", [Square(-2, 1, 5), Square(2, -3, 4), Square(-1, -1, 9)])
def test_overlap_is_the_same_in_both(square):
    there, here = overlap(square, (6, 7))
    for first, one, other, length in zip((square.y, square.x), there, here, (6, 7), strict=True):
        assert one.start - other.start == one.stop - other.stop == first
        assert (one.start, one.stop) == (max(first, 0), min(first + square.edge, length))


def test_level_of_the_background():
    image = np.array([[1, 2, 9], [50, 60, 70]])
    labels = np.array([[0, 0, 0], [1, 1, 2]])
    assert background_level(image, labels) == 2
    assert background_level(image, np.ones((2, 3), int)) == 1
