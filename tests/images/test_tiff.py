import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile
from image_files import LABELS, SECTION, packed_tiff
from PIL import Image

from dispr.errors import FileError
from dispr.files import read_tiff
from dispr.images.read import existing, look, read_pixels, read_size

STACK = np.stack([SECTION, SECTION // 2, SECTION // 3, SECTION // 4, SECTION // 5])


def test_pages_that_were_written_one_by_one_are_a_stack(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        for plane in STACK:
            out.write(plane)
    found, axes = read_pixels(tmp_path / "a.tif")
    np.testing.assert_array_equal(found, STACK)
    assert axes == "?YX"
    with tifffile.TiffWriter(tmp_path / "b.tif") as out:
        for plane in (SECTION, SECTION[:20]):
            out.write(plane)
    with pytest.raises(FileError, match=r"b\.tif contains 2 images \(24 x 37, 20 x 37\)"):
        read_pixels(tmp_path / "b.tif")


def test_previews_are_passed_over(tmp_path):
    for first in (True, False):
        with tifffile.TiffWriter(tmp_path / "a.tif") as out:
            for preview in (first, not first):
                plane = SECTION[::4, ::4] if preview else SECTION
                out.write(plane, subfiletype=int(preview), contiguous=False)
        np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif")[0], SECTION)
    tifffile.imwrite(tmp_path / "b.tif", SECTION[::4, ::4], subfiletype=1)
    with pytest.raises(FileError, match="only previews"):
        read_pixels(tmp_path / "b.tif")
    with tifffile.TiffWriter(tmp_path / "c.tif") as out:  # a pyramid
        out.write(STACK[0], subifds=1)
        out.write(STACK[0][::2, ::2], subfiletype=1)
    np.testing.assert_array_equal(read_pixels(tmp_path / "c.tif")[0], SECTION)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, bool])
def test_white_at_zero(tmp_path, dtype):
    grey = SECTION > 100 if dtype is bool else SECTION.astype(dtype)
    stored = ~grey if dtype is bool else np.iinfo(dtype).max - grey
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif")[0], grey)


def test_white_at_zero_of_labels(tmp_path):
    # Labels are numbers; of both readings that with a background is meant.
    for name, stored in (("a", LABELS), ("b", 255 - LABELS)):
        tifffile.imwrite(tmp_path / f"{name}.tif", stored, photometric="miniswhite")
        np.testing.assert_array_equal(read_pixels(tmp_path / f"{name}.tif", "labels")[0], LABELS)
    # ImageJ shows its masks black on white; 255 are the cells.
    mask = np.where(LABELS > 0, 255, 0).astype(np.uint8)
    text = "ImageJ=1.54f\n"
    tifffile.imwrite(
        tmp_path / "c.tif", mask, photometric="miniswhite", description=text, metadata=None
    )
    np.testing.assert_array_equal(read_pixels(tmp_path / "c.tif", "labels")[0], mask)
    tifffile.imwrite(tmp_path / "d.tif", mask, photometric="miniswhite")
    with pytest.raises(FileError, match=r"d\.tif states that 0 is white"):
        read_pixels(tmp_path / "d.tif", "labels")
    tifffile.imwrite(tmp_path / "e.tif", SECTION.astype(np.int16), photometric="miniswhite")
    with pytest.raises(FileError, match=r"e\.tif states that its smallest value is white"):
        read_pixels(tmp_path / "e.tif")


def test_palettes(tmp_path):
    greys = np.random.default_rng(0).permutation(256).astype(np.uint16)
    colours = np.stack([greys, greys[::-1], greys])
    for name, table in (("grey", np.stack([greys] * 3)), ("colour", colours)):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, LABELS, photometric="palette", colormap=table * np.uint16(257))
    for use in ("image", "labels"):
        found = read_pixels(tmp_path / "grey.tif", use)[0]
        np.testing.assert_array_equal(found, greys[LABELS])
    np.testing.assert_array_equal(read_pixels(tmp_path / "colour.tif", "labels")[0], LABELS)
    found, axes = read_pixels(tmp_path / "colour.tif")
    np.testing.assert_array_equal(found, colours.T[LABELS])
    assert axes == "YXS"
    assert look(tmp_path / "colour.tif") == (found.shape, found.dtype, axes)
    # A look-up table of ImageJ is for display: the values are the image.
    options = {"photometric": "palette", "colormap": colours * np.uint16(257)}
    tifffile.imwrite(
        tmp_path / "ij.tif", SECTION, description="ImageJ=1.54f\n", metadata=None, **options
    )
    np.testing.assert_array_equal(read_pixels(tmp_path / "ij.tif")[0], SECTION)


@pytest.mark.parametrize(("bits", "photometric"), [(2, 1), (4, 1), (2, 0), (4, 0), (4, 3), (12, 1)])
def test_values_of_odd_numbers_of_bits(tmp_path, bits, photometric):
    top = 2**bits - 1
    numbers = LABELS if bits < 12 else SECTION.astype(np.uint16) * 20
    palette = np.random.default_rng(0).integers(0, 65535, 3 * 16) if photometric == 3 else None
    stored = top - numbers if photometric == 0 else numbers
    packed_tiff(tmp_path / "a.tif", stored, bits, photometric, palette)
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif", "labels")[0], numbers)
    if photometric != 3:
        shown = numbers * np.uint8(255 // top) if bits < 8 else numbers
        np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif")[0], shown)


def test_colours_opacity_and_channels_side_by_side(tmp_path):
    options = {
        "rgb": {"photometric": "rgb"},
        "planar": {"photometric": "rgb", "planarconfig": "separate"},
        "rgba": {"photometric": "rgb", "extrasamples": ["unassalpha"]},
        "la": {"photometric": "minisblack", "extrasamples": ["unassalpha"], "planarconfig": 1},
        "four": {"photometric": "minisblack", "planarconfig": "contig"},
    }
    colours = np.moveaxis(STACK[:3], 0, -1)
    four, opaque = np.moveaxis(STACK[:4], 0, -1), np.full_like(SECTION, 255)
    arrays = {
        "rgb": colours,
        "planar": STACK[:3],
        "rgba": np.dstack([colours, opaque]),
        "la": np.dstack([SECTION, opaque]),
        "four": four,
    }
    expected = {"rgb": colours, "planar": colours, "rgba": colours, "la": SECTION, "four": four}
    for name, array in arrays.items():
        tifffile.imwrite(tmp_path / "a.tif", array, **options[name])
        found, axes = read_pixels(tmp_path / "a.tif")
        np.testing.assert_array_equal(found, expected[name])
        assert axes == {"la": "YX", "four": "YXC"}.get(name, "YXS")
    grey = np.dstack([SECTION] * 3)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="rgb")
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif")[0], SECTION)
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([grey, SECTION]), photometric="separated")
    with pytest.raises(FileError, match=r"a\.tif uses an unsupported colour type .*SEPARATED"):
        read_pixels(tmp_path / "a.tif")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u2", "i2", "i1", "f4", "f2"])
def test_types_and_orders_of_bytes(tmp_path, order, dtype):
    array = (SECTION.astype(np.int16) - 90).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, byteorder=order)
    found, _ = read_pixels(tmp_path / "a.tif")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.dtype(dtype)
    assert found.dtype.isnative


def test_what_is_missing_is_no_zeros(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, compression="zlib", rowsperstrip=6, metadata=None)
    with tifffile.TiffFile(path) as tiff:
        tag = tiff.pages[2].tags["StripByteCounts"]
    whole = path.read_bytes()
    path.write_bytes(whole[: tag.valueoffset] + b"\0\0" + whole[tag.valueoffset + 2 :])
    with pytest.raises(FileError, match=r"a\.tif cannot be read as TIFF.*truncated"):
        read_pixels(path)
    # ImageJ says how many planes there are.
    text = "ImageJ=1.54f\nimages=9\nslices=9\n"
    tifffile.imwrite(path, STACK, description=text, metadata=None)
    with pytest.raises(FileError, match=r"a\.tif"):
        read_pixels(path)


def test_sizes_are_checked_before_anything_is_expanded(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    packed_tiff(path, SECTION, 8)
    whole = path.read_bytes()
    big = whole.replace(struct.pack("<HHII", 256, 4, 1, 37), struct.pack("<HHII", 256, 4, 1, 2**17))
    path.write_bytes(
        big.replace(struct.pack("<HHII", 257, 4, 1, 24), struct.pack("<HHII", 257, 4, 1, 2**18))
    )
    with pytest.raises(FileError, match=r"a\.tif states 262144 x 131072 values, 32 GiB; at most"):
        read_pixels(path)
    monkeypatch.setattr("dispr.expansion.FREELY", 2**24)
    # A strip that expands to far more than the page holds.
    maker = zlib.compressobj()
    bomb = b"".join(maker.compress(bytes(2**24)) for _ in range(3)) + maker.flush()
    packed_tiff(path, SECTION, 8)
    whole = path.read_bytes()
    for old, new in (
        ((259, 3, 1, 1), (259, 3, 1, 8)),
        ((273, 4, 1, 8), (273, 4, 1, len(whole))),
        ((279, 4, 1, SECTION.size), (279, 4, 1, len(bomb))),
    ):
        whole = whole.replace(struct.pack("<HHII", *old), struct.pack("<HHII", *new))
    path.write_bytes(whole + bomb)
    with pytest.raises(FileError, match=r"a\.tif expands to more than the pixels"):
        read_pixels(path)


@pytest.mark.parametrize(
    ("unit", "wrong"),
    [("um", {}), ("pixel", {}), ("furlong", {"z": "0.5 furlong", "y": "0.2 furlong"})],
)
def test_stated_sizes(tmp_path, unit, wrong):
    about = {"axes": "ZYX", "unit": unit, "spacing": 0.5}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, resolution=(5, 5), metadata=about)
    size = read_size(tmp_path / "a.tif")
    assert (size.z, size.x) == ((0.5, pytest.approx(0.2)) if unit == "um" else (None, None))
    assert {axis: size.wrong[axis] for axis in wrong} == wrong
    assert bool(size.wrong) == bool(wrong)


def test_folders_are_named(tmp_path):
    (tmp_path / "a.ome.zarr").mkdir()
    with pytest.raises(FileError, match=r"a\.ome\.zarr is an OME-Zarr, .* save it as OME-TIFF"):
        read_pixels(tmp_path / "a.ome.zarr")
    with pytest.raises(FileError, match=r"is a folder; give a file"):
        read_pixels(tmp_path)
    with pytest.raises(FileError, match=r"does not exist"):
        read_pixels(tmp_path / "b.tif")


def test_a_file_that_does_not_say_what_is_white(tmp_path):
    packed_tiff(tmp_path / "a.tif", SECTION, 8)
    whole = (tmp_path / "a.tif").read_bytes()
    tag = struct.pack("<HHII", 262, 3, 1, 1)
    assert whole.count(tag) == 1
    (tmp_path / "a.tif").write_bytes(whole.replace(tag, struct.pack("<HHII", 266, 3, 1, 1)))
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif")[0], SECTION)


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize(
    ("compression", "array"),
    [
        *[("tiff_lzw", SECTION), ("tiff_lzw", SECTION * np.uint16(300)), ("packbits", SECTION)],
        *[("tiff_adobe_deflate", SECTION * np.uint16(300)), ("group4", SECTION > 90)],
    ],
)
def test_compressions_of_other_programs(tmp_path, compression, array, photometric):
    path = tmp_path / "a.tif"
    Image.fromarray(array).save(path, compression=compression, tiffinfo={262: photometric})
    deep = array.dtype == np.uint16  # of which Pillow writes another tag, but the same values
    if deep and photometric == 0 and compression == "tiff_lzw":
        with pytest.raises(FileError, match="needs another package"):
            read_pixels(path)
    else:
        shown = ~array if deep and photometric == 0 else array
        np.testing.assert_array_equal(read_pixels(path)[0], shown)


@pytest.mark.parametrize(
    "array",
    [
        *[SECTION / np.float32(7), SECTION * np.int32(-(2**20))],
        np.stack([SECTION, SECTION // 2, SECTION // 3], -1),
    ],
)
def test_types_in_compressions_of_other_programs(tmp_path, array):
    Image.fromarray(array).save(tmp_path / "a.tif", compression="tiff_lzw")
    found, axes = read_pixels(tmp_path / "a.tif")
    assert axes == "YXS"[: array.ndim]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_header_asks_for_no_more_than_a_file_can_hold(tmp_path, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4000, 4000), np.uint8), compression=compression)
    assert read_pixels(path)[0].shape == (4000, 4000)
    tifffile.imwrite(path, SECTION, compression=compression)
    content = bytearray(path.read_bytes())
    (offset,) = struct.unpack("<I", content[4:8])
    (entries,) = struct.unpack("<H", content[offset : offset + 2])
    for at in range(offset + 2, offset + 2 + 12 * entries, 12):
        if struct.unpack("<H", content[at : at + 2])[0] in (256, 257, 278):
            content[at + 2 : at + 12] = struct.pack("<HII", 4, 1, 16_000)
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(FileError, match=r"a\.tif cannot be read as TIFF: it is damaged"):
        read_pixels(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26


def with_next_page(path, page, offset):
    """Let a page of a small classic TIFF file be followed by what stands at an offset."""
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        at = tiff.pages[page].offset
    (entries,) = struct.unpack_from("<H", content, at)
    struct.pack_into("<I", content, at + 2 + 12 * entries, offset)
    path.write_bytes(content)


@pytest.mark.parametrize("read", [read_pixels, read_tiff])
@pytest.mark.parametrize(("pages", "page", "to"), [(1, 0, 0), (2, 1, 0), (2, 1, 1), (130, 129, 7)])
def test_pages_that_follow_in_a_circle_are_refused(tmp_path, read, pages, page, to):
    path = tmp_path / "a.tif"
    planes = np.stack([SECTION] * pages)
    tifffile.imwrite(path, planes, photometric="minisblack", compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as tiff:
        offset = tiff.pages[to].offset
    with_next_page(path, page, offset)
    with pytest.raises(FileError, match=r"a\.tif is damaged: its list of pages is circular"):
        read(path)


@pytest.mark.parametrize("read", [read_pixels, read_tiff])
def test_a_page_that_is_none_is_not_the_end(tmp_path, read):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as tiff:
        inside = tiff.pages[4].dataoffsets[0] + 4
    with_next_page(path, 2, inside)
    with pytest.raises(FileError, match=r"a\.tif cannot be read as TIFF: it is damaged"):
        read(path)


def test_names_too_long_for_files_are_refused(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        existing(tmp_path / ("a" * 5000))
