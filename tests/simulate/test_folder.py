import numpy as np
import pytest

from dispr.cells.check import check_cells
from dispr.cells.classes import CLASSES, parse_name
from dispr.cells.folder import find_cells
from dispr.cells.read import read_cell
from dispr.errors import ConfigError
from dispr.simulate.cell import TYPES
from dispr.simulate.folder import simulate, simulate_folder


def files_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.tif")}


def test_data_set_is_sound_and_has_all_classes(tmp_path):
    simulate_folder(tmp_path, 24, test_fraction=0.25)
    assert not check_cells(tmp_path).faults
    cells = find_cells(tmp_path, need_obj=True)
    assert len(cells) == 24
    assert sum(cell.split == "test" for cell in cells) == 6
    assert {parse_name(cell.name).cell_class for cell in cells} == set(CLASSES)


def test_cells_do_not_depend_on_their_number(tmp_path):
    few, many = list(simulate(3, seed=2)), list(simulate(5, seed=2))
    for a, b in zip(few, many, strict=False):
        assert (a.obj == b.obj).all()
    simulate_folder(tmp_path, 3, seed=2, test_fraction=0)
    written = sorted(find_cells(tmp_path), key=lambda cell: cell.name[-6:])
    assert (read_cell(written[1]).obj == few[1].obj).all()


def test_interrupted_run_goes_on(tmp_path):
    simulate_folder(tmp_path / "whole", 6)
    count = 0

    def interrupt():
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_folder(tmp_path / "cut", 6, on_cell=interrupt)
    kept = next((tmp_path / "cut").rglob("mask/*.tif"))
    time = kept.stat().st_mtime_ns
    simulate_folder(tmp_path / "cut", 6)
    assert kept.stat().st_mtime_ns == time
    assert files_of(tmp_path / "cut") == files_of(tmp_path / "whole")


def test_other_cells_are_not_touched(tmp_path):
    simulate_folder(tmp_path, 2)
    with pytest.raises(ConfigError, match="other settings"):
        simulate_folder(tmp_path, 2, seed=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("")
    with pytest.raises(ConfigError, match="not empty"):
        simulate_folder(tmp_path / "mine", 2)


def test_types(tmp_path):
    assert [cell.type for cell in simulate(3, types=["E_acanthocytes"])] == ["E_acanthocytes"] * 3
    assert [cell.type for cell in simulate(12)] == list(TYPES)
    for wrong in ({"n": 0}, {"n": 1, "types": ["ball"]}):
        with pytest.raises(ConfigError):
            list(simulate(**wrong))


def test_images_differ_between_cells_of_a_type():
    a, b = simulate(2, types=["0.00_discocyte"])
    assert np.abs(a.image.astype(float) - b.image).mean() > 1
