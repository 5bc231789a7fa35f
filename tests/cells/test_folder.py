import pytest
import tifffile
from PIL import Image

from dispr.cells.folder import find_cells
from dispr.cells.read import read_cell
from dispr.errors import FileError


def test_train_comes_before_test_and_names_are_sorted(tmp_path, write_cells):
    write_cells(tmp_path / "test", ["a", "c"])
    write_cells(tmp_path / "train", ["z", "0.00_discocyte000144", "b"])
    cells = find_cells(tmp_path)
    assert [(c.split, c.name) for c in cells] == [
        ("train", "0.00_discocyte000144"),
        ("train", "b"),
        ("train", "z"),
        ("test", "a"),
        ("test", "c"),
    ]
    assert [c.name for c in find_cells(tmp_path, split="test")] == ["a", "c"]


def test_a_flat_folder_without_obj_is_enough_to_predict(tmp_path, write_cells):
    write_cells(tmp_path, ["a", "b"], kinds=("image", "mask"))
    cells = find_cells(tmp_path)
    assert [(c.obj, c.split) for c in cells] == [(None, None)] * 2
    assert cells[0].image == tmp_path / "image" / "a.tif"
    with pytest.raises(FileError, match=r"obj contains no \.tif files, but 3D shapes"):
        find_cells(tmp_path, need_obj=True)


def test_obj_of_some_cells_is_found_but_not_asked_for(tmp_path, write_cells):
    write_cells(tmp_path, ["a", "b"])
    (tmp_path / "obj" / "b.tif").unlink()
    assert [c.obj is None for c in find_cells(tmp_path)] == [False, True]
    with pytest.raises(FileError, match=r"obj.b\.tif does not exist"):
        find_cells(tmp_path, need_obj=True)


def test_both_extensions_match_one_another(tmp_path, write_cells):
    write_cells(tmp_path, ["a"])
    (tmp_path / "mask" / "a.tif").rename(tmp_path / "mask" / "a.TIFF")
    assert find_cells(tmp_path)[0].mask.name == "a.TIFF"


def test_files_of_the_system_are_passed_over(tmp_path, write_cells):
    write_cells(tmp_path, ["a"])
    for name in (".DS_Store", "._a.tif", ".writing-x.tif", "Thumbs.db", "notes.txt"):
        (tmp_path / "image" / name).write_bytes(b"x")
    (tmp_path / "image" / "folder.tif").mkdir()
    assert [c.name for c in find_cells(tmp_path)] == ["a"]


def test_missing_files_are_named_and_counted(tmp_path, write_cells):
    write_cells(tmp_path, ["a", "b", "c"])
    (tmp_path / "mask" / "b.tif").unlink()
    (tmp_path / "image" / "c.tif").unlink()
    with pytest.raises(FileError, match=r"mask.b\.tif does not exist \(the first of 2 missing"):
        find_cells(tmp_path)


def test_one_cell_in_two_extensions_is_refused(tmp_path, write_cells):
    write_cells(tmp_path, ["a"])
    (tmp_path / "image" / "a.tiff").write_bytes((tmp_path / "image" / "a.tif").read_bytes())
    with pytest.raises(FileError, match=r"a\.tif and a\.tiff are files of the same cell"):
        find_cells(tmp_path)


def test_a_split_that_is_not_there(tmp_path, write_cells):
    write_cells(tmp_path / "train", ["a"])
    with pytest.raises(FileError, match="has no folder test"):
        find_cells(tmp_path, split="test")
    with pytest.raises(FileError, match='"train" and "test", not "validation"'):
        find_cells(tmp_path, split="validation")
    flat = write_cells(tmp_path / "flat", ["a"])
    with pytest.raises(FileError, match="has no folder train"):
        find_cells(flat, split="train")


def test_no_folder_a_file_and_an_empty_folder(tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        find_cells(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="is a file"):
        find_cells(tmp_path / "file")
    (tmp_path / "image").mkdir()
    (tmp_path / "image" / "a.bmp").write_bytes(b"x")
    with pytest.raises(FileError, match=r"no cells \(only \.bmp files.*folders image and mask"):
        find_cells(tmp_path)


@pytest.mark.reference
def test_the_real_cells(real_cells):
    assert len(find_cells(real_cells, "train", need_obj=True)) == 524
    assert len(find_cells(real_cells, "test", need_obj=True)) == 137
    assert len(find_cells(str(real_cells))) == 661


def test_an_ome_zarr_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".zattrs").write_text("{}")
    with pytest.raises(
        FileError, match=r"a is an OME-Zarr, which is read as a field of view or stack only"
    ):
        find_cells(tmp_path / "a")


def test_folders_in_the_plural_and_png(tmp_path, write_cells):
    write_cells(tmp_path, ["a"])
    for kind in ("image", "mask"):
        array = tifffile.imread(tmp_path / kind / "a.tif")
        Image.fromarray(array).save(tmp_path / kind / "a.PNG")
        (tmp_path / kind / "a.tif").unlink()
    (tmp_path / "image").rename(tmp_path / "Images")
    (tmp_path / "mask").rename(tmp_path / "masks")
    (cell,) = find_cells(tmp_path, need_obj=True)
    assert (cell.image.name, cell.image.parent.name) == ("a.PNG", "Images")
    assert (cell.mask.parent.name, cell.obj.parent.name) == ("masks", "obj")
    assert read_cell(cell).mask.max() == 255
    (tmp_path / "mask").mkdir()
    with pytest.raises(FileError, match="mask and masks are both possible"):
        find_cells(tmp_path)


def test_unicode_forms(tmp_path, write_cells):
    write_cells(tmp_path, ["z\u00e9"], kinds=("image", "mask"))
    (tmp_path / "mask" / "z\u00e9.tif").rename(tmp_path / "mask" / "ze\u0301.tif")
    (cell,) = find_cells(tmp_path)
    assert cell.name == "z\u00e9"


def test_masks_as_programs_name_them(tmp_path, write_cells):
    write_cells(tmp_path, ["a", "b_mask"], kinds=("image", "mask"))
    (tmp_path / "mask" / "a.tif").rename(tmp_path / "mask" / "a_mask.tif")
    found = find_cells(tmp_path)
    assert [(cell.name, cell.mask.name) for cell in found] == [
        ("a", "a_mask.tif"),
        ("b_mask", "b_mask.tif"),
    ]


def test_what_may_be_meant(tmp_path, write_cells):
    inner = tmp_path / "mine"
    write_cells(inner, ["a"], kinds=("image", "mask"))
    for folder, words in (
        (tmp_path, r"did you mean .*mine\?"),
        (inner / "image", "data set .*mine;"),
    ):
        with pytest.raises(FileError, match=words):
            find_cells(folder)
    (inner / "mask").rename(inner / "labels")
    with pytest.raises(FileError, match=r"no folder mask \(it has labels\); rename the one"):
        find_cells(inner)
    (inner / "image").rename(inner / "raw")
    with pytest.raises(FileError, match=r"no cells \(it has the folders labels, raw\)"):
        find_cells(inner)


def test_other_formats_in_place_of_a_file(tmp_path, write_cells):
    write_cells(tmp_path, ["a"], kinds=("image", "mask"))
    (tmp_path / "image" / "a.tif").rename(tmp_path / "image" / "a.gif")
    with pytest.raises(FileError, match=r"a\.tif does not exist, only a\.gif"):
        find_cells(tmp_path)


def test_capitals_of_the_parts(tmp_path, write_cells):
    write_cells(tmp_path / "TRAIN", ["a"], kinds=("image", "mask"))
    (tmp_path / "TRAIN" / "image").rename(tmp_path / "TRAIN" / "Images")
    assert [cell.split for cell in find_cells(tmp_path)] == ["train"]
