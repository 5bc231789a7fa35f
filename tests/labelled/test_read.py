import numpy as np
import pytest
import tifffile
from PIL import Image

from dispr.errors import ConfigError, FileError
from dispr.files import write_tiff
from dispr.labelled.read import read_field_pixel_size, read_image, read_labels

GREY = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)
COLOURS = np.stack([GREY, GREY + 1000, GREY * 0]).astype(np.uint16)


def test_formats_agree(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, metadata={"axes": "YX"})
    np.save(tmp_path / "a.npy", GREY)
    Image.fromarray(GREY).save(tmp_path / "a.png")
    for name in ("a.tif", "a.ome.tif", "a.npy", "a.png"):
        np.testing.assert_array_equal(read_image(tmp_path / name), GREY)
        np.testing.assert_array_equal(read_labels(tmp_path / name), GREY)


@pytest.mark.parametrize("axes", ["CYX", "YXS", "?first", "?last"])
def test_channel(tmp_path, axes):
    last = axes in ("YXS", "?last")
    array = np.moveaxis(COLOURS, 0, -1) if last else COLOURS
    if axes.startswith("?"):
        path = tmp_path / "a.npy"
        np.save(path, array)
    else:
        path = tmp_path / "a.ome.tif"
        options = {"photometric": "rgb"} if last else {}
        tifffile.imwrite(path, array, metadata={"axes": axes}, **options)
    np.testing.assert_array_equal(read_image(path, 1), GREY + 1000)
    said = "3 planes, times or channels" if axes.startswith("?") else "3 channels"
    with pytest.raises(ConfigError, match=rf"has {said}.*0 to 2"):
        read_image(path)
    with pytest.raises(ConfigError, match="no channel 3"):
        read_image(path, 3)


def test_grey_saved_in_colours_needs_no_choice(tmp_path):
    grey = (GREY % 256).astype(np.uint8)
    opaque = np.dstack([grey] * 3 + [np.full_like(grey, 255)])
    Image.fromarray(opaque).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), grey)


@pytest.mark.parametrize(
    ("axes", "words"), [("ZYX", "3 planes"), ("TYX", "3 times"), ("TCYX", "2 times and 3 channels")]
)
def test_stacks_are_refused(tmp_path, axes, words):
    array = COLOURS if len(axes) == 3 else np.stack([COLOURS] * 2)
    tifffile.imwrite(tmp_path / "a.ome.tif", array, metadata={"axes": axes})
    with pytest.raises(FileError, match=words):
        read_image(tmp_path / "a.ome.tif")


def test_palette_holds_labels(tmp_path):
    labels = (GREY % 7).astype(np.uint8)
    picture = Image.fromarray(labels).convert("P")
    picture.putpalette(list(range(255, -1, -1)) * 3)
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), labels)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (GREY + 0.5, "fractions"),
        (GREY.astype(int) - 1, "negative"),
        (np.stack([GREY] * 20), "two axes"),
        (GREY[:0], "no pixels"),
    ],
)
def test_what_is_no_label_image(tmp_path, array, words):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(FileError, match=words):
        read_labels(tmp_path / "a.npy")


def test_images_are_grey_and_labels_have_no_channels(tmp_path):
    for name, array, words in (
        ("mask", GREY > 9, "boolean"),
        ("nan", np.where(GREY > 9, np.nan, 1), "NaN"),
        ("long", np.stack([GREY] * 40, 1), "does not say which axis is which; give one section"),
    ):
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(FileError, match=rf"{name}\.npy .*{words}"):
            read_image(tmp_path / f"{name}.npy")
    Image.fromarray(np.dstack([GREY % 256, GREY % 7, GREY % 5]).astype(np.uint8)).save(
        tmp_path / "a.png"
    )
    with pytest.raises(FileError, match="3 colours beside its rows and columns, and labels have"):
        read_labels(tmp_path / "a.png")


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "b.png").write_bytes(b"x")
    (tmp_path / "c.npy").write_bytes(b"x")
    for name, words in (("a.jpg", "format"), ("b.png", "PNG"), ("c.npy", "NPY"), ("d.tif", "not")):
        with pytest.raises(FileError, match=f"{name}.*{words}"):
            read_image(tmp_path / name)


def test_pixel_size(tmp_path):
    size = {"axes": "YX", "PhysicalSizeX": 65, "PhysicalSizeY": 65}
    units = {"PhysicalSizeXUnit": "nm", "PhysicalSizeYUnit": "nm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, metadata=size | units)
    assert read_field_pixel_size(tmp_path / "a.ome.tif") == pytest.approx(0.065)
    assert read_field_pixel_size(tmp_path / "a.ome.tif", 0.2) == 0.2
    np.save(tmp_path / "a.npy", GREY)
    assert read_field_pixel_size(tmp_path / "a.npy") is None


def test_pixel_sizes_of_image_and_labels(tmp_path):
    for name, size in (("a", 0.1), ("b", 0.172)):
        write_tiff(tmp_path / f"{name}.tif", GREY, (1, size, size))
    tifffile.imwrite(tmp_path / "plain.tif", GREY)
    a, b, plain = (tmp_path / f"{name}.tif" for name in ("a", "b", "plain"))
    assert read_field_pixel_size(plain, labels=b) == pytest.approx(0.172, rel=1e-4)
    assert read_field_pixel_size(a, labels=plain) == pytest.approx(0.1, rel=1e-4)
    with pytest.raises(FileError, match=r"a\.tif states pixels of 0\.1 um but .*b\.tif of 0\.172"):
        read_field_pixel_size(a, labels=b)
    assert read_field_pixel_size(a, 0.3, b) == 0.3
    about = {"axes": "YX", "PhysicalSizeX": -0.1, "PhysicalSizeY": 0.1}
    tifffile.imwrite(tmp_path / "c.ome.tif", GREY, metadata=about)
    with pytest.raises(
        FileError, match=r"c\.ome\.tif states pixels of -0\.1 um, which is not a size"
    ):
        read_field_pixel_size(tmp_path / "c.ome.tif")
