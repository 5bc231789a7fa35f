import numpy as np
import pytest
import tifffile

from dispr.cells.metadata import find_pixel_size, find_spacing, read_voxel_size
from dispr.cells.spacing import VoxelSize, as_pixel_size, as_spacing, resized_pixel_size
from dispr.errors import ConfigError, FileError
from dispr.files import write_tiff

STACK = np.zeros((4, 8, 9), np.uint8)


def near(*edges):
    return pytest.approx(edges, rel=1e-6)


@pytest.mark.parametrize("spacing", [(0.3, 0.172, 0.172), (1.0, 1.0, 1.0), (12.0, 0.001, 1 / 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_what_we_write_we_read(spacing, dtype, tmp_path):
    write_tiff(tmp_path / "a.tif", STACK.astype(dtype), spacing)
    assert read_voxel_size(tmp_path / "a.tif").spacing == near(*spacing)
    write_tiff(tmp_path / "b.tif", STACK[0].astype(dtype), spacing)
    found = read_voxel_size(tmp_path / "b.tif")
    assert (found.y, found.x) == near(*spacing[1:])
    assert found.z is None
    assert found.spacing is None


def test_imagej_understands_what_we_write(tmp_path):
    write_tiff(tmp_path / "a.tif", STACK, (0.3, 0.172, 0.2))
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.imagej_metadata["unit"] == "micron"
        assert tiff.imagej_metadata["spacing"] == 0.3
        count, length = tiff.pages[0].tags["XResolution"].value
        assert length / count == pytest.approx(0.2)


def test_nothing_stated(tmp_path):
    write_tiff(tmp_path / "a.tif", STACK)
    assert read_voxel_size(tmp_path / "a.tif") == VoxelSize()
    tifffile.imwrite(tmp_path / "b.tif", STACK)
    assert read_voxel_size(tmp_path / "b.tif") == VoxelSize()


def test_printers_resolution_is_not_believed(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], resolution=(72, 72), resolutionunit="INCH")
    assert read_voxel_size(tmp_path / "a.tif") == VoxelSize()


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("um", 1),
        ("micron", 1),
        ("microns", 1),
        ("\\u00B5m", 1),
        ("nm", 1e-3),
        ("Millimetre", 1e3),
        ("inch", None),
        ("pixel", None),
        ("", None),
        ("furlong", None),
    ],
)
def test_imagej_units(unit, factor, tmp_path):
    about = {"unit": unit, "spacing": 0.5}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, resolution=(10, 5), metadata=about)
    found = read_voxel_size(tmp_path / "a.tif").spacing
    assert found == (None if factor is None else near(0.5 * factor, 0.2 * factor, 0.1 * factor))


def test_imagej_without_distance_of_planes(tmp_path):
    about = {"unit": "um"}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, resolution=(10, 10), metadata=about)
    found = read_voxel_size(tmp_path / "a.tif")
    assert (found.z, found.x) == (None, pytest.approx(0.1))


def test_ome(tmp_path):
    about = {
        "axes": "ZYX",
        "PhysicalSizeX": 172.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.172,
        "PhysicalSizeYUnit": "µm",
        "PhysicalSizeZ": 0.0003,
        "PhysicalSizeZUnit": "mm",
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, metadata=about)
    assert read_voxel_size(tmp_path / "a.ome.tif").spacing == near(0.3, 0.172, 0.172)
    del about["PhysicalSizeXUnit"], about["PhysicalSizeYUnit"], about["PhysicalSizeZ"]
    about |= {"PhysicalSizeX": 0.5, "PhysicalSizeY": -1}  # um is what OME means without a unit
    tifffile.imwrite(tmp_path / "b.ome.tif", STACK, metadata=about)
    assert read_voxel_size(tmp_path / "b.ome.tif") == VoxelSize(None, None, 0.5)
    about |= {"PhysicalSizeXUnit": "reference frame"}
    tifffile.imwrite(tmp_path / "c.ome.tif", STACK, metadata=about)
    assert read_voxel_size(tmp_path / "c.ome.tif") == VoxelSize()


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        read_voxel_size(tmp_path / "a.tif")
    (tmp_path / "a.tif").write_bytes(b"no TIFF at all")
    with pytest.raises(FileError, match=r"a\.tif cannot be read as TIFF"):
        read_voxel_size(tmp_path / "a.tif")


def test_spacing():
    assert as_spacing(None) is None
    assert as_spacing(0.2) == (0.2, 0.2, 0.2)
    assert as_spacing(np.array([1, 2, 3])) == (1, 2, 3)
    assert as_spacing(np.float32(0.5)) == (0.5, 0.5, 0.5)
    assert as_pixel_size("0.5") == 0.5
    for bad in (0, -1, (1, 2), (1, 2, 0), "x", float("nan")):
        with pytest.raises(ConfigError, match="one positive number of um, or three"):
            as_spacing(bad)


def test_pixels_must_be_square():
    assert VoxelSize(None, 0.2, 0.201).pixel_size("a.tif") == 0.201
    assert VoxelSize(None, None, 0.2).pixel_size("a.tif") is None
    with pytest.raises(ConfigError, match=r"a\.tif has pixels of 0\.2 x 0\.3 um"):
        VoxelSize(None, 0.2, 0.3).pixel_size("a.tif")


def test_resizing_changes_the_pixel():
    assert resized_pixel_size(0.11, (100, 80)) == pytest.approx(0.11 * 100 / 64)
    assert resized_pixel_size(0.2, (1, 64, 64)) == 0.2
    assert resized_pixel_size(None, (100, 80)) is None


def test_pixel_size(tmp_path):
    size = {"axes": "YX", "PhysicalSizeX": 65, "PhysicalSizeY": 65}
    units = {"PhysicalSizeXUnit": "nm", "PhysicalSizeYUnit": "nm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK[0], metadata=size | units)
    assert find_pixel_size(tmp_path / "a.ome.tif") == pytest.approx(0.065)
    assert find_pixel_size(tmp_path / "a.ome.tif", given=0.2) == 0.2
    np.save(tmp_path / "a.npy", STACK[0])
    assert find_pixel_size(tmp_path / "a.npy") is None


def test_pixel_sizes_of_image_and_labels(tmp_path):
    for name, size in (("a", 0.1), ("b", 0.172)):
        write_tiff(tmp_path / f"{name}.tif", STACK[0], (1, size, size))
    tifffile.imwrite(tmp_path / "plain.tif", STACK[0])
    a, b, plain = (tmp_path / f"{name}.tif" for name in ("a", "b", "plain"))
    assert find_pixel_size(plain, b) == pytest.approx(0.172, rel=1e-4)
    assert find_pixel_size(a, plain) == pytest.approx(0.1, rel=1e-4)
    with pytest.raises(FileError, match=r"a\.tif states pixels of 0\.1 um but .*b\.tif of 0\.172"):
        find_pixel_size(a, b)
    assert find_pixel_size(a, b, 0.3) == 0.3
    about = {"axes": "YX", "PhysicalSizeX": -0.1, "PhysicalSizeY": 0.1}
    tifffile.imwrite(tmp_path / "c.ome.tif", STACK[0], metadata=about)
    with pytest.raises(
        FileError, match=r"c\.ome\.tif states pixels of -0\.1 um, which is not a valid size"
    ):
        find_pixel_size(tmp_path / "c.ome.tif")


def test_voxel_size(tmp_path):
    sized, other, plain = (tmp_path / f"{name}.tif" for name in ("sized", "other", "plain"))
    write_tiff(sized, STACK, (0.5, 0.1, 0.1))
    write_tiff(other, STACK, (0.3, 0.1, 0.1))
    tifffile.imwrite(plain, STACK)
    assert find_spacing(sized, plain) == pytest.approx((0.5, 0.1, 0.1), rel=1e-3)
    assert find_spacing(plain, sized) == pytest.approx((0.5, 0.1, 0.1), rel=1e-3)
    assert find_spacing(sized, other, (1, 0.2, 0.2)) == (1, 0.2, 0.2)
    with pytest.raises(FileError, match=r"0.5 um along Z but .*other.tif of 0.3 um"):
        find_spacing(sized, other)
    with pytest.raises(FileError, match=r"plain.tif does not state .* --voxel-size Z,Y,X"):
        find_spacing(plain, plain)
    with pytest.raises(ConfigError, match=r"0.2 x 0.3 um"):
        find_spacing(sized, sized, (1, 0.2, 0.3))
    with pytest.raises(ConfigError, match="three"):
        find_spacing(sized, sized, (1, 0.2))


def test_a_voxel_size_in_a_unit_that_is_none(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, imagej=True, metadata={"spacing": 2, "unit": "furlong"})
    with pytest.raises(
        FileError, match=r"2(\.0)? furlong along Z, which is not a valid size.*--voxel-size"
    ):
        find_spacing(path, path)
