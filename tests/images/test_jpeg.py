"""JPEG is read as an image, and refused for masks and labels."""

import numpy as np
import pytest
from image_files import LABELS, SECTION
from PIL import Image

from dispr.cells.folder import find_cells
from dispr.cells.read import read_image as read_cell
from dispr.errors import FileError
from dispr.images.read import is_jpeg, look, read_numbers, read_pixels, read_size
from dispr.labelled.read import jpeg_note, read_image, read_labels

SMOOTH = (np.add.outer(np.arange(64), np.arange(48)) * 2).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.JPG", "a.tif", "a.png"])
def test_grey(tmp_path, name):
    with open(tmp_path / name, "wb") as file:
        Image.fromarray(SMOOTH).save(file, "JPEG", quality=95)
    array, axes = read_pixels(tmp_path / name)
    assert (array.dtype, array.shape, axes) == (np.uint8, SMOOTH.shape, "YX")
    assert np.abs(array.astype(int) - SMOOTH).max() <= 3
    assert look(tmp_path / name) == (SMOOTH.shape, np.uint8, "YX")
    assert read_size(tmp_path / name).x is None
    np.testing.assert_array_equal(read_image(tmp_path / name), array)
    with pytest.raises(FileError, match="JPEG compression, which changes labels and masks"):
        read_numbers(tmp_path / name)


@pytest.mark.parametrize("codec", ["jpeg", "tiff_lzw", None])
def test_jpeg_inside_tiff(tmp_path, codec):
    Image.fromarray(SMOOTH).save(tmp_path / "a.tif", compression=codec)
    assert is_jpeg(tmp_path / "a.tif") == (codec == "jpeg")
    note = jpeg_note(tmp_path / "a.tif")
    assert ("a.tif has JPEG compression, which changes grey values" in note) == (codec == "jpeg")
    if codec == "jpeg":
        with pytest.raises(FileError, match="JPEG compression, which changes labels and masks"):
            read_numbers(tmp_path / "a.tif")
        with pytest.raises(FileError, match="JPEG compression, which changes labels and masks"):
            read_labels(tmp_path / "a.tif")
    else:
        np.testing.assert_array_equal(read_numbers(tmp_path / "a.tif"), SMOOTH)


def test_what_is_no_jpeg(tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", SMOOTH)
    assert not is_jpeg(tmp_path / "a.png")
    assert not is_jpeg(tmp_path / "a.npy")
    Image.fromarray(SMOOTH).save(tmp_path / "b.png", "JPEG")  # whatever its name says
    assert is_jpeg(tmp_path / "b.png")


def test_colours(tmp_path):
    Image.fromarray(np.dstack([SMOOTH] * 3)).save(tmp_path / "grey.jpg")
    assert read_pixels(tmp_path / "grey.jpg")[1] == "YX"
    Image.fromarray(np.dstack([SMOOTH, SMOOTH // 2, SMOOTH // 4])).save(tmp_path / "a.jpg")
    with pytest.raises(FileError, match="3 colours; choose one with --channel"):
        read_image(tmp_path / "a.jpg")
    Image.fromarray(np.dstack([SMOOTH] * 4), "CMYK").save(tmp_path / "b.jpg")
    with pytest.raises(FileError, match=r"b\.jpg is a JPEG picture with the colours CMYK"):
        read_pixels(tmp_path / "b.jpg")


def test_pictures_that_are_to_be_turned(tmp_path):
    for turn in (1, 6):
        about = Image.Exif()
        about[0x0112] = turn
        Image.fromarray(SMOOTH).save(tmp_path / f"{turn}.jpg", exif=about)
    assert read_pixels(tmp_path / "1.jpg")[0].shape == SMOOTH.shape
    with pytest.raises(FileError, match=r"6\.jpg is to be turned .* orientation is 6"):
        read_pixels(tmp_path / "6.jpg")


def test_damaged(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    Image.fromarray(SECTION).save(path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:30], b"\xff\xd8\xff"):
        path.write_bytes(content)
        with pytest.raises(FileError, match=r"a\.jpg cannot be read as JPEG: it is damaged"):
            read_pixels(path)
    path.write_bytes(b"no picture")
    with pytest.raises(FileError, match=r"a\.jpg cannot be read as JPEG"):
        read_pixels(path)
    path.write_bytes(whole)
    monkeypatch.setenv("DISPR_LARGEST_GIB", "1e-9")
    with pytest.raises(FileError, match=r"a\.jpg states 24 x 37 values"):
        read_pixels(path)


def test_folder_of_cells(tmp_path):
    for kind in ("image", "mask"):
        (tmp_path / kind).mkdir()
    Image.fromarray(SMOOTH).save(tmp_path / "image" / "a.jpg")
    Image.fromarray((LABELS > 0).astype(np.uint8) * 255).save(tmp_path / "mask" / "a.png")
    (cell,) = find_cells(tmp_path)
    assert cell.image.name == "a.jpg"
    assert read_cell(cell.image).shape == (64, 64)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff(tmp_path, kind, compression):
    array = (SECTION * 255.0 / 7).astype(kind) if kind != np.uint8 else SECTION
    Image.fromarray(array).save(tmp_path / "a.tif", compression=compression)
    read, axes = read_pixels(tmp_path / "a.tif")
    np.testing.assert_array_equal(read, array)
    assert (read.dtype, axes) == (kind, "YX")


def test_stack_in_lzw(tmp_path):
    pages = [Image.fromarray(SECTION + k) for k in range(3)]
    pages[0].save(
        tmp_path / "a.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw"
    )
    read, axes = read_pixels(tmp_path / "a.tif")
    np.testing.assert_array_equal(read, [SECTION, SECTION + 1, SECTION + 2])
    assert axes == "?YX"


def test_colours_in_lzw_and_jpeg(tmp_path):
    colours = np.dstack([SMOOTH, SMOOTH // 2, SMOOTH // 4])
    Image.fromarray(colours).save(tmp_path / "a.tif", compression="tiff_lzw")
    read, axes = read_pixels(tmp_path / "a.tif")
    np.testing.assert_array_equal(read, colours)
    assert axes == "YXS"
    Image.fromarray(colours).save(tmp_path / "b.tif", compression="jpeg")
    read, axes = read_pixels(tmp_path / "b.tif")
    assert axes == "YXS"
    assert np.abs(read.astype(int) - colours).max() < 30
