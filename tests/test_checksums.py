from pathlib import Path

import numpy as np
import pytest

from dispr.checksums import NAME, check, guard
from dispr.errors import FileError
from dispr.files import read_tiff, write_csv, write_tiff
from dispr.images.read import read_numbers


@pytest.fixture
def folder(tmp_path):
    guard(tmp_path)
    write_tiff(tmp_path / "a" / "b" / "cell.tif", np.eye(9, dtype=np.uint8))
    write_csv(tmp_path / "table.csv", [{"name": "a", "volume": 90}])
    return tmp_path


def flip(path, at=-2):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_what_was_written_is_read(folder):
    assert read_tiff(folder / "a" / "b" / "cell.tif").sum() == 9
    check(folder / "table.csv")
    check(folder / "other.csv")


@pytest.mark.parametrize("read", [read_tiff, read_numbers])
def test_a_flipped_bit_is_told(folder, read):
    path = folder / "a" / "b" / "cell.tif"
    for at in range(0, path.stat().st_size, 17):
        flip(path, at)
        with pytest.raises(FileError, match=rf"cell\.tif is damaged.*{NAME}"):
            read(path)
        flip(path, at)
    assert read(path).sum() == 9


def test_paths_are_told_as_they_were_given(folder, monkeypatch):
    """Tables of failures are then the same wherever the folder is."""
    flip(folder / "table.csv")
    monkeypatch.chdir(folder.parent)
    with pytest.raises(FileError) as error:
        check(Path(folder.name) / "table.csv")
    assert str(folder.parent) not in str(error.value)
    assert str(error.value).endswith(f"remove its line from {Path(folder.name) / NAME}.")


def test_a_value_that_was_changed_is_told(folder):
    path = folder / "table.csv"
    path.write_text(path.read_text().replace("90", "80"))
    with pytest.raises(FileError, match="changed by another program"):
        check(path)
    write_csv(path, [{"name": "a", "volume": 70}])
    check(path)


def test_a_file_that_is_about_to_be_replaced_is_still_good(folder):
    path = folder / "table.csv"
    before = path.read_bytes()
    write_csv(path, [{"name": "a", "volume": 70}])
    path.write_bytes(before)  # as if killed before the new one took its place
    check(path)
    write_csv(path, [{"name": "a", "volume": 60}])
    path.write_bytes(before)
    with pytest.raises(FileError, match="damaged"):
        check(path)


def test_damaged_checksums_are_told(folder):
    flip(folder / NAME, 3)
    with pytest.raises(FileError, match="is damaged"):
        read_tiff(folder / "a" / "b" / "cell.tif")
    (folder / NAME).write_bytes(b"\0" * 50 + b"\n")
    with pytest.raises(FileError, match=f"{NAME} is damaged"):
        read_tiff(folder / "a" / "b" / "cell.tif")
    (folder / NAME).unlink()
    assert read_tiff(folder / "a" / "b" / "cell.tif").sum() == 9


def test_a_line_cut_short_is_left_out(folder):
    content = (folder / NAME).read_bytes()
    (folder / NAME).write_bytes(content + b"0123")
    guard(folder)
    assert (folder / NAME).read_bytes() == content
    write_csv(folder / "table.csv", [{"name": "a"}])
    check(folder / "table.csv")
