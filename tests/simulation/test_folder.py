import json
from pathlib import Path

import pytest

from dispr.cells.folder import find_cells
from dispr.errors import ConfigError, FileError
from dispr.files import read_tiff
from dispr.simulation import folder
from dispr.simulation.folder import simulate_folder, split_of

TYPES = ("0.00_discocyte", "-1.00_spherocyte", "B_keratocytes")


def make(out: Path, n: int = 6, **changes):
    options = {
        "seed": 1,
        "types": TYPES,
        "test_fraction": 0.34,
    }
    return simulate_folder(out, n, **(options | changes))


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("simulated")
    make(out)
    return out


def test_layout_is_that_of_the_published_data(whole):
    cells = find_cells(whole, need_obj=True)
    assert len(cells) == 6
    assert {cell.split for cell in cells} == {"train", "test"}
    assert "0.00_discocyte000003" in {cell.name for cell in cells}
    obj = read_tiff(cells[0].obj)
    assert obj.shape == (64, 64, 64)
    assert (read_tiff(cells[0].mask) == obj[32]).all()
    assert json.loads((whole / "simulation.json").read_text())["n"] == 6


def test_interrupted_run_resumes_to_the_same_files(whole, tmp_path, monkeypatch):
    calls = []

    def stops(kind, seed, index):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(index)
        return simulate_cell(kind, seed, index)

    simulate_cell = folder.simulate_cell
    monkeypatch.setattr(folder, "simulate_cell", stops)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path)
    assert calls == [0, 1, 2]
    next(tmp_path.rglob("image/*.tif")).unlink()  # one cell is incomplete

    calls.clear()
    monkeypatch.setattr(folder, "simulate_cell", lambda *a: calls.append(a[2]) or simulate_cell(*a))
    make(tmp_path)
    assert len(calls) == 4  # three that were not begun, and the incomplete one
    assert contents(tmp_path) == contents(whole)


def test_finished_folder_is_not_computed_again(whole, monkeypatch):
    monkeypatch.setattr(folder, "simulate_cell", None)
    assert make(whole) == {"train": 4, "test": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 2}, "seed was 1 and is now 2"),
        ({"n": 7}, "n was 6 and is now 7"),
        ({"types": TYPES[:2]}, "different types"),
        ({"test_fraction": 0.5}, "test_fraction was 0.34 and is now 0.5"),
    ],
)
def test_folder_of_another_simulation_is_refused(whole, changes, message):
    before = contents(whole)
    with pytest.raises(ConfigError, match=message):
        make(whole, **changes)
    assert contents(whole) == before


def test_folder_with_other_cells_is_refused(tmp_path):
    other = tmp_path / "train" / "image" / "mine.tif"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"")
    with pytest.raises(FileError, match="contains other cells"):
        make(tmp_path)
    assert contents(tmp_path).keys() == {str(other.relative_to(tmp_path))}


def test_cells_added_to_a_simulation_are_noticed(tmp_path):
    make(tmp_path, n=1)
    (tmp_path / "train" / "image" / "mine.tif").write_bytes(b"")
    with pytest.raises(FileError, match="contains other cells"):
        make(tmp_path, n=1)


def test_file_and_damaged_record_are_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(FileError, match="is a file"):
        make(file)
    (tmp_path / "simulation.json").write_text("{")
    with pytest.raises(FileError, match=r"simulation\.json is damaged"):
        make(tmp_path)


def test_wrong_fraction_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError, match=r"test fraction is 1\.5"):
        make(tmp_path / "new", test_fraction=1.5)
    assert not (tmp_path / "new").exists()


def test_every_type_has_its_share_of_test_cells():
    splits = [split_of(i, 12, 0.2) for i in range(120)]
    for kind in range(12):
        assert splits[kind::12].count("test") == 2
    assert splits[:12].count("test") == 2
    assert {split_of(i, 12, 0.0) for i in range(50)} == {"train"}
    assert {split_of(i, 12, 1.0) for i in range(50)} == {"test"}
