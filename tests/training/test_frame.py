"""The frame that weights state, from the files of their training cells."""

import numpy as np
import pytest

from dispr.cells.folder import find_cells
from dispr.cells.frame import PUBLISHED, Frame
from dispr.cells.read import read_cell
from dispr.errors import ConfigError
from dispr.files import write_tiff
from dispr.model.frame import frame_of, frame_to_dict
from dispr.prediction.model import load
from dispr.training.frame import find_frame


def made(root, sizes, prefix="nucleus"):
    for i, size in enumerate(sizes):
        mask = np.zeros((64, 64), np.uint8)
        mask[10 : 30 + 4 * i, 20:30] = 255
        spacing = None if size is None else (size,) * 3
        for kind in ("image", "mask"):
            write_tiff(root / kind / f"{prefix}{i:06d}.tif", mask, spacing)
    files = find_cells(root)
    return [read_cell(file) for file in files], files


def test_stated_by_the_files(tmp_path):
    frame = find_frame(*made(tmp_path, [0.5, 0.5, 0.5]), named="nuclei")
    assert frame == Frame(frame.pixel_um, "nuclei", 20, 24, 28)
    assert frame.edge_um == pytest.approx(32, rel=1e-4)
    assert frame_of({"frame": frame_to_dict(frame)}) == frame


def test_different_sizes_are_refused(tmp_path):
    cells, files = made(tmp_path, [0.5, 0.4])
    with pytest.raises(ConfigError, match=r"nucleus000001\.tif has pixels of 0\.4 um"):
        find_frame(cells, files)
    assert find_frame(cells, files, 16.0).pixel_um == 0.25


def test_not_stated(tmp_path):
    cells = made(tmp_path / "a", [None, None])
    assert find_frame(*cells) is None
    assert find_frame(*cells, before=Frame(0.3, "yeast")).pixel_um == 0.3
    published = find_frame(*made(tmp_path / "b", [None], "0.00_discocyte"))
    assert (published.pixel_um, published.cells) == (0.172, "red blood cells")


def test_weights_know_their_frame():
    assert load(device="cpu").frame == PUBLISHED
    assert frame_of({}) is None
    with pytest.raises(ConfigError, match="an invalid frame"):
        frame_of({"frame": {"pixel_um": "wide"}})
