"""Which plane, channel and time point of an image is taken: the right pixels, or a refusal."""

import numpy as np
import pytest
import tifffile

from dispr.errors import ArrayError, ConfigError, FileError
from dispr.labelled.channels import only_labels, take
from dispr.labelled.read import read_labels, read_section
from dispr.labelled.selection import Selection, sharpest_plane

# Two times, five planes, three channels: no two pixels alike.
MANY = np.arange(2 * 5 * 3 * 12 * 16, dtype=np.uint16).reshape(2, 5, 3, 12, 16)
STACK = MANY[0, :, 0]


@pytest.fixture
def many(tmp_path):
    path = tmp_path / "a.ome.tif"
    channels = {"Name": ["DAPI", "membrane", "488"]}
    tifffile.imwrite(path, MANY, metadata={"axes": "TZCYX", "Channel": channels})
    return path


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "stack.ome.tif"
    tifffile.imwrite(path, STACK, metadata={"axes": "ZYX"})
    return path


@pytest.mark.parametrize("channel", [1, "1", "membrane", "Membrane", " membrane"])
@pytest.mark.parametrize(("plane", "number"), [(3, 3), ("3", 3), ("middle", 2), (0, 0)])
def test_one_section_of_many(many, channel, plane, number):
    taken = read_section(many, Selection(channel, plane, 1))
    np.testing.assert_array_equal(taken.array, MANY[1, number, 1])
    assert (taken.which.plane, taken.planes) == (number, 5)


def test_digits_are_a_number_first_then_a_name(many):
    np.testing.assert_array_equal(read_section(many, Selection("488", 0, 0)).array, MANY[0, 0, 2])
    with pytest.raises(FileError, match="no channel 7; choose DAPI, membrane, 488, or 0 to 2"):
        read_section(many, Selection(7, 0, 0))
    with pytest.raises(FileError, match="no channel GFP"):
        read_section(many, Selection("GFP", 0, 0))


def test_names_that_differ_in_capitals_alone(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(
        path, MANY[0, 0], metadata={"axes": "CYX", "Channel": {"Name": ["a", "A", "b"]}}
    )
    np.testing.assert_array_equal(read_section(path, Selection("A")).array, MANY[0, 0, 1])
    tifffile.imwrite(
        path, MANY[0, 0], metadata={"axes": "CYX", "Channel": {"Name": ["a", "a", "b"]}}
    )
    with pytest.raises(FileError, match='2 channels "a"'):
        read_section(path, Selection("a"))


def test_digits_that_are_no_number(many):
    with pytest.raises(ConfigError, match='there is no plane "999'):
        Selection(plane="9" * 5000)
    with pytest.raises(FileError, match="has no channel 999"):
        read_section(many, Selection("9" * 5000, 0, 0))


def test_few_planes_without_a_name_can_be_channels(tmp_path):
    path = tmp_path / "a.npy"
    planes = np.arange(17 * 20 * 30, dtype=np.uint16).reshape(17, 20, 30)
    np.save(path, planes[:16])
    np.testing.assert_array_equal(read_section(path, Selection(15)).array, planes[15])
    with pytest.raises(FileError, match="16 planes, time points or channels, and does not state"):
        read_section(path)
    np.save(path, planes)
    for which in (Selection(15), Selection()):
        with pytest.raises(FileError, match="choose a plane with --plane if they are planes"):
            read_section(path, which)
    np.testing.assert_array_equal(read_section(path, Selection(plane=15)).array, planes[15])


def test_all_that_must_be_chosen_is_named(many):
    with pytest.raises(FileError) as error:
        read_section(many)
    assert str(error.value) == (
        f"{many} has 2 times and 5 planes and 3 channels; choose one with --time (0 to 1) and "
        "--plane (0 to 4, middle, sharpest or max-projection) and --channel (0 to 2, or its name: "
        "DAPI, membrane, 488); or give labels, (Z, Y, X), that mark the cells in one or more of "
        "the planes."
    )
    with pytest.raises(FileError, match=r"has 2 times; choose one with --time \(0 to 1\)"):
        read_section(many, Selection(0, 1))
    with pytest.raises(FileError, match=r"choose one with --channel \(0 to 2"):
        read_section(many, Selection(None, 1, 1))


@pytest.mark.parametrize(
    ("which", "words"),
    [
        (Selection(0, 5, 0), "no plane 5; choose 0 to 4"),
        (Selection(0, 4, 2), "no time point 2; choose 0 to 1"),
    ],
)
def test_what_is_not_there(many, which, words):
    with pytest.raises(FileError, match=words):
        read_section(many, which)


def test_projection_is_the_largest_value_of_each_pixel(stack):
    array = STACK.copy()
    array[1, 4, 5], array[3, 0, 0] = 60000, 50000
    tifffile.imwrite(stack, array, metadata={"axes": "ZYX"})
    taken = read_section(stack, Selection(plane="max-projection"))
    np.testing.assert_array_equal(taken.array, array.max(0))
    assert taken.array.dtype == np.uint16
    assert (taken.array[4, 5], taken.array[0, 0]) == (60000, 50000)
    assert taken.which.plane == "max-projection"


def test_sharpest_plane_is_the_one_in_focus():
    from scipy.ndimage import gaussian_filter

    draw = np.random.default_rng(3)
    cell = np.zeros((96, 96))
    cell[30:70, 25:60] = 100
    cell[45:55, 35:50] = 20
    blurs = [6, 4, 2, 1, 3, 5, 7]
    # Noise is alike in all planes, and the light does not fade out of focus.
    stack = [gaussian_filter(cell, blur) + draw.normal(0, 2, cell.shape) for blur in blurs]
    assert sharpest_plane(np.asarray(stack, np.float32)) == 3


def test_one_plane_needs_no_choice(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0])
    for plane in (0, "middle", "sharpest", "max-projection"):
        taken = read_section(path, Selection(plane=plane))
        np.testing.assert_array_equal(taken.array, STACK[0])
        assert (taken.which.plane, taken.planes) == (None, 1)
    with pytest.raises(FileError, match="one plane; omit --plane"):
        read_section(path, Selection(plane=1))
    with pytest.raises(FileError, match="one time point; omit --time"):
        read_section(path, Selection(time=1))


@pytest.mark.parametrize("axes", ["CYX", "TYX"])
def test_channels_and_times_are_not_taken_for_planes(tmp_path, axes):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, STACK, metadata={"axes": axes})
    option = {"C": "--channel", "T": "--time"}[axes[0]]
    with pytest.raises(FileError, match=rf"choose one with {option} \(0 to 4"):
        read_section(path, Selection(plane="middle"))
    with pytest.raises(FileError, match="one plane; omit --plane"):
        read_section(path, Selection(plane=2))


def test_pages_without_a_name_are_planes_if_one_is_asked_for(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, STACK)
    np.testing.assert_array_equal(read_section(path, Selection(plane=4)).array, STACK[4])
    np.save(path, MANY[0])  # planes and channels, or the other way round
    with pytest.raises(FileError, match="does not name its axes"):
        read_section(path, Selection(plane=4))


def test_labels_in_3d_give_the_plane_of_their_image(tmp_path, stack):
    labels = np.zeros(STACK.shape, np.uint16)
    for k in range(5):
        labels[k, 2:6, 2 + k : 8 + k] = 1
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, labels)
    for plane, number in (("middle", 2), (4, 4)):
        section = read_section(stack, Selection(plane=plane))
        np.testing.assert_array_equal(read_labels(path, section=section), labels[number])
    with pytest.raises(FileError, match="5 planes, which do not fit a projection"):
        read_labels(path, section=read_section(stack, Selection(plane="max-projection")))
    tifffile.imwrite(path, labels[:4], metadata={"axes": "ZYX"}, ome=True)
    with pytest.raises(FileError, match="4 planes in addition to its rows"):
        read_labels(path, section=section)
    tifffile.imwrite(path, labels[0])
    np.testing.assert_array_equal(read_labels(path, section=section), labels[0])


@pytest.mark.parametrize("axes", ["TZYX", "TYX", "ZYX"])
def test_labels_of_several_times_give_that_of_their_image(tmp_path, axes):
    """As many planes as time points: the name of the axis tells which it is."""
    image, path = tmp_path / "a.ome.tif", tmp_path / "labels.ome.tif"
    numbers = np.arange(9).reshape(3, 3)  # of time and plane
    stack = np.broadcast_to(numbers[..., None, None], (3, 3, 12, 16)).astype(np.uint16)
    tifffile.imwrite(image, stack, metadata={"axes": "TZYX"})
    labels = {"TZYX": stack, "TYX": stack[:, 0], "ZYX": stack[0]}[axes]
    tifffile.imwrite(path, labels, metadata={"axes": axes})
    for time, plane in np.ndindex(3, 3):
        section = read_section(image, Selection(plane=int(plane), time=int(time)))
        assert section.array[0, 0] == numbers[time, plane]
        found = read_labels(path, section=section)
        place = time * ("T" in axes), plane * ("Z" in axes)
        assert (found == numbers[place]).all()


def test_labels_of_a_time_lapse(tmp_path):
    image, path = tmp_path / "a.ome.tif", tmp_path / "labels.npy"
    tifffile.imwrite(image, STACK, metadata={"axes": "TYX"})
    labels = np.broadcast_to(np.arange(5, dtype=np.uint16)[:, None, None], STACK.shape)
    np.save(path, labels)
    section = read_section(image, Selection(time=3))
    assert (section.times, section.planes) == (5, 1)
    assert (read_labels(path, section=section) == 3).all()
    np.save(path, labels[:4])
    with pytest.raises(FileError, match=r"has the shape \(4, 12, 16\)"):
        read_labels(path, section=section)
    tifffile.imwrite(tmp_path / "l.ome.tif", labels[:4], metadata={"axes": "TYX"})
    with pytest.raises(FileError, match="4 times in addition to its rows and columns"):
        read_labels(tmp_path / "l.ome.tif", section=section)
    square = np.broadcast_to(STACK[:3, None], (3, 3, *STACK.shape[1:]))
    tifffile.imwrite(image, square, metadata={"axes": "TZYX"})
    np.save(path, labels[:3])
    with pytest.raises(FileError, match="3 planes or time points, and does not state which"):
        read_labels(path, section=read_section(image, Selection(plane=1, time=2)))


@pytest.mark.parametrize(
    ("shape", "axes"), [((16, 12), "XY"), ((12, 16, 5), "YXZ"), ((2, 16, 12), "CXY")]
)
def test_images_that_would_be_turned(shape, axes):
    array = np.zeros(shape, np.uint16)
    words = rf"a has the axes {', '.join(axes)}; save it with rows before columns"
    for which in (Selection(), Selection(0, 0)):
        with pytest.raises(ArrayError, match=words):
            take(array, axes, which, "a")
    with pytest.raises(ArrayError, match=words):
        only_labels(array, axes, "a")


def test_only_what_is_taken_is_read():
    class OnDisk:
        shape, dtype = MANY.shape, MANY.dtype
        read = 0

        def __getitem__(self, index):
            OnDisk.read += MANY[index].size
            return MANY[index]

    taken = take(OnDisk(), "TZCYX", Selection(2, "middle", 1))
    np.testing.assert_array_equal(taken.array, MANY[1, 2, 2])
    assert OnDisk.read == 12 * 16


@pytest.mark.parametrize(
    "wrong", [{"plane": "top"}, {"plane": -1}, {"channel": -1}, {"time": -1}, {"plane": "1.5"}]
)
def test_choices_that_cannot_be_made(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}"):
        Selection(**wrong)
