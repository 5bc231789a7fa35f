import numpy as np
import pytest

from dispr.errors import ArrayError
from dispr.napari_plugin.inputs import check_pair, section_of, stated_pixel_size, world_of

layers = pytest.importorskip("napari.layers")

GREY = np.ones((20, 30), np.uint8)


def image(data=GREY, **settings):
    return layers.Image(data, name="cells", **settings)


def labels(data=GREY):
    return layers.Labels(data.astype(int), name="found")


@pytest.mark.parametrize(
    ("chosen", "numbers", "message"),
    [
        (None, labels(), "no image layer"),
        (image(), None, "no labels layer"),
        (image(np.ones((5, 20, 30))), labels(), "5 x 20 x 30: choose a 2D image"),
        (image(np.ones((20, 30, 3), np.uint8), rgb=True), labels(), "colour image"),
        (image(), labels(np.ones((20, 20))), '"cells" is 20 x 30 pixels, "found" 20 x 20'),
        (image(), labels(np.zeros((20, 30))), '"found" is empty'),
    ],
)
def test_what_cannot_be_predicted_is_said_in_a_sentence(chosen, numbers, message):
    with pytest.raises(ArrayError, match=message):
        check_pair(chosen, numbers)


def test_single_planes_and_pyramids_are_sections():
    assert section_of(image(GREY[None])).shape == (20, 30)
    pyramid = image([np.ones((40, 60)), np.ones((20, 30))], multiscale=True)
    assert section_of(pyramid).shape == (40, 60)


def test_place_of_an_image():
    world = world_of(image(scale=(0.1, 0.1), translate=(5, -3), units=("um", "um")))
    assert (world.scale, world.y, world.x) == pytest.approx((0.1, 5, -3))
    assert world.unit == "micrometer"
    assert world_of(image(GREY[None], scale=(7, 0.1, 0.1))).scale == pytest.approx(0.1)
    with pytest.raises(ArrayError, match="rotated or sheared"):
        world_of(image(rotate=20))
    with pytest.raises(ArrayError, match="rotated or sheared"):
        world_of(image(shear=[0.5]))
    with pytest.raises(ArrayError, match="square"):
        world_of(image(scale=(0.1, 0.2)))


@pytest.mark.parametrize(
    ("settings", "size", "source"),
    [
        ({"scale": (0.1, 0.1), "units": ("um", "um")}, 0.1, "from the image layer"),
        ({"scale": (65, 65), "units": ("nm", "nm")}, 0.065, "from the image layer"),
        ({"scale": (0.1, 0.1)}, 0.1, "assumed to be in µm"),
        ({}, None, "not known"),
        ({"scale": (0.1, 0.2)}, None, "not known"),
    ],
)
def test_pixel_size(settings, size, source):
    found, told = stated_pixel_size(image(**settings))
    assert found == (None if size is None else pytest.approx(size))
    assert source in told


def test_pixel_size_of_nothing():
    assert stated_pixel_size(None) == (None, "")
