import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from dispr.errors import ArrayError
from dispr.labelled.field.prepare import prepare_field

LABELS = np.zeros((60, 70), np.uint16)
LABELS[20:45, 20:50] = 5
IMAGE = np.random.default_rng(0).integers(0, 200, LABELS.shape).astype(np.uint8)


def test_a_cell_keeps_its_number_beside_a_stray_pixel():
    speck = LABELS.copy()
    speck[2, 2] = 5
    (cell,) = prepare_field(IMAGE, speck, name="a").cells
    assert (cell.name, cell.label, cell.located.size) == ("a_0005", 5, 25 * 30)
    assert "Its label has 2 pieces" in cell.warning
    speck[8:14, 2:9] = speck[50:58, 50:60] = 5
    (note,) = prepare_field(IMAGE, speck, labels_name="l.tif").notes
    assert "l.tif has one value, 5, in 4 pieces" in note


def test_what_is_said_of_the_background():
    assert prepare_field(IMAGE, LABELS).notes == ()
    turned = np.where(LABELS > 0, 0, 255).astype(np.uint8)
    assert (
        "label 255 of l.tif touches all four"
        in prepare_field(IMAGE, turned, labels_name="l.tif").notes[0]
    )
    with pytest.raises(ArrayError, match=r"no pixel of l\.tif is 0"):
        prepare_field(IMAGE, np.where(LABELS > 0, 1, 2), labels_name="l.tif")
    with pytest.raises(ArrayError, match=r"m\.tif marks all four corners"):
        prepare_field(IMAGE, turned, single=True, labels_name="m.tif")


def test_pictures_of_pillow():
    picture = Image.frombytes("P", (70, 60), (LABELS == 0).astype(np.uint8).tobytes())
    picture.putpalette([255, 255, 255, 0, 0, 0])
    (cell,) = prepare_field(Image.fromarray(IMAGE), picture).cells
    assert (cell.label, cell.located.size) == (255, 25 * 30)
    np.testing.assert_array_equal(
        prepare_field(Image.fromarray(IMAGE), picture, single=True).mask,
        np.where(LABELS > 0, 255, 0),
    )


def test_grey_values_are_no_labels():
    with pytest.raises(ArrayError, match=r"l\.tif seems to be a grey-value image"):
        prepare_field(LABELS, IMAGE, labels_name="l.tif")
    dark = np.where(IMAGE < 120, 0, IMAGE)  # as with the background subtracted
    with pytest.raises(ArrayError, match="grey-value image"):
        prepare_field(LABELS, dark)


def test_labels_that_were_blurred_are_refused():
    y, x = np.indices(LABELS.shape)
    round_one = 250.0 * (np.hypot(y - 30, x - 33) < 27)
    blurred = np.rint(ndimage.gaussian_filter(round_one, 0.8)).astype(np.uint8)
    with pytest.raises(ArrayError, match=r"labels of l\.tif are in several pieces"):
        prepare_field(IMAGE, blurred, labels_name="l.tif")
    many = np.kron(np.arange(1, 21).reshape(4, 5), np.pad(np.ones((12, 11), int), ((2, 1), (2, 1))))
    many[many == 20] = 7  # one in two pieces
    assert len(prepare_field(IMAGE, many).cells) == 19


def test_what_is_said_of_a_cell():
    y, x = np.mgrid[:200, :240]
    labels = np.zeros((200, 240), np.int32)
    for k, (row, column) in enumerate([(60, 60), (150, 120), (100, 220)], 1):
        labels[(y - row) ** 2 + (x - column) ** 2 < 22**2] = k
    labels[20:26, 200:206] = 2  # a second piece
    labels[5:8, 5:8] = 4
    image = np.where(labels > 0, 200, 30) + np.random.default_rng(0).integers(0, 20, labels.shape)
    field = prepare_field(image.astype(np.uint8), labels, name="f")
    whole, pieces, border, speck = field.cells
    assert whole.warning == ""
    assert "Its label has 2 pieces; the largest was predicted." in pieces.warning
    assert "touches the border of the field" in border.warning
    assert "touches the border" not in whole.warning + pieces.warning
    assert "too small to be a cell" in speck.refused
    assert [cell.name for cell in field.predictable] == ["f_0001", "f_0002", "f_0003"]
    assert [cell.label for cell in field.cells] == [1, 2, 3, 4]
    assert 25 < field.background < 50


def test_a_checksum_sees_all_that_crops_depend_on():
    def digest(image=IMAGE, labels=LABELS, name="f", **settings):
        return tuple(prepare_field(image, labels, name=name, **settings).checksums().values())

    brighter, larger = IMAGE.copy(), LABELS.copy()
    brighter[0, 0] ^= 1
    larger[45, 20:50] = 5
    known = digest(pixel_size=0.2, frame=9.0)
    assert digest(IMAGE.copy(), LABELS.copy(), pixel_size=0.2, frame=9.0) == known
    others = [
        digest(pixel_size=0.2, frame=12.0),
        digest(pixel_size=0.3, frame=9.0),
        digest(pixel_size=0.2, frame="cell"),
        digest(brighter, pixel_size=0.2, frame=9.0),
        digest(labels=larger, pixel_size=0.2, frame=9.0),
        digest(name="g", pixel_size=0.2, frame=9.0),
        digest(IMAGE.astype(np.uint16), pixel_size=0.2, frame=9.0),
    ]
    assert len({known, *others}) == 8
    pixels = prepare_field(IMAGE, LABELS, pixel_size=0.3, frame="cell").checksums()
    field = prepare_field(IMAGE, larger, pixel_size=0.3, frame="cell").checksums()
    assert {name for name in field if field[name] != pixels[name]} >= {"labels"}
    assert field["image"] == pixels["image"]


def test_grey_masks_of_single_cells_are_kept():
    grey = np.where(LABELS > 0, 255, 0).astype(np.uint8)
    edge = np.nonzero(grey)[0][0], np.nonzero(grey)[1][0]
    grey[edge] = 130
    for mask in (grey, grey / 255):
        kept = prepare_field(IMAGE, mask, single=True).mask
        assert kept.dtype == (np.uint8 if mask is grey else np.float32)
        np.testing.assert_allclose(kept, mask, atol=1e-6)
