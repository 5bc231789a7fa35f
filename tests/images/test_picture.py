import numpy as np
import pytest
from image_files import LABELS, SECTION
from PIL import Image

from dispr.cells.arrays import as_image, as_mask, canonical_pair
from dispr.errors import ArrayError
from dispr.images.picture import picture_values


def paletted(indices, palette):
    picture = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    picture.putpalette(list(np.ravel(palette)))
    return picture


def test_a_grey_palette_is_a_grey_picture():
    mask = np.where(LABELS == 1, 255, 0).astype(np.uint8)
    picture = paletted((mask == 0).astype(np.uint8), [[255] * 3, [0] * 3])
    np.testing.assert_array_equal(as_mask(picture), as_mask(mask))
    grey = paletted(255 - SECTION, [[255 - k] * 3 for k in range(256)])
    np.testing.assert_array_equal(as_image(grey), as_image(SECTION))
    images, masks, single = canonical_pair(grey, picture)
    assert single
    np.testing.assert_array_equal(images[0], as_image(SECTION))
    np.testing.assert_array_equal(masks[0], as_mask(mask))


def test_modes():
    colours = [[0, 0, 0], [255, 0, 0], [0, 90, 200]]
    np.testing.assert_array_equal(picture_values(paletted(LABELS, colours), "a", "labels"), LABELS)
    opaque = np.full_like(SECTION, 255)
    for array in (SECTION, np.dstack([SECTION, opaque]), np.dstack([SECTION] * 3)):
        found = picture_values(Image.fromarray(array), "a", "image")
        np.testing.assert_array_equal(found, SECTION)
    deep = SECTION.astype(np.uint16) * 256
    np.testing.assert_array_equal(picture_values(Image.fromarray(deep), "a", "image"), deep)
    with pytest.raises(ArrayError, match='a has the mode "CMYK"'):
        picture_values(Image.new("CMYK", (9, 9)), "a", "image")
