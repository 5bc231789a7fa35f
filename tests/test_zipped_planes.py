import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile

from dispr.errors import FileError
from dispr.files import read_tiff, write_tiff
from dispr.zipped_planes import zipped_planes

STACK = np.random.default_rng(0).integers(0, 3, (5, 9, 7)).astype(np.uint8)


@pytest.fixture
def path(tmp_path):
    write_tiff(tmp_path / "a.tif", STACK, (0.2, 0.2, 0.2))
    return tmp_path / "a.tif"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("spacing", [None, (0.5, 0.2, 0.2)])
def test_what_we_write_is_read_as_by_tifffile(tmp_path, dtype, spacing):
    path = tmp_path / "a.tif"
    write_tiff(path, (STACK * 0.7).astype(dtype), spacing)
    found = zipped_planes(path).read()
    expected = tifffile.imread(path)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype == dtype
    assert found.flags.writeable
    np.testing.assert_array_equal(read_tiff(path), expected)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"imagej": True},
        {"imagej": True, "compression": "zlib", "metadata": {"axes": "TYX"}},
        {"imagej": True, "compression": "zlib", "metadata": {"axes": "CYX"}},
        {"imagej": True, "compression": "zlib", "metadata": {"axes": "ZYX", "Labels": ["a"] * 5}},
        {"imagej": True, "compression": "zlib", "byteorder": ">", "metadata": {"axes": "ZYX"}},
        {"compression": "zlib", "photometric": "minisblack"},
        {"compression": "zlib", "photometric": "minisblack", "metadata": None},
        {"compression": "zlib", "photometric": "miniswhite", "metadata": None},
        {"compression": "zlib", "photometric": "minisblack", "bigtiff": True},
        {"compression": "zlib", "photometric": "minisblack", "tile": (16, 16)},
        {"imagej": True, "compression": "zlib", "rowsperstrip": 3, "metadata": {"axes": "ZYX"}},
    ],
)
def test_files_of_other_kinds_are_left_to_tifffile(tmp_path, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, **options)
    assert zipped_planes(path) is None
    np.testing.assert_array_equal(np.squeeze(read_tiff(path)), STACK)


def test_no_more_is_asked_for_than_the_file_holds(path):
    tracemalloc.start()
    zipped_planes(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**6


def test_what_is_no_file_is_none(tmp_path):
    assert zipped_planes(tmp_path) is None
    assert zipped_planes(tmp_path / "none.tif") is None
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    assert zipped_planes(tmp_path / "a.tif") is None


def test_a_changed_byte_changes_nothing_or_leaves_the_file_to_tifffile(path):
    """What is read in spite of it is what tifffile reads."""
    content = path.read_bytes()
    read = 0
    for at in range(0, len(content), 3):
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        planes = zipped_planes(path)
        found = None if planes is None else planes.read()
        if found is not None:
            read += 1
            np.testing.assert_array_equal(found, tifffile.imread(path))
    assert 0 < read < len(content)


def test_files_cut_short_are_refused(path):
    content = path.read_bytes()
    for length in range(0, len(content) - 1, 7):
        path.write_bytes(content[:length])
        planes = zipped_planes(path)
        assert planes is None or planes.read() is None
        with pytest.raises(FileError):
            read_tiff(path)


def test_planes_that_expand_to_more_are_not_expanded(path):
    """A plane of a hundred MB is not made where one of 63 bytes is stated."""
    content = bytearray(path.read_bytes())
    large = zlib.compress(bytes(10**8), 9)
    with tifffile.TiffFile(path) as tiff:
        offset, count = (tiff.pages[2].tags[tag].valueoffset for tag in (273, 279))
    struct.pack_into("<I", content, offset, len(content))
    struct.pack_into("<I", content, count, len(large))
    path.write_bytes(content + large)
    planes = zipped_planes(path)
    tracemalloc.start()
    assert planes.read() is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**6
