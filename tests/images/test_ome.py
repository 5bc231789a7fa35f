import warnings

import numpy as np
import pytest
import tifffile
from image_files import SECTION, ome_xml, pages, plane_set, position_set

from dispr.errors import FileError
from dispr.images.read import look, read_pixels, read_size

STACK = np.stack([SECTION, SECTION // 2, SECTION // 3])


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("stacks", [[STACK[:1], STACK[1:2]], [STACK, STACK[::-1]]])
def test_a_file_of_a_set_is_its_own_position(tmp_path, compression, stacks):
    position_set(tmp_path, stacks, [0.2, 0.1], compression)
    for k, (stack, size) in enumerate(zip(stacks, [0.2, 0.1], strict=True)):
        path = tmp_path / f"p{k}.ome.tif"
        found, axes = read_pixels(path)
        np.testing.assert_array_equal(found, stack if len(stack) > 1 else stack[0])
        assert axes == ("ZYX" if len(stack) > 1 else "YX")
        assert look(path) == (found.shape, found.dtype, axes)
        assert (read_size(path).z, read_size(path).x) == (0.5, size)
    (tmp_path / "p1.ome.tif").rename(tmp_path / "renamed.tif")
    np.testing.assert_array_equal(
        read_pixels(tmp_path / "renamed.tif")[0].reshape(stacks[1].shape), stacks[1]
    )
    assert read_size(tmp_path / "renamed.tif").x == 0.1


def test_planes_in_several_files(tmp_path):
    plane_set(tmp_path, STACK)
    warnings.simplefilter("error")
    for k in range(3):
        np.testing.assert_array_equal(read_pixels(tmp_path / f"z{k}.ome.tif")[0], STACK)
    (tmp_path / "z1.ome.tif").unlink()
    for k in (0, 2):
        with pytest.raises(
            FileError, match=rf"z{k}\.ome\.tif is one of 3 files.*z1\.ome\.tif is mis"
        ):
            read_pixels(tmp_path / f"z{k}.ome.tif")
    tifffile.imwrite(tmp_path / "z1.ome.tif", SECTION[:10])
    with pytest.raises(FileError, match=r"planes of different sizes"):
        read_pixels(tmp_path / "z0.ome.tif")


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_planes_that_are_missing_are_no_zeros(tmp_path, missing):
    path = tmp_path / "a.ome.tif"
    planes = [("a.ome.tif", "urn:uuid:0", z) for z in range(3)]
    pages(path, STACK[:2], ome_xml([(STACK.shape, 0.2, planes)], "urn:uuid:0"))
    with pytest.raises(FileError, match=r"a\.ome\.tif lacks 1 of the 3 planes"):
        read_pixels(path)
    # The same, of a plane that the description leaves out.
    xml = ome_xml([(STACK.shape, 0.2, planes)], "urn:uuid:0")
    start = xml.index(f'<TiffData IFD="{missing}"')
    end = xml.index("</TiffData>", start) + len("</TiffData>")
    pages(path, STACK, xml[:start] + xml[end:])
    with pytest.raises(FileError, match=r"a\.ome\.tif lacks 1 of the 3 planes"):
        read_pixels(path)


def test_several_images_in_a_file(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as out:
        for k in range(2):
            out.write(SECTION, metadata={"axes": "YX", "Name": f"pos{k}"})
    for read in (read_pixels, read_size):
        with pytest.raises(FileError, match=r"a\.ome\.tif contains 2 images \(pos0, pos1\)"):
            read(path)


@pytest.mark.parametrize("axes", ["ZYX", "CZYX", "ZCYX", "TZCYX", "ZCYXS", "YXS"])
def test_axes_as_tifffile_writes_them(tmp_path, axes):
    shape = [{"T": 2, "Z": 3, "C": 4, "Y": 9, "X": 11, "S": 3}[axis] for axis in axes]
    array = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    options = {"photometric": "rgb"} if "S" in axes else {"photometric": "minisblack"}
    about = {"axes": axes, "PhysicalSizeX": 100, "PhysicalSizeXUnit": "nm", "PhysicalSizeZ": -0.4}
    tifffile.imwrite(tmp_path / "a.ome.tif", array, metadata=about, **options)
    found, letters = read_pixels(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(found, array)
    assert letters == axes
    size = read_size(tmp_path / "a.ome.tif")
    assert (size.z, size.y, size.x) == (0.4, None, 0.1)


def test_description_and_pixels_that_do_not_agree(tmp_path):
    path, planes = tmp_path / "a.ome.tif", [("a.ome.tif", "urn:uuid:0", 0)]
    pages(path, [SECTION], ome_xml([((1, 30, 37), 0.2, planes)], "urn:uuid:0"))
    with pytest.raises(FileError, match=r"37 x 24 pixels, but its OME-XML says 37 x 30"):
        read_pixels(path)
    pages(path, STACK, ome_xml([(STACK[:1].shape, 0.2, planes)], "urn:uuid:0"))
    with pytest.raises(FileError, match=r"contains 3 pages, of which its OME-XML describes 1"):
        read_pixels(path)
    other = [("b.ome.tif", "urn:uuid:1", 0)]
    pages(path, [SECTION], ome_xml([(STACK[:1].shape, 0.2, other)], "urn:uuid:0"))
    with pytest.raises(FileError, match=r"does not describe its own pixels, but only b\.ome\.tif"):
        read_pixels(path)
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + ome_xml([(STACK.shape, 0.2, planes)], "u")
    for damaged in (bomb, ome_xml([(STACK.shape, 0.2, planes)], "u")[:-20], "<OME><a></OME>"):
        pages(path, [SECTION], damaged)
        with pytest.raises(FileError, match="damaged OME-XML"):
            read_pixels(path)


def test_a_file_that_was_renamed_is_read_where_nothing_else_can_be_meant(tmp_path):
    planes = [("old.ome.tif", "urn:uuid:1", z) for z in range(3)]
    for uuid in ("urn:uuid:1", ""):
        xml = ome_xml([(STACK.shape, 0.2, planes)], uuid)
        pages(tmp_path / "new.ome.tif", STACK, xml)
        np.testing.assert_array_equal(read_pixels(tmp_path / "new.ome.tif")[0], STACK)
        assert read_size(tmp_path / "new.ome.tif").x == 0.2
    pages(tmp_path / "old.ome.tif", STACK[:, ::-1], xml)
    with pytest.raises(FileError, match=r"but only old\.ome\.tif"):
        read_pixels(tmp_path / "new.ome.tif")


def test_companion_file(tmp_path):
    path = tmp_path / "a.ome.tif"
    text = '<OME UUID="urn:uuid:0"><BinaryOnly MetadataFile="m.companion.ome" UUID="u"/></OME>'
    pages(path, STACK, text)
    with pytest.raises(FileError, match=r"m\.companion\.ome, which is missing"):
        read_pixels(path)
    planes = [("a.ome.tif", "urn:uuid:0", z) for z in range(3)]
    xml = ome_xml([(STACK.shape, 0.2, planes)], "u")
    (tmp_path / "m.companion.ome").write_text(xml, encoding="utf-8")
    np.testing.assert_array_equal(read_pixels(path)[0], STACK)
    assert read_size(path).x == 0.2
