import csv
import errno

import numpy as np
import pytest
import tifffile

from dispr.errors import FileError
from dispr.files import (
    atomic_folder,
    atomic_path,
    make_folder,
    read_tiff,
    tiff_errors,
    write_csv,
    write_tiff,
)


def no_space(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "volume.tif"
    write_tiff(path, np.zeros((4, 4), np.uint8))
    before = path.read_bytes()
    monkeypatch.setattr(tifffile, "imwrite", no_space)
    with pytest.raises(FileError, match=r"volume\.tif: the disk is full"):
        write_tiff(path, np.ones((4, 4), np.uint8))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["volume.tif"]


def test_interruption_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    out = tmp_path / "a.zarr"
    with atomic_folder(out) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "0").write_text("old")
        (folder / "1").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_folder(out) as folder:
        (folder / "1").write_text("half")
        raise KeyboardInterrupt
    with pytest.raises(FileError, match=r"a\.zarr: the disk is full"), atomic_folder(out) as folder:
        no_space()
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*")) == [
        "1",
        "inner",
        "inner/0",
    ]
    assert (out / "1").read_text() == "old"
    with atomic_folder(out) as folder:
        (folder / "1").write_text("new")
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("1", "new")]
    assert list(tmp_path.iterdir()) == [out]


def test_file_in_the_way_of_a_folder(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(FileError, match="Cannot write"):
        make_folder(tmp_path / "a" / "b")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(5, 6), (4, 5, 6)])
def test_tiff_round_trip(tmp_path, dtype, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    write_tiff(tmp_path / "new" / "a.tif", array)
    back = read_tiff(tmp_path / "new" / "a.tif")
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, array)


def test_unreadable_tiff(tmp_path):
    path = tmp_path / "a.tif"
    with pytest.raises(FileError, match="does not exist"):
        read_tiff(path)
    write_tiff(path, np.random.default_rng(0).integers(0, 255, (8, 64, 64)).astype(np.uint8))
    for length in (0, 4, 100, path.stat().st_size // 2):
        (tmp_path / "cut.tif").write_bytes(path.read_bytes()[:length])
        with pytest.raises(FileError, match=r"cut\.tif"):
            read_tiff(tmp_path / "cut.tif")


@pytest.mark.parametrize("error", [ModuleNotFoundError("compression"), ValueError("imagecodecs")])
def test_a_compression_that_needs_a_package_is_no_damage(tmp_path, error):
    with pytest.raises(FileError, match="needs another package"), tiff_errors(tmp_path / "a.tif"):
        raise error


def test_csv_columns_in_order_of_appearance(tmp_path):
    write_csv(tmp_path / "t.csv", [{"a": 1}, {"a": 2, "b": "x,y"}])
    with open(tmp_path / "t.csv", newline="") as file:
        assert list(csv.reader(file)) == [["a", "b"], ["1", ""], ["2", "x,y"]]
