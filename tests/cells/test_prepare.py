import numpy as np
import pytest
import torch

from dispr.cells.arrays import as_body
from dispr.cells.prepare import (
    as_image,
    as_mask,
    as_obj,
    canonical_pair,
    condition_tensor,
    occupancy,
)
from dispr.errors import ArrayError
from dispr.labelled.grey import as_grey


def square(dtype, inside=1, size=64):
    mask = np.zeros((size, size), dtype)
    mask[size // 4 : -size // 4, size // 4 : -size // 4] = inside
    return mask


def test_uint8_images_are_taken_as_they_are():
    image = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    assert np.array_equal(as_image(image), image)
    assert np.array_equal(as_image(torch.from_numpy(image)[None]), image)
    constant = np.full((64, 64), 7, np.uint8)
    assert np.array_equal(as_image(constant), constant)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int64, ">u2"])
def test_other_integers_are_stretched_over_their_own_range(dtype):
    image = np.linspace(100, 4095, 4096).reshape(64, 64).astype(dtype)
    out = as_image(image)
    assert (out.dtype, out.min(), out.max()) == (np.uint8, 0, 255)
    assert abs(float(out[32, 0]) - 127.5) <= 1
    assert not as_image(np.full((64, 64), 300, dtype)).any()


def test_floating_point_from_0_to_1():
    image = np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64)
    assert np.array_equal(as_image(image), np.rint(image * 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((64, 64), 200.0), "floating-point values from 200 to 200; scale it"),
        (np.full((64, 64), np.nan), "NaN"),
        (np.full((64, 64), np.inf), "NaN or infinite"),
        (np.zeros((64, 64, 3), np.uint8), "colour"),
        (np.zeros((4, 64, 64), np.uint8), "colour"),
        (np.zeros((20, 64, 64), np.uint8), r"one section \(Y, X\)"),
        (np.zeros(64, np.uint8), "one section"),
        (np.zeros((7, 64), np.uint8), "only 7 x 64 pixels"),
        (np.zeros((0, 0), np.uint8), "pixels"),
        (np.zeros((64, 64), bool), "boolean"),
        (np.zeros((64, 64), complex), "complex128"),
        (np.full((64, 64), "x"), "real numbers"),
        ([[1, 2], [3]], "not an array"),
        (None, "object"),
    ],
)
def test_what_is_no_image_is_refused_by_name(array, words):
    with pytest.raises(ArrayError, match=rf"^my\.tif .*{words}"):
        as_image(array, "my.tif")


@pytest.mark.parametrize("size", [(8, 8), (32, 32), (200, 200), (100, 50), (33, 90)])
def test_other_sizes_keep_aspect_and_share(size):
    image = np.full(size, 90, np.uint8)
    assert np.array_equal(as_image(image), np.full((64, 64), 90, np.uint8))
    mask = np.ones(size, bool)
    share = size[0] * size[1] / max(size) ** 2
    assert as_mask(mask).mean() / 255 == pytest.approx(share, abs=0.02)


def test_a_resampled_mask_is_grey_at_its_border_and_nowhere_else():
    mask = as_mask(square(bool, size=150))
    grey = (mask > 0) & (mask < 255)
    assert 0.01 < grey.mean() < 0.15
    assert mask[32, 32] == 255
    assert mask[0, 0] == 0
    assert (mask > 127).mean() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    "mask",
    [
        square(bool),
        square(float),
        square(float, 255),
        square(float, 2),
        square(np.uint8),
        square(np.uint8, 3),
        square(np.uint8, 255),
        square(np.int32),
        square(np.uint16, 65535),
    ],
)
def test_every_coding_of_one_cell_becomes_0_and_255(mask):
    assert np.array_equal(as_mask(mask), square(np.uint8, 255))


def test_grey_masks_stay_grey():
    mask = square(np.uint8, 255)
    mask[20, :] //= 3
    assert np.array_equal(as_mask(mask), mask)
    assert np.array_equal(as_mask(mask / 255), mask)


def test_a_mask_may_be_all_inside():
    assert (as_mask(np.ones((64, 64), bool)) == 255).all()


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros((64, 64), np.uint8), "empty"),
        (
            square(np.uint16, 2) + square(np.uint16, 1)[::-1, ::2].repeat(2, 1),
            "values, like labels .* crop each",
        ),
        (np.diag(np.arange(64, dtype=np.uint8)), "no value above half"),
        (square(float, 1.5), "floating-point values from 0 to 1.5"),
        (np.pad([[True]], (0, 999)), "too small"),
        (np.full((64, 64), np.nan), "NaN"),
        (np.zeros((64, 64, 3), bool), "colour"),
    ],
)
def test_what_is_no_mask_of_one_cell_is_refused(mask, words):
    if "labels" in words:
        mask[0, 0] = 5
    with pytest.raises(ArrayError, match=rf"^mask .*{words}"):
        as_mask(mask)


@pytest.mark.parametrize("values", [(100, 200), (148, 168), (90, 255), (1, 2), (1.0, 2.0)])
def test_labels_of_two_cells_are_no_grey_mask(values):
    mask = np.zeros((64, 64), float if isinstance(values[0], float) else np.uint8)
    mask[10:30, 5:25], mask[35:60, 30:60] = values
    with pytest.raises(ArrayError, match="labels"):
        as_mask(mask)


@pytest.mark.parametrize("times", [1, 3, 5])
def test_a_grey_border_is_no_label_however_large_its_pixels(times):
    y, x = np.mgrid[:64, :64]
    mask = np.clip((20.3 - np.hypot(y - 30.4, x - 33.1)) * 255, 0, 255).astype(np.uint8)
    large = mask.repeat(times, 0).repeat(times, 1)
    assert (as_mask(large) > 127).mean() == pytest.approx((mask > 127).mean(), abs=0.01)


def test_volumes(make_cell):
    obj = make_cell()["obj"]
    assert np.array_equal(as_obj(obj), obj)
    binary = np.where(obj > 127, 255, 0)
    for dtype in (bool, np.uint8, np.int64):
        assert np.array_equal(as_obj((obj > 127).astype(dtype)), binary)
    for wrong, words in [
        (obj[:63], r"\(63, 64, 64\)"),
        (obj * 0, "empty"),
        (obj / 255, "float64"),
        (obj.astype(int), "labels"),
        (obj // 3, "no value above half"),
    ]:
        with pytest.raises(ArrayError, match=rf"^obj .*{words}"):
            as_obj(wrong)


def test_pairs_single_or_in_batches():
    image, mask = np.full((40, 50), 9, np.uint8), np.ones((40, 50), bool)
    images, masks, single = canonical_pair(image, mask)
    assert (images.shape, masks.shape, single) == ((1, 64, 64), (1, 64, 64), True)
    for n in (1, 3, 5):  # three images are not a colour image
        images, masks, single = canonical_pair([image] * n, np.stack([mask] * n))
        assert (images.shape, masks.shape, single) == ((n, 64, 64), (n, 64, 64), False)


@pytest.mark.parametrize(
    ("image", "mask", "words"),
    [
        ((64, 64), (65, 64), "mask has the shape"),
        ((2, 64, 64), (3, 64, 64), "mask has the shape"),
        ((64, 64, 3), (64, 64), "image .*colour"),
        ((64, 64, 3), (64, 64, 3), "image .*colour"),
        ((5, 64, 64), (64, 64), "image .*one section"),
        ((64, 64), (5, 64, 64), "mask has the shape"),
        ((0, 64, 64), (0, 64, 64), "at least one"),
    ],
)
def test_pairs_that_do_not_match(image, mask, words):
    with pytest.raises(ArrayError, match=words):
        canonical_pair(np.ones(image, np.uint8), np.ones(mask, bool))


def test_condition_is_mask_and_masked_image():
    image = np.full((2, 64, 64), 51, np.uint8)
    mask = np.stack([square(np.uint8, 255), square(np.uint8, 102)])
    condition = condition_tensor(image, mask)
    assert condition.shape == (2, 2, 64, 64)
    assert condition.dtype == torch.float32
    assert condition[1, :, 32, 32].tolist() == pytest.approx([0.4, 0.2 * 0.4])
    assert not condition[:, :, 0, 0].any()
    tensors = torch.from_numpy(image), torch.from_numpy(mask)
    assert torch.equal(condition_tensor(*tensors), condition)
    assert torch.equal(condition_tensor(*(t.float() for t in tensors)), condition)
    assert torch.equal(condition_tensor(image[0], mask[0]), condition[:1])


@pytest.mark.parametrize(
    ("target", "share"), [("half", 2), ("any", 3), ("grey", 0 + 127 + 128 + 255)]
)
def test_occupancy(target, share):
    obj = np.zeros((64, 64, 64), np.uint8)
    obj[0, 0, :4] = [0, 127, 128, 255]
    expected = share / 255 if target == "grey" else share
    for volume in (obj, torch.from_numpy(obj), torch.from_numpy(obj).float()[None]):
        out = occupancy(volume, target)
        assert out.shape == (1, 1, 64, 64, 64)
        assert out.dtype == torch.float32
        assert out.sum().item() == pytest.approx(expected)


def test_occupancy_refuses_other_targets_and_axes():
    with pytest.raises(ValueError, match="target"):
        occupancy(np.zeros((64, 64, 64)), "most")
    with pytest.raises(ValueError, match="axes"):
        condition_tensor(np.zeros(64), np.zeros(64))


def test_a_mask_that_is_turned_over_is_refused():
    mask = np.zeros((40, 50), bool)
    mask[0:30, 10:50] = True  # a cell that the border cuts has some corners, not all
    as_mask(mask)
    for turned in (~np.pad(mask, 1), np.where(np.pad(mask, 1), 0, 255).astype(np.uint8)):
        with pytest.raises(ArrayError, match="mask marks all four corners"):
            as_mask(turned)


def test_axes_of_length_one_do_not_matter():
    body = np.zeros((9, 10, 11), bool)
    body[2:6, 3:7, 4:8] = True
    np.testing.assert_array_equal(as_body(body[None]), body)
    assert np.array_equal(as_grey(square(np.uint8, 90)[None, None]), square(np.uint8, 90))
    labels = body.astype(np.uint16)
    labels[7:9] = 2
    with pytest.raises(ArrayError, match="give each cell as a separate volume"):
        as_body(labels)


def test_an_image_is_no_mask():
    radius = np.hypot(*(np.indices((64, 64)) - 32.0))
    ring = 130 * (radius < 24) + 100 * np.exp(-(((radius - 20) / 3) ** 2))
    image = ring + np.random.default_rng(0).normal(8, 3, ring.shape)
    image = image.clip(0, 255).astype(np.uint8)
    for given in (image, image / 255):
        with pytest.raises(ArrayError, match="many grey values, like an image"):
            as_mask(given)
    soft = np.rint(255 / (1 + np.exp(radius - 20))).astype(np.uint8)  # as probabilities are
    assert (as_mask(soft) == soft).all()
    small = np.rint(255 / (1 + np.exp(radius - 5))).astype(np.uint8)
    assert (as_mask(small) == small).all()
