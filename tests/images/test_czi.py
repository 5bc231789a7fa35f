"""CZI files as the maker's own library writes them."""

import numpy as np
import pytest

from dispr.errors import FileError
from dispr.images.read import channel_names, look, read_size
from dispr.labelled.channels import STACK
from dispr.labelled.find import find_fields
from dispr.labelled.read import read_image, read_section
from dispr.labelled.selection import Selection

library = pytest.importorskip("pylibCZIrw.czi")

# Two channels of three planes: no two pixels alike.
MANY = np.arange(2 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 3, 20, 30)

SIZES = {"scale_x": 0.2e-6, "scale_y": 0.2e-6}


def write(path, planes, metadata=True, name="a", **about):
    """Write (pixels, T, C, Z, scene, left) each."""
    with library.create_czi(str(path), exist_ok=True) as file:
        for pixels, t, c, z, scene, left in planes:
            place = {} if scene is None else {"scene": scene}
            file.write(pixels, plane={"T": t, "C": c, "Z": z}, location=(left, 7 * left), **place)
        if metadata:
            file.write_metadata(name, **about)
    return path


def of_many(scenes=1):
    return [
        (MANY[c, z] + 5000 * scene, 0, int(c), int(z), scene if scenes > 1 else None, 200 * scene)
        for scene in range(scenes)
        for c, z in np.ndindex(2, 3)
    ]


@pytest.fixture
def czi(tmp_path):
    names = {0: "DAPI", 1: "membrane"}
    return write(tmp_path / "a.czi", of_many(), channel_names=names, scale_z=0.5e-6, **SIZES)


def test_czi(czi):
    np.testing.assert_array_equal(read_image(czi, Selection("membrane", 2)), MANY[1, 2])
    np.testing.assert_array_equal(read_image(czi, Selection(0), STACK), MANY[0])
    np.testing.assert_array_equal(read_image(czi, Selection(0, "max-projection")), MANY[0, 2])
    size = read_size(czi)
    assert (size.z, size.y, size.x) == (0.5, 0.2, 0.2)
    assert channel_names(czi) == ("DAPI", "membrane")
    assert look(czi) == ((1, *MANY.shape), np.uint16, "TCZYX")
    with pytest.raises(FileError, match=r"2 channels and 3 planes; choose one with --channel"):
        read_image(czi)
    with pytest.raises(FileError, match=r'contains no image "1"; choose 0 to 0'):
        read_image(czi, Selection(0, 0, scene=1))
    (field,) = find_fields(czi.parent)
    assert (field.name, field.image) == ("a", czi)


def test_scenes(tmp_path):
    path = write(tmp_path / "a.czi", of_many(3), **SIZES)
    with pytest.raises(FileError, match=r"contains 3 images \(0, 1, 2\); choose one with --scene"):
        read_image(path, Selection(1, 0))
    for scene in range(3):
        found = read_image(path, Selection(1, 2, scene=scene))
        np.testing.assert_array_equal(found, MANY[1, 2] + 5000 * scene)
    stack = read_image(path, Selection(1, scene=2), STACK)
    np.testing.assert_array_equal(stack, MANY[1] + 10000)
    size = read_size(path, 1)
    assert (size.z, size.y) == (None, 0.2)


def test_scenes_differ_in_planes_and_types(tmp_path):
    """The middle of a scene is that of its own planes, and no scene takes the type of another."""
    small = (MANY[0] % 251).astype(np.uint8)
    planes = [(small[z], 0, 0, z, 0, 0) for z in range(2)]
    planes += [(MANY[1, z % 3] + z, 0, 0, z, 1, 100) for z in range(5)]
    path = write(tmp_path / "a.czi", planes)
    first = read_section(path, Selection(plane="middle", scene=0))
    assert (first.which.plane, first.planes, first.array.dtype) == (1, 2, np.uint8)
    np.testing.assert_array_equal(first.array, small[1])
    second = read_section(path, Selection(plane="middle", scene=1))
    assert (second.which.plane, second.planes, second.array.dtype) == (2, 5, np.uint16)
    np.testing.assert_array_equal(second.array, MANY[1, 2] + 2)
    with pytest.raises(FileError, match="has no plane 2; choose 0 to 1"):
        read_image(path, Selection(plane=2, scene=0))


def test_names_of_scenes(tmp_path):
    path = write(tmp_path / "a.czi", of_many(2), name="x" * 200, **SIZES)
    # The names where the maker's program writes them; the file stays as long as it is.
    names = b'<S><Scenes><Scene Index="0" Name="P1"/><Scene Index="1" Name="P2">'
    names += b'<Shape Name="B4"/></Scene></Scenes></S>'
    content = path.read_bytes()
    assert content.count(b"</Channels>") == content.count(b"x" * 200) == 1
    content = content.replace(b"x" * 200, b"x" * (200 - len(names)))
    path.write_bytes(content.replace(b"</Channels>", b"</Channels>" + names))
    found = read_image(path, Selection(1, 2, scene="P2-B4"))
    np.testing.assert_array_equal(found, MANY[1, 2] + 5000)
    np.testing.assert_array_equal(read_image(path, Selection(1, 2, scene="P1")), MANY[1, 2])
    with pytest.raises(FileError, match=r"2 images \(P1, P2-B4\)"):
        read_image(path, Selection(1, 2))


def test_planes_are_counted_from_the_first_of_the_file(tmp_path):
    path = write(tmp_path / "a.czi", [(MANY[0, z], 3, 2, 5 + z, None, 0) for z in range(3)])
    for plane in range(3):
        np.testing.assert_array_equal(read_image(path, Selection(0, plane, 0)), MANY[0, plane])
    np.testing.assert_array_equal(read_image(path, Selection(), STACK), MANY[0])
    path = write(tmp_path / "b.czi", [(MANY[0, 1], 3, 2, 5, None, 0)])
    np.testing.assert_array_equal(read_image(path), MANY[0, 1])


def test_a_plane_that_was_not_acquired_is_not_another(tmp_path):
    path = write(tmp_path / "a.czi", [(MANY[0, z % 3], 0, 0, z, None, 0) for z in (0, 1, 3)])
    np.testing.assert_array_equal(read_image(path, Selection(plane=3)), MANY[0, 0])
    for plane in (2, "middle", "sharpest", "max-projection"):
        with pytest.raises(FileError, match=r"a\.czi lacks a plane \(plane 2\), so it is incompl"):
            read_image(path, Selection(plane=plane))


def test_colours(tmp_path):
    """They are stored as blue, green, red."""
    colours = np.stack([MANY[0, k] % 200 + k for k in range(3)], axis=-1)
    for kind, scale in ((np.uint8, 1), (np.uint16, 256)):
        path = write(tmp_path / "a.czi", [((colours * scale).astype(kind), 0, 0, 0, None, 0)])
        with pytest.raises(FileError, match=r"has 3 colours; choose one with --channel \(0 to 2\)"):
            read_image(path)
        for channel in range(3):
            found = read_image(path, Selection(channel))
            np.testing.assert_array_equal(found, colours[..., 2 - channel] * scale)
    grey = (MANY[0, 0] % 200).astype(np.uint8)
    path = write(tmp_path / "b.czi", [(np.stack([grey] * 3, -1), 0, 0, 0, None, 0)])
    np.testing.assert_array_equal(read_image(path), grey)


def test_channels_of_several_types(tmp_path):
    small = (MANY[0, 0] % 251).astype(np.uint8)
    path = write(tmp_path / "a.czi", [(small, 0, 0, 0, None, 0), (MANY[1, 0], 0, 1, 0, None, 0)])
    for channel, pixels in ((0, small), (1, MANY[1, 0])):
        found = read_image(path, Selection(channel))
        assert found.dtype == pixels.dtype
        np.testing.assert_array_equal(found, pixels)
    floats = (MANY[0, 0] / 4000).astype(np.float32)
    path = write(tmp_path / "b.czi", [(floats, 0, 0, 0, None, 0)])
    np.testing.assert_array_equal(read_image(path), floats)
    coloured = (np.stack([small] * 3, -1), 0, 1, 0, None, 0)
    path = write(tmp_path / "c.czi", [(small, 0, 0, 0, None, 0), coloured])
    with pytest.raises(FileError, match=r"c\.czi has grey and coloured channels; export one"):
        read_image(path, Selection(0))


def test_tiles_are_put_together(tmp_path):
    image = MANY[1, 2]
    with library.create_czi(str(tmp_path / "a.czi")) as file:
        for left in (0, 10, 20):
            file.write(image[:, left : left + 10], location=(500 + left, 300))
    np.testing.assert_array_equal(read_image(tmp_path / "a.czi"), image)


def test_no_metadata(tmp_path):
    path = write(tmp_path / "a.czi", of_many(), metadata=False)
    np.testing.assert_array_equal(read_image(path, Selection(1, 2)), MANY[1, 2])
    size = read_size(path)
    assert (size.z, size.y, size.x, dict(size.wrong)) == (None, None, None, {})
    assert channel_names(path) == ()


def test_unequal_pixels(tmp_path):
    path = write(tmp_path / "a.czi", of_many(), scale_x=0.1e-6, scale_y=0.25e-6)
    size = read_size(path)
    assert (size.z, size.y, size.x) == (None, 0.25, 0.1)


def test_damaged(czi):
    content = czi.read_bytes()
    for damaged in (content[:200], content[: len(content) // 2], b"nothing", b""):
        czi.write_bytes(damaged)
        with pytest.raises(FileError, match=r"a\.czi cannot be read as CZI: it is damaged"):
            read_image(czi, Selection(0, 0))


def test_no_pixels(tmp_path):
    path = write(tmp_path / "a.czi", [])
    with pytest.raises(FileError, match=r"a\.czi contains no pixels"):
        read_image(path)
