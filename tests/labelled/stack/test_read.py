import numpy as np
import pytest
import tifffile

from dispr.errors import ArrayError, FileError
from dispr.labelled.channels import STACK as WANTED
from dispr.labelled.channels import only_labels, take
from dispr.labelled.read import read_image, read_labels
from dispr.labelled.selection import Selection
from dispr.labelled.stack.read import planes_note, stack_shape


def one_channel(array, axes, channel=None):
    return take(array, axes, Selection(channel), wanted=WANTED).array


STACK = np.random.default_rng(0).integers(0, 255, (20, 30, 40), np.uint8)


@pytest.mark.parametrize(
    ("axes", "order"), [("ZCYX", (0, 3, 1, 2)), ("CZYX", (3, 0, 1, 2)), ("ZYXS", (0, 1, 2, 3))]
)
def test_channel_is_taken_by_the_name_of_its_axis(axes, order):
    both = np.stack([STACK, STACK // 2], -1).transpose(order)
    np.testing.assert_array_equal(one_channel(both, axes, 1), STACK // 2)
    np.testing.assert_array_equal(one_channel(both, "????", 0), STACK)
    with pytest.raises(
        ArrayError, match=r"has 2 (channels|colours); choose one with --channel \(0 to 1\)"
    ):
        one_channel(both, axes)
    with pytest.raises(ArrayError, match="no channel 2"):
        one_channel(both, axes, 2)


def test_channel_of_an_axis_without_a_name():
    narrow = np.stack([STACK[..., :9]] * 3)  # the columns are as few as channels, but named
    assert one_channel(narrow, "??YX", 1).shape == (20, 30, 9)
    with pytest.raises(ArrayError, match="3 planes, time points or channels, and does not"):
        one_channel(narrow, "??YX")


def test_stack_of_one_channel():
    np.testing.assert_array_equal(one_channel(STACK[None, None], "TCZYX"), STACK)
    with pytest.raises(ArrayError, match="one channel"):
        one_channel(STACK, "ZYX", 1)


@pytest.mark.parametrize(
    ("array", "axes", "words"),
    [
        (STACK[0], "YX", "give a stack of planes"),
        (np.stack([STACK] * 3), "TZYX", "has 3 times"),
        (STACK, "CYX", "stack of planes"),
        (np.zeros((4, 5, 30, 40)), "????", "name its axes"),
        (STACK.astype(complex), "ZYX", "real numbers"),
    ],
)
def test_what_is_no_stack(array, axes, words):
    with pytest.raises(ArrayError, match=words):
        one_channel(array, axes, 0 if axes == "CYX" else None)


def test_formats(tmp_path):
    np.save(tmp_path / "a.npy", STACK)
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "plain.tif", STACK)
    for name in ("a.npy", "a.ome.tif", "plain.tif"):
        np.testing.assert_array_equal(read_image(tmp_path / name, wanted=WANTED), STACK)
        np.testing.assert_array_equal(read_labels(tmp_path / name, WANTED), STACK)
    np.save(tmp_path / "half.npy", STACK / 2)
    with pytest.raises(FileError, match=r"half.npy contains fractions"):
        read_labels(tmp_path / "half.npy", WANTED)
    np.save(tmp_path / "nan.npy", np.full((4, 9, 9), np.nan))
    with pytest.raises(FileError, match=r"nan.npy contains NaN"):
        read_image(tmp_path / "nan.npy", wanted=WANTED)


@pytest.mark.parametrize("called", ["CYX", "TYX"])
def test_planes_called_otherwise(tmp_path, called):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, STACK, imagej=True, metadata={"axes": called, "spacing": -0.5, "unit": "um"}
    )
    np.testing.assert_array_equal(read_image(path, wanted=WANTED), STACK)
    np.testing.assert_array_equal(read_labels(path, WANTED), STACK)
    assert stack_shape(path) == STACK.shape
    word = {"C": "channels", "T": "times"}[called[0]]
    assert f"a.tif calls its 20 planes {word}" in planes_note(path)
    assert planes_note(path, Selection(1)) == ""


def test_messages_that_can_be_followed():
    with pytest.raises(ArrayError, match=r"2 channels in addition to its planes, but labels"):
        only_labels(np.stack([STACK] * 2), "CZYX", "a.tif", WANTED)
