"""Files whose names say something else than their bytes."""

import numpy as np
import pytest
import tifffile
from image_files import LABELS, SECTION, png
from PIL import Image

from dispr.errors import FileError
from dispr.images.read import look, read_numbers, read_pixels, read_size


def test_png_and_tiff_under_the_name_of_the_other(tmp_path):
    png(tmp_path / "a.tif", SECTION)
    tifffile.imwrite(tmp_path / "a.png", LABELS)
    for name, array in (("a.tif", SECTION), ("a.png", LABELS)):
        np.testing.assert_array_equal(read_pixels(tmp_path / name, "labels")[0], array)
        assert look(tmp_path / name)[0] == array.shape
        assert read_size(tmp_path / name).x is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\n<!doctype html><html>", "a web page"),
        (b"\xff\xd8\xff\xe0" + bytes(40), "cannot be read as JPEG"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "HDF5"),
        (b"some text", "cannot be read as TIFF"),
    ],
)
def test_what_is_neither(tmp_path, content, words):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(FileError, match=words):
        read_pixels(tmp_path / "a.tif")


def test_labels_that_jpeg_changed_are_refused(tmp_path):
    Image.fromarray(LABELS * 100).save(tmp_path / "a.tif", compression="jpeg")
    assert read_pixels(tmp_path / "a.tif")[0].shape == LABELS.shape
    with pytest.raises(FileError, match="JPEG compression, which changes labels"):
        read_numbers(tmp_path / "a.tif")
