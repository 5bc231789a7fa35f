"""Files of microscopes: ND2 and LIF, by imitation; refusals of all."""

import sys
import types

import numpy as np
import pytest

from dispr.errors import FileError
from dispr.images import microscope
from dispr.images.microscope import open_microscope
from dispr.labelled.read import read_image
from dispr.labelled.selection import Selection

# Two channels of three planes: no two pixels alike.
MANY = np.arange(2 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 3, 20, 30)


@pytest.mark.parametrize("name", ["a.czi", "a.nd2", "a.LIF"])
def test_packages_that_are_not_installed(tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(b"x")
    for package in ("bioio", "pylibCZIrw"):
        monkeypatch.setitem(sys.modules, package, None)
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
    assert set(microscope.READERS) == {".nd2", ".lif"}


@pytest.mark.parametrize("name", ["a.nd2", "a.lif"])
def test_files_that_are_none(tmp_path, name, caplog):
    pytest.importorskip("bioio")
    pytest.importorskip(microscope.READERS[name[1:]])
    (tmp_path / name).write_bytes(b"none at all")
    kind = name[2:].upper()
    with pytest.raises(FileError, match=rf"{name} cannot be read as {kind}: it is damaged"):
        open_microscope(tmp_path / name)
    assert not caplog.records  # the package's own words are not for users
