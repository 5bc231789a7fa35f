import numpy as np
import pytest
import tifffile

from dispr.cells.check import check_cells
from dispr.errors import FileError


def put(path, array):
    tifffile.imwrite(path, array)


def test_a_sound_data_set_has_counts_and_no_faults(tmp_path, write_cells):
    write_cells(tmp_path / "train", ["0.00_discocyte000001", "A_cell_clusters000002", "mine"])
    write_cells(tmp_path / "test", ["0.00_discocyte000009"], first_seed=10)
    report = check_cells(tmp_path)
    assert (report.faults, report.warnings) == ([], [])
    assert report.counts == {
        ("train", "SDE"): 1,
        ("train", "cell_clusters"): 1,
        ("train", "other"): 1,
        ("test", "SDE"): 1,
    }


def test_all_faults_are_listed_at_once(tmp_path, write_cells, make_cell):
    write_cells(tmp_path, [f"c{i}" for i in range(9)])
    cell = make_cell()
    (tmp_path / "mask" / "c0.tif").unlink()
    (tmp_path / "image" / "c1.tif").write_bytes(b"II*\0 nothing")
    path = tmp_path / "obj" / "c2.tif"
    path.write_bytes(path.read_bytes()[:100_000])
    put(tmp_path / "obj" / "c3.tif", cell["obj"][:60])
    put(tmp_path / "image" / "c4.tif", np.full((64, 64), np.nan, np.float32))
    put(tmp_path / "mask" / "c5.tif", np.zeros((64, 64), np.uint8))
    put(tmp_path / "obj" / "c6.tif", np.zeros((64, 64, 64), np.uint8))
    put(tmp_path / "image" / "c7.tif", np.zeros((70, 70), np.uint8))
    put(tmp_path / "image" / "c8.tiff", cell["image"])
    report = check_cells(tmp_path)
    expected = [
        ("mask", "c0.tif does not exist"),
        ("image", "c1.tif cannot be read as TIFF"),
        ("obj", "c2.tif cannot be read as TIFF"),
        ("obj", "c3.tif has the shape (60, 64, 64)"),
        ("image", "c4.tif contains NaN"),
        ("mask", "c5.tif is empty"),
        ("obj", "c6.tif is empty"),
        ("mask", "c7.tif has the shape (64, 64) but"),
        ("image", "c8.tif also exists as .tiff"),
    ]
    assert len(report.faults) == len(expected)
    for fault, (folder, words) in zip(report.faults, expected, strict=True):
        assert fault.startswith(str(tmp_path / folder / words))
    assert report.counts["all", "other"] == 9


def test_what_can_be_used_is_a_warning(tmp_path, write_cells, make_cell):
    write_cells(tmp_path, ["a", "b", "c"])
    cell = make_cell()
    put(tmp_path / "mask" / "a.tif", np.roll(cell["mask"], 30, axis=1))
    put(tmp_path / "image" / "b.tif", cell["image"].astype(np.uint16) * 16)
    for kind in ("image", "mask"):
        put(tmp_path / kind / "c.tif", cell[kind].repeat(2, 0).repeat(2, 1))
    report = check_cells(tmp_path)
    assert report.faults == []
    words = ["a.tif is not plane 32", "b.tif has the type uint16", "c.tif has the shape (128, 128)"]
    for word in words:
        assert sum(word in warning for warning in report.warnings) >= 1
    assert len(report.warnings) == 6  # a and its roll, too: at the border, in pieces; the sizes


def test_an_image_in_train_and_test_is_a_fault(tmp_path, write_cells):
    write_cells(tmp_path / "train", ["a", "b"])
    write_cells(tmp_path / "test", ["x", "b"], first_seed=1)  # x is the image of b
    report = check_cells(tmp_path)
    assert len(report.faults) == 1
    assert "x.tif is the same image as" in report.faults[0]
    assert "test repeats train" in report.faults[0]
    assert len(report.warnings) == 1
    assert "b has the same name as" in report.warnings[0]


def test_an_image_twice_in_one_part_is_a_warning(tmp_path, write_cells):
    write_cells(tmp_path, ["a"])
    write_cells(tmp_path, ["b"])
    report = check_cells(tmp_path)
    assert report.faults == []
    assert "b.tif is the same image as" in report.warnings[0]


def test_volumes_are_not_expected_where_there_are_none(tmp_path, write_cells):
    write_cells(tmp_path, ["a"], kinds=("image", "mask"))
    assert check_cells(tmp_path).faults == []


def test_nothing_to_check(tmp_path):
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(FileError, match=str(folder.name)):
            check_cells(folder)
    (tmp_path / "image").mkdir()
    assert "contains no TIFF or PNG files" in check_cells(tmp_path).faults[0]


@pytest.mark.reference
def test_real_cells_have_no_faults(real_cells):
    report = check_cells(real_cells)
    assert report.faults == []
    # A few real masks touch the border, or are of pieces, without being of a cluster.
    words = ("touches the border", "pieces")
    assert [sum(word in warning for warning in report.warnings) for word in words] == [8, 3]
    assert len(report.warnings) == 11
    assert sum(report.counts.values()) == 661


def test_what_predict_would_stumble_over(tmp_path, write_cells, make_cell):
    write_cells(tmp_path, [f"c{i}" for i in range(6)], kinds=("image", "mask"))
    mask = make_cell()["mask"]
    stray = mask.copy()
    stray[:2, :2] = 255
    put(tmp_path / "mask" / "c0.tif", stray)
    put(tmp_path / "mask" / "c3.tif", np.roll(mask, 32, axis=1))
    put(tmp_path / "image" / "c4.tif", np.full((64, 64), 7, np.uint8))
    for kind in ("image", "mask"):
        path = tmp_path / kind / "c5.tif"
        put(path, np.pad(tifffile.imread(path), 8))
    report = check_cells(tmp_path)
    assert report.faults == []
    for words in (
        "c0.tif has 2 pieces, 4 pixels outside the largest",
        "c3.tif touches the border",
        "c4.tif has the same value, 7, everywhere",
        "the images have 2 sizes (64 x 64, 80 x 80)",
    ):
        assert sum(words in warning for warning in report.warnings) == 1, words


def test_links_to_nothing_are_faults(tmp_path, write_cells):
    write_cells(tmp_path, ["a"])
    for kind in ("image", "mask"):
        (tmp_path / kind / "b.tif").symlink_to("gone.tif")
    report = check_cells(tmp_path)
    assert len(report.faults) == 2
    assert all("b.tif is a link to gone.tif" in fault for fault in report.faults)
