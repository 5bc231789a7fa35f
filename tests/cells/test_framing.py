"""Crops of single cells, as a model is shown them."""

from dataclasses import replace

import numpy as np
import pytest

from dispr.cells.frame import PUBLISHED, Frame
from dispr.cells.framing import CUT, SMALLER, Crop, frame_crops, shown
from dispr.cells.square import Square, cut
from dispr.labelled.field.predict import canonical_crops
from dispr.labelled.field.prepare import prepare_field

rng = np.random.default_rng(0)
IMAGE = rng.integers(20, 250, (150, 170)).astype(np.uint8)
INSIDE = np.hypot(*(np.indices(IMAGE.shape) - np.array([[[70]], [[90]]])) * [[[1]], [[0.9]]]) < 22


def crop_of(rows, columns, pixel_size=0.172):
    return Crop(IMAGE[rows, columns], INSIDE[rows, columns], pixel_size)


TIGHT = (slice(44, 97), slice(60, 121))
LOOSE = (slice(0, 150), slice(10, 170))


@pytest.mark.parametrize("part", [TIGHT, LOOSE])
def test_a_crop_is_shown_as_the_same_cell_of_a_field_is(part):
    crop = crop_of(*part)
    framing = frame_crops([crop], PUBLISHED)
    assert framing.squares[0].edge == 64
    assert framing.warnings == ("",)
    assert framing.notes == ()
    image, mask = shown(crop, framing.squares[0])
    images, masks = canonical_crops(prepare_field(IMAGE, INSIDE * 1, pixel_size=0.172))
    np.testing.assert_array_equal(mask, masks[0])
    np.testing.assert_array_equal(image[mask > 0], images[0][mask > 0])
    single = prepare_field(
        *(array[part] for array in (IMAGE, INSIDE)), single=True, pixel_size=0.172
    )
    images, masks = canonical_crops(single)
    np.testing.assert_array_equal(mask, masks[0])
    np.testing.assert_array_equal(image[mask > 0], images[0][mask > 0])
    # Beyond the crop is background.
    if part == TIGHT:
        assert image[0, 0] == int(np.median(crop.image[~crop.mask]))


def test_a_crop_that_is_the_frame_is_taken_as_it_is():
    part = slice(30, 94), slice(52, 116)  # the cell is not in its middle
    for size in (0.172, 0.17205, None):
        crop = crop_of(*part, size)
        framing = frame_crops([crop], PUBLISHED)
        assert framing.squares == (Square(0, 0, 64),)
        np.testing.assert_array_equal(shown(crop, framing.squares[0])[0], IMAGE[part])
        assert len(framing.notes) == (size is None)


def test_crops_of_unknown_size_share_one_scale():
    tight, loose = crop_of(*TIGHT, None), crop_of(*LOOSE, None)
    framing = frame_crops([tight, loose], PUBLISHED)
    a, b = (shown(crop, at) for crop, at in zip([tight, loose], framing.squares, strict=True))
    np.testing.assert_array_equal(a[1], b[1])
    assert len({square.edge for square in framing.squares}) == 1
    assert "one scale" in framing.notes[0]
    for crop in (tight, loose):
        assert frame_crops([crop], PUBLISHED).squares[0].edge == framing.squares[0].edge


def test_published_crops_stay_beside_one_of_another_size():
    plain = crop_of(slice(30, 94), slice(52, 116), None)
    framing = frame_crops([plain, plain, crop_of(*TIGHT, None)], PUBLISHED)
    assert framing.squares[:2] == (Square(0, 0, 64),) * 2
    assert framing.squares[2].edge == 64


def test_frames_are_in_um_whatever_the_pixels():
    crops = [crop_of(*TIGHT, 0.172), crop_of(*TIGHT, 0.2)]
    edges = [square.edge for square in frame_crops(crops, PUBLISHED).squares]
    assert edges == [64, 55]


def test_the_frame_is_that_of_the_weights():
    crop = crop_of(*TIGHT, 31.7 / 64)
    nuclei = Frame(31.7 / 64, "nuclei", 20, 30, 52)
    framing = frame_crops([crop], nuclei)
    assert framing.squares[0].edge == 64
    assert framing.warnings == ("",)
    # 49 pixels of 0.5 um are not a red blood cell.
    framing = frame_crops([crop], PUBLISHED)
    assert framing.squares[0].edge == round(49 * 64 / 48)
    assert (
        "unlike the red blood cells of the training data (5.68 to 10.8 um)" in framing.warnings[0]
    )
    assert "red blood cells" in framing.notes[0]
    unknown = frame_crops([crop], None)
    assert unknown.squares == framing.squares
    assert "the weights do not state the frame" in unknown.notes[0]
    assert frame_crops([crop], None, 31.7).squares[0].edge == 64


def test_what_does_not_fit_is_told():
    part = slice(70, 120), slice(60, 121)
    assert frame_crops([crop_of(*part)], PUBLISHED).warnings == (CUT,)
    large = Crop(np.kron(IMAGE, np.ones((2, 2), np.uint8)), np.kron(INSIDE, np.ones((2, 2))) > 0)
    both = frame_crops([crop_of(*TIGHT, None)] * 2 + [large], PUBLISHED)
    assert both.warnings == ("", "", SMALLER)


def test_masks_of_other_planes_are_cut_alike():
    crop = crop_of(*TIGHT)
    (square,) = frame_crops([crop], PUBLISHED).squares
    plane = np.zeros_like(crop.mask)
    plane[20:30, 15:40] = True
    seen = shown(Crop(crop.image, plane), square)[1]
    np.testing.assert_array_equal(seen > 127, cut(plane, square))


def test_stray_pixels_do_not_move_the_frame():
    clean, stray = crop_of(*LOOSE), INSIDE[LOOSE].copy()
    stray[2:4, 2:4] = True
    crop = Crop(clean.image, stray, 0.172)
    framing = frame_crops([crop], PUBLISHED)
    assert framing.squares == frame_crops([clean], PUBLISHED).squares
    assert framing.warnings == ("",)


def test_masks_of_several_pieces_are_told_unless_of_clusters():
    mask = INSIDE[LOOSE].copy()
    mask[100:130, 100:130] = True
    crop = Crop(IMAGE[LOOSE], mask, 0.172)
    (told,) = frame_crops([crop], PUBLISHED).warnings
    assert "Its mask has 2 pieces, which were treated as one cell." in told
    (told,) = frame_crops([replace(crop, cluster=True)], PUBLISHED).warnings
    assert "pieces" not in told


def test_an_image_of_one_value_is_told():
    crop = crop_of(*LOOSE)
    (told,) = frame_crops([replace(crop, image=np.full_like(crop.image, 90))], PUBLISHED).warnings
    assert told == "Its image has the same value everywhere, so only its outline is known."
