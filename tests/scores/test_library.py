import dataclasses

import pytest

from dispr.cells.folder import find_cells
from dispr.errors import FileError
from dispr.scores.library import Library, training_cells


def test_most_similar_is_never_the_cell_itself(cells_folder):
    cells = find_cells(cells_folder, "train")
    library = Library(cells)
    assert library.most_similar(cells[2].mask) in {cell.obj for cell in cells} - {cells[2].obj}
    assert Library(cells[2:3]).most_similar(cells[2].mask) is None


def test_another_cell_of_the_same_name_is_a_candidate(cells_folder, tmp_path):
    cells = find_cells(cells_folder, "train")
    mask = tmp_path / cells[2].mask.name
    mask.write_bytes(cells[2].mask.read_bytes())
    assert Library(cells).most_similar(mask) == cells[2].obj


def test_cells_without_object_are_no_candidates(cells_folder):
    cells = find_cells(cells_folder, "train")
    cells[0] = dataclasses.replace(cells[0], obj=None)
    library = Library(cells)
    assert len(library) == 5
    assert library.most_similar(cells[0].mask) in {cell.obj for cell in cells[1:]}


def test_training_cells(cells_folder):
    assert len(training_cells(cells_folder)) == 6
    assert len(training_cells(cells_folder / "test")) == 0
    # A data set that is named as the one to train on may have no parts.
    assert len(training_cells(cells_folder, cells_folder / "test")) == 2


def test_what_was_named_must_hold_training_cells(cells_folder, tmp_path):
    with pytest.raises(FileError, match="contains no cells"):
        training_cells(cells_folder, tmp_path)
    for kind in ("image", "mask", "obj"):
        (tmp_path / "test" / kind).mkdir(parents=True)
    with pytest.raises(FileError, match="has no folder train"):
        training_cells(cells_folder, tmp_path)
