import struct

import numpy as np
import pytest
from image_files import LABELS, SECTION, chunk, png
from PIL import Image

from dispr.errors import FileError
from dispr.images.read import read_pixels

DEEP = np.random.default_rng(1).integers(0, 65536, (11, 14, 4)).astype(np.uint16)


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("filters", [(0,), (1,), (2,), (3,), (4,), (4, 2, 0, 3, 1)])
def test_all_16_bits_of_all_filters(tmp_path, channels, filters):
    array = DEEP[..., :channels].copy()
    if channels != 3:
        array[..., -1] = 65535
    png(tmp_path / "a.png", array, filters=filters)
    found, axes = read_pixels(tmp_path / "a.png")
    colours = array if channels == 3 else array[..., :-1]
    np.testing.assert_array_equal(found, colours if channels > 2 else colours[..., 0])
    assert axes == ("YXS" if channels > 2 else "YX")
    assert found.dtype == np.uint16


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_numbers_of_few_bits(tmp_path, bits):
    labels = LABELS & np.uint8(2**bits - 1)
    png(tmp_path / "a.png", labels, bits)
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png", "labels")[0], labels)
    if 1 < bits < 8:  # as an image, from black to white
        grey = labels * np.uint8(255 // (2**bits - 1))
        np.testing.assert_array_equal(read_pixels(tmp_path / "a.png")[0], grey)


@pytest.mark.parametrize(("bits", "count"), [(1, 2), (2, 4), (4, 16), (8, 200)])
def test_grey_palettes_are_greys_in_any_order(tmp_path, bits, count):
    rng = np.random.default_rng(bits)
    greys = rng.permutation(256)[:count].astype(np.uint8)
    indices = rng.integers(0, count, (9, 13)).astype(np.uint8)
    png(tmp_path / "a.png", indices, bits, palette=np.stack([greys] * 3, -1))
    for use in ("image", "labels"):
        np.testing.assert_array_equal(read_pixels(tmp_path / "a.png", use)[0], greys[indices])


def test_colour_palettes_are_labels_or_colours(tmp_path):
    palette = np.array([[0, 0, 0], [255, 0, 0], [10, 90, 200]], np.uint8)
    png(tmp_path / "a.png", LABELS, 4, palette=palette)
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png", "labels")[0], LABELS)
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png")[0], palette[LABELS])
    png(
        tmp_path / "b.png",
        (LABELS == 0).astype(np.uint8),
        8,
        palette=[[255] * 3, [0] * 3, [9, 8, 7]],
    )
    with pytest.raises(FileError, match=r"b\.png stores its grey values .* another order"):
        read_pixels(tmp_path / "b.png", "labels")
    png(tmp_path / "c.png", LABELS, 8, palette=palette[:2])
    with pytest.raises(FileError, match=r"c\.png has pixels without a colour"):
        read_pixels(tmp_path / "c.png", "labels")


def test_opacity_is_no_channel_unless_something_is_hidden(tmp_path):
    opaque = np.full_like(LABELS, 255)
    png(tmp_path / "a.png", np.dstack([LABELS, opaque]))
    png(tmp_path / "b.png", np.dstack([LABELS] * 3 + [opaque]))
    png(tmp_path / "c.png", np.dstack([LABELS, np.where(LABELS > 0, 255, 0).astype(np.uint8)]))
    for name in "abc":
        np.testing.assert_array_equal(read_pixels(tmp_path / f"{name}.png", "labels")[0], LABELS)
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png")[0], LABELS)
    png(tmp_path / "d.png", np.dstack([LABELS + 1, np.where(LABELS > 0, 255, 0).astype(np.uint8)]))
    for name, use in (("c", "image"), ("d", "labels")):
        with pytest.raises(FileError, match=rf"{name}\.png is partly transparent"):
            read_pixels(tmp_path / f"{name}.png", use)


def test_size_is_checked_by_the_header_alone(tmp_path):
    header = struct.pack(">IIBBBBB", 40_000, 25_000, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    (tmp_path / "a.png").write_bytes(start + chunk(b"IDAT", b"x" * 100))
    with pytest.raises(FileError, match=r"a\.png states 25000 x 40000 values.*at most 4 GiB"):
        read_pixels(tmp_path / "a.png")


def test_animations_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "a.png"
    pictures = [Image.fromarray(SECTION), Image.fromarray(SECTION // 2)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    with pytest.raises(FileError, match=r"a\.png is an animation with 2 frames"):
        read_pixels(path)
    for array in (SECTION, DEEP):
        png(path, array)
        whole = path.read_bytes()
        for length in (0, 5, 20, len(whole) // 2):
            path.write_bytes(whole[:length])
            with pytest.raises(FileError, match=r"a\.png (cannot be read as PNG|is empty)"):
                read_pixels(path)
        place = whole.index(b"IDAT") + len(whole) // 3
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(FileError, match=r"a\.png cannot be read as PNG"):
            read_pixels(path)


def test_more_pixels_than_so_few_bytes_can_hold_are_refused(tmp_path):
    header = struct.pack(">IIBBBBB", 16_000, 16_000, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    (tmp_path / "a.png").write_bytes(start + chunk(b"IDAT", b"x" * 100))
    with pytest.raises(FileError, match=r"a\.png cannot be read as PNG"):
        read_pixels(tmp_path / "a.png")
