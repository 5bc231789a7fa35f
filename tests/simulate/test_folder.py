import numpy as np
import pytest

from dispr.cells.check import check_cells
from dispr.cells.classes import CLASSES, TYPES, parse_name
from dispr.cells.folder import find_cells
from dispr.cells.read import read_cell
from dispr.errors import ConfigError, DisprError
from dispr.simulate import folder, simulate, simulate_folder


def files_of(root):
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*.tif")}


def test_data_set_is_sound_and_has_all_classes(tmp_path):
    counts = simulate_folder(tmp_path, 24, test_fraction=0.25, progress=False)
    assert not check_cells(tmp_path).faults
    cells = find_cells(tmp_path, need_obj=True)
    assert len(cells) == 24
    assert counts == {split: sum(c.split == split for c in cells) for split in ("train", "test")}
    assert counts["test"] == 6
    assert {parse_name(cell.name).cell_class for cell in cells} == set(CLASSES)


def test_cells_do_not_depend_on_their_number(tmp_path):
    few, many = list(simulate(3, seed=2)), list(simulate(5, seed=2))
    for a, b in zip(few, many, strict=False):
        assert (a.obj == b.obj).all()
    simulate_folder(tmp_path, 3, seed=2, test_fraction=0, progress=False)
    written = {cell.name: read_cell(cell) for cell in find_cells(tmp_path)}
    assert (written[few[1].name].obj == few[1].obj).all()


def test_interrupted_run_goes_on(tmp_path, monkeypatch):
    simulate_folder(tmp_path / "whole", 6, progress=False)
    write, count = folder.write_tiff, 0

    def interrupted(path, array):
        nonlocal count
        count += 1
        if count == 8:
            raise KeyboardInterrupt
        write(path, array)

    monkeypatch.setattr(folder, "write_tiff", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate_folder(tmp_path / "cut", 6, progress=False)
    monkeypatch.setattr(folder, "write_tiff", write)
    kept = next((tmp_path / "cut").rglob("mask/*.tif"))
    time = kept.stat().st_mtime_ns
    simulate_folder(tmp_path / "cut", 6, progress=False)
    assert kept.stat().st_mtime_ns == time
    assert files_of(tmp_path / "cut") == files_of(tmp_path / "whole")


def test_other_cells_are_not_touched(tmp_path):
    simulate_folder(tmp_path / "a", 2, progress=False)
    with pytest.raises(DisprError, match="seed"):
        simulate_folder(tmp_path / "a", 2, seed=1, progress=False)
    for kind in ("image", "mask"):
        (tmp_path / "mine" / kind).mkdir(parents=True)
        (tmp_path / "mine" / kind / "a.tif").write_text("")
    with pytest.raises(DisprError, match="other cells"):
        simulate_folder(tmp_path / "mine", 2, progress=False)


def test_types():
    assert [cell.type for cell in simulate(3, types=["E_acanthocytes"])] == ["E_acanthocytes"] * 3
    assert [cell.type for cell in simulate(12)] == list(TYPES)
    for wrong in ({"n": -1}, {"n": 1, "seed": -1}, {"n": 1, "types": ["ball"]}):
        with pytest.raises(ConfigError):
            list(simulate(**wrong))


def test_images_differ_between_cells_of_a_type():
    a, b = simulate(2, types=["0.00_discocyte"])
    assert np.abs(a.image.astype(float) - b.image).mean() > 1
