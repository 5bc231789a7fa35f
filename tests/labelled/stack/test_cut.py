"""Where a cell that is cut out of a stack comes to lie, by the numbers."""

import numpy as np
import pytest

from dispr.errors import ConfigError
from dispr.labelled.locate import locate_cells
from dispr.labelled.stack.cut import Frame, Sections, cut_cell, frame_of, refusal

SPACING = (0.4, 0.2, 0.2)
BOX = (slice(5, 12), slice(30, 48), slice(40, 50))  # of 7 planes, of which plane 8 is the middle
SHAPE = (24, 90, 100)


def stack(box=BOX, shape=SHAPE, step=True):
    """A brick whose upper planes lack the last rows, and its lower ones the last columns."""
    labels = np.zeros(shape, np.uint8)
    labels[box] = 3
    if step:
        z, y, x = box
        labels[z.stop - 2 : z.stop, y.stop - 6 : y.stop] = 0
        labels[z.start : z.start + 2, :, x.stop - 4 : x.stop] = 0
    image = np.add.outer(
        np.arange(shape[0]), np.add.outer(np.arange(shape[1]), np.arange(shape[2]))
    )
    return image.astype(np.uint8), labels


def located(labels):
    (cell,) = locate_cells(labels)
    return cell


def spans(obj):
    """Give the first and last plane, row and column that are more than half inside."""
    return [(int(k.min()), int(k.max())) for k in np.nonzero(obj > 127)]


def test_a_cell_keeps_its_place_about_plane_32():
    image, labels = stack()
    cell = located(labels)
    assert cell.middle == 8
    cut = cut_cell("a", Sections(image, labels), cell, Frame(64, SPACING))
    # Voxels of 0.2 um: a plane of the stack is two planes thick. Plane 8 is at 32, planes 5 to 11
    # from 26 to 38, half a plane more at each end.
    (bottom, top), rows, columns = spans(cut.obj)
    assert bottom == pytest.approx(25.5, abs=1)
    assert top == pytest.approx(38.5, abs=1)
    assert (rows[1] - rows[0], columns[1] - columns[0]) == (17, 9)
    assert rows == (23, 40)  # half a pixel further down than the middle
    assert columns == (27, 36)
    # The step above is at its last rows, that below at its last columns.
    assert spans(cut.obj[37:38])[1] == (23, 34)
    assert spans(cut.obj[27:28])[2] == (27, 32)
    np.testing.assert_array_equal(cut.mask, cut.obj[32])
    np.testing.assert_array_equal(
        cut.mask > 127, np.pad(np.ones((18, 10), bool), ((23, 23), (27, 27)))
    )
    # The image is of the plane in the middle, pixel by pixel.
    grey = cut.image.astype(int)
    np.testing.assert_array_equal(np.diff(grey[23:41, 27:37], axis=0), 1)
    assert cut.name == "a"


def test_at_another_scale():
    image, labels = stack()
    cut = cut_cell("a", Sections(image, labels), located(labels), Frame(32, SPACING))
    # Half as large voxels: everything spans twice as many.
    (bottom, top), rows, columns = spans(cut.obj)
    assert bottom == pytest.approx(32 - 2 * 7 + 0.5, abs=1)
    assert top == pytest.approx(32 + 2 * 7 - 0.5, abs=1)
    assert rows == (14, 49)
    assert columns == (22, 41)


def test_frames_in_um():
    frame = frame_of(12.8, SPACING, "stack")
    assert frame.edge == 64
    assert frame.voxel == pytest.approx(0.2)
    assert frame_of(12.89, SPACING, "stack").edge == 64
    assert frame_of(1.6, SPACING, "stack").edge == 8
    with pytest.raises(ConfigError, match="has only 7 pixels of stack"):
        frame_of(1.4, SPACING, "stack")


def test_what_fits_a_frame_exactly():
    for planes in (7, 8, 9, 17):
        box = (slice(2, 2 + planes), slice(40, 56), slice(40, 56))
        cell = located(stack(box, step=False)[1])
        found = refusal(cell, Frame(16, SPACING))
        if planes == 7:
            assert found == ""
        else:
            assert f"spans {planes * 0.4:.4g} um along Z" in found
    wide = located(stack((slice(5, 12), slice(30, 47), slice(40, 50)), step=False)[1])
    assert "does not fit in the frame of 3.2 um: spans 3.4 um along Y, 0.2 um" in refusal(
        wide, Frame(16, SPACING)
    )
    assert refusal(wide, Frame(17, SPACING)) == ""
    long = located(stack((slice(5, 12), slice(40, 50), slice(30, 47)), step=False)[1])
    assert "along X" in refusal(long, Frame(16, SPACING))


def test_what_cannot_be_used():
    frame = Frame(64, SPACING)
    thin = located(stack((slice(5, 7), slice(30, 48), slice(40, 50)), step=False)[1])
    assert refusal(thin, frame) == "too thin: spans 2 planes of the stack"
    assert refusal(located(stack((slice(5, 8), *BOX[1:]), step=False)[1]), frame) == ""
    volume = 7 * 18 * 10 * 0.4 * 0.2 * 0.2
    cell = located(stack(step=False)[1])
    assert refusal(cell, frame, volume * 1.01) == f"too small: {volume:.6g} um3"
    assert refusal(cell, frame, volume * 0.99) == ""
    low = located(stack((slice(0, 7), *BOX[1:]), step=False)[1])
    assert refusal(low, frame) == "touches the border of the stack along Z"
    speck = located(stack((slice(5, 12), slice(30, 37), slice(40, 49)), step=False)[1])
    assert refusal(speck, frame) == "too small: its section has 63 pixels"
    assert (
        refusal(located(stack((slice(5, 12), slice(30, 38), slice(40, 48)), step=False)[1]), frame)
        == ""
    )


def test_level_outside_of_cells_is_that_of_the_plane():
    image = np.full((4, 6, 6), 10, np.uint8)
    image[2] = 50
    image[:, 0, 0] = 90
    labels = np.zeros((4, 6, 6), np.uint8)
    labels[:, 0, 0] = 1
    sections = Sections(image, labels)
    assert sections[1][1] == 10
    assert sections[2][1] == 50
    assert sections[1][0][3, 3] == 10
    assert sections.fault(1) == ""
    flat = Sections(np.full((4, 6, 6), 10, np.uint8), labels)
    assert "plane 3 of the stack has the same value everywhere" in flat.fault(3)
