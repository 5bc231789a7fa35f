import numpy as np
import pytest
import tifffile

from dispr.cells.folder import CellFiles, find_cells
from dispr.cells.read import read_cell, read_image, read_mask, read_obj
from dispr.errors import FileError


def test_a_cell_is_read_as_it_was_written(tmp_path, write_cells, make_cell):
    write_cells(tmp_path, ["a"])
    cell = read_cell(find_cells(tmp_path)[0])
    for kind, array in make_cell().items():
        assert np.array_equal(getattr(cell, kind), array)
    assert cell.name == "a"


def test_without_obj(tmp_path, write_cells):
    write_cells(tmp_path, ["a"], kinds=("image", "mask"))
    assert read_cell(find_cells(tmp_path)[0]).obj is None


@pytest.mark.parametrize(
    ("read", "array", "words"),
    [
        (read_image, np.arange(64 * 64 * 3).astype(np.uint8).reshape(64, 64, 3), "colour"),
        (read_mask, np.zeros((64, 64), np.uint8), "empty"),
        (read_obj, np.zeros((32, 64, 64), np.uint8), "64 x 64 x 64"),
    ],
)
def test_refusals_begin_with_the_file(tmp_path, read, array, words):
    path = tmp_path / "0.00_cell.tif"
    tifffile.imwrite(path, array)
    with pytest.raises(FileError, match=words) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.98])
def test_a_stack_cut_short_is_not_taken_for_a_section(tmp_path, make_cell, share):
    path = tmp_path / "obj.tif"
    tifffile.imwrite(path, make_cell()["obj"], compression="zlib", metadata=None)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    for read in (read_obj, read_image):
        with pytest.raises(FileError, match="truncated"):
            read(path)


def test_image_and_mask_of_different_shape(tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", np.zeros((80, 80), np.uint8))
    tifffile.imwrite(tmp_path / "mask.tif", np.ones((64, 64), np.uint8))
    files = CellFiles("a", tmp_path / "image.tif", tmp_path / "mask.tif")
    with pytest.raises(FileError, match=r"mask\.tif has the shape \(64, 64\) but .*image\.tif"):
        read_cell(files)
