"""Files of microscopes: CZI as the maker's own library writes it; refusals of all."""

import sys
import types

import numpy as np
import pytest

from dispr.errors import FileError
from dispr.images import microscope
from dispr.images.microscope import open_microscope
from dispr.images.read import channel_names, look, read_size
from dispr.labelled.channels import STACK as WANTED
from dispr.labelled.find import find_fields
from dispr.labelled.read import read_image
from dispr.labelled.selection import Selection

# Two channels of three planes: no two pixels alike.
MANY = np.arange(2 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 3, 20, 30)


def write_czi(path, scenes=1, **about):
    pytest.importorskip("bioio_czi")
    from pylibCZIrw import czi

    with czi.create_czi(str(path)) as file:
        for scene in range(scenes):
            place = {"scene": scene, "location": (200 * scene, 0)} if scenes > 1 else {}
            for c, z in np.ndindex(2, 3):
                plane = {"C": int(c), "Z": int(z), "T": 0}
                file.write((MANY + 5000 * scene)[c, z][..., None], plane=plane, **place)
        file.write_metadata("a", **about)
    return path


@pytest.fixture
def czi(tmp_path):
    names = {0: "DAPI", 1: "membrane"}
    sizes = {"scale_x": 0.2e-6, "scale_y": 0.2e-6, "scale_z": 0.5e-6}
    return write_czi(tmp_path / "a.czi", channel_names=names, **sizes)


def test_czi(czi):
    np.testing.assert_array_equal(read_image(czi, Selection("membrane", 2)), MANY[1, 2])
    np.testing.assert_array_equal(read_image(czi, Selection(0), WANTED), MANY[0])
    size = read_size(czi)
    assert (size.z, size.y, size.x) == pytest.approx((0.5, 0.2, 0.2))
    assert channel_names(czi) == ("DAPI", "membrane")
    assert look(czi) == ((1, *MANY.shape), np.uint16, "TCZYX")
    with pytest.raises(FileError, match=r"2 channels and 3 planes; choose one with --channel"):
        read_image(czi)
    (field,) = find_fields(czi.parent)
    assert (field.name, field.image) == ("a", czi)


def test_scenes_of_czi(tmp_path):
    path = write_czi(tmp_path / "a.czi", 3, scale_x=0.2e-6, scale_y=0.2e-6)
    with pytest.raises(FileError, match=r"contains 3 images \(0, 1, 2\); choose one with --scene"):
        read_image(path, Selection(1, 0))
    for scene in range(3):
        found = read_image(path, Selection(1, 2, scene=scene))
        np.testing.assert_array_equal(found, MANY[1, 2] + 5000 * scene)
    stack = read_image(path, Selection(1, scene=2), WANTED)
    np.testing.assert_array_equal(stack, MANY[1] + 10000)
    size = read_size(path, 1)
    assert (size.z, size.y) == (None, pytest.approx(0.2))


def test_damaged_czi(czi):
    content = czi.read_bytes()
    for damaged in (content[:200], b"nothing", b""):
        czi.write_bytes(damaged)
        with pytest.raises(FileError, match=r"a\.czi cannot be read as CZI: it is damaged"):
            read_image(czi, Selection(0, 0))


@pytest.mark.parametrize("name", ["a.czi", "a.nd2", "a.LIF"])
def test_packages_that_are_not_installed(tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "bioio", None)
    with pytest.raises(FileError, match=rf"{name} needs other packages: pip install 'dispr\[form"):
        read_image(tmp_path / name)


@pytest.mark.parametrize("calibrated", [True, False])
def test_nd2_that_is_not_calibrated_states_no_size(tmp_path, monkeypatch, calibrated):
    """The package gives 1 um for pixels of unknown size; what it reads is imitated here."""
    volume = types.SimpleNamespace(axesCalibrated=(calibrated, calibrated, False))
    metadata = types.SimpleNamespace(channels=[types.SimpleNamespace(volume=volume)])

    class File:
        def __init__(self, path):
            self.metadata = metadata

        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda self, *_: None  # noqa: E731

    class Image:
        scenes = ("XYPos:0",)
        dims = types.SimpleNamespace(order="TCZYX")
        physical_pixel_sizes = types.SimpleNamespace(Z=1.0, Y=1.0, X=1.0)
        channel_names = ("GFP", "RFP")
        dask_data = MANY[None]

        def __init__(self, path, reader):
            pass

        def set_scene(self, number):
            assert number == 0

    monkeypatch.setitem(sys.modules, "bioio", types.SimpleNamespace(BioImage=Image))
    monkeypatch.setitem(sys.modules, "bioio_nd2", types.SimpleNamespace(Reader=None))
    monkeypatch.setitem(sys.modules, "nd2", types.SimpleNamespace(ND2File=File))
    (tmp_path / "a.nd2").write_bytes(b"x")
    source = open_microscope(tmp_path / "a.nd2")
    assert (source.size.z, source.size.x) == (None, 1.0 if calibrated else None)
    assert source.channels == ("GFP", "RFP")
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.nd2", Selection("RFP", "middle")), MANY[1, 1]
    )
    assert set(microscope.READERS) == {".czi", ".nd2", ".lif"}
