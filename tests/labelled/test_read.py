import numpy as np
import pytest
import tifffile
from PIL import Image

from dispr.errors import FileError
from dispr.labelled.read import read_image, read_labels
from dispr.labelled.selection import Selection

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
    np.testing.assert_array_equal(read_image(path, Selection(1)), GREY + 1000)
    said = "3 planes, time points or channels" if axes.startswith("?") else "3 (channels|colours)"
    with pytest.raises(FileError, match=rf"has {said}.*--channel.*0 to 2"):
        read_image(path)
    with pytest.raises(FileError, match="no channel 3"):
        read_image(path, Selection(3))


def test_grey_saved_in_colours_needs_no_choice(tmp_path):
    grey = (GREY % 256).astype(np.uint8)
    opaque = np.dstack([grey] * 3 + [np.full_like(grey, 255)])
    Image.fromarray(opaque).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), grey)


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ("ZYX", "3 planes; choose one with --plane"),
        ("TYX", "3 times"),
        ("TCYX", "2 times and 3 channels"),
    ],
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
        ("long", np.stack([GREY] * 40, 1), "does not name its axes; give one section"),
    ):
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(FileError, match=rf"{name}\.npy .*{words}"):
            read_image(tmp_path / f"{name}.npy")
    Image.fromarray(np.dstack([GREY % 256, GREY % 7, GREY % 5]).astype(np.uint8)).save(
        tmp_path / "a.png"
    )
    with pytest.raises(FileError, match="3 colours in addition to its rows and columns, but"):
        read_labels(tmp_path / "a.png")


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"x")
    (tmp_path / "b.png").write_bytes(b"x")
    (tmp_path / "c.npy").write_bytes(b"x")
    for name, words in (("a.gif", "format"), ("b.png", "PNG"), ("c.npy", "NPY"), ("d.tif", "not")):
        with pytest.raises(FileError, match=f"{name}.*{words}"):
            read_image(tmp_path / name)
