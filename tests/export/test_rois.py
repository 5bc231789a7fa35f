"""Regions of ImageJ of predicted cells: exactly their voxels, plane by plane."""

import numpy as np
import pytest
import tifffile

from dispr.errors import ConfigError, FileError
from dispr.export.rois import write_rois
from dispr.files import write_csv
from dispr.labelled.channels import Taken
from dispr.labelled.regions import read_regions
from dispr.labelled.selection import Selection

pytest.importorskip("roifile")


@pytest.fixture
def field(tmp_path):
    """A ball, a shell, and a cell in two pieces, touching one another."""
    z, y, x = np.mgrid[:20, :40, :60]
    volume = np.zeros((20, 40, 60), np.uint16)
    from_first = np.sqrt((z - 10) ** 2 + (y - 14) ** 2 + (x - 14) ** 2)
    volume[from_first < 8] = 1
    from_second = np.sqrt((z - 9) ** 2 + (y - 20) ** 2 + (x - 40) ** 2)
    volume[(from_second < 9) & (from_second > 5)] = 300
    volume[4:7, 34:38, 2:8] = volume[4:7, 34:38, 20:28] = 7
    tifffile.imwrite(tmp_path / "labels.ome.tif", volume, metadata={"axes": "ZYX"})
    rows = [
        {"name": f"f_{label:04d}", "label": label, "y_px": 1, "x_px": 1, "frame_px": 64}
        for label in (1, 7, 300)
    ]
    write_csv(tmp_path / "cells.csv", rows)
    return tmp_path, volume


def test_regions_are_the_voxels(field, tmp_path):
    folder, volume = field
    cells, regions = write_rois(folder, tmp_path / "r.zip")
    present = [[(volume[k] == label).any() for k in range(20)] for label in (1, 7, 300)]
    assert (cells, regions) == (3, np.sum(present))
    for plane in range(20):
        if not volume[plane].any():
            continue
        section = Taken(volume[plane], Selection(plane=plane), planes=20)
        read = read_regions(tmp_path / "r.zip", folder / "labels.ome.tif", section)
        found = np.zeros_like(volume[plane])
        for cell in read.cells:
            label = int(cell.name.split("_")[1])
            assert cell.name == f"f_{label:04d}_{plane + 1:04d}"
            found[read.labels == cell.label] = label
        np.testing.assert_array_equal(found, volume[plane])
    again = (tmp_path / "r.zip").read_bytes()
    write_rois(folder, tmp_path / "r.zip")
    assert (tmp_path / "r.zip").read_bytes() == again


def test_a_cell_is_a_group(field, tmp_path):
    import roifile

    write_rois(field[0], tmp_path / "r.zip")
    regions = roifile.roiread(tmp_path / "r.zip")
    groups = {region.name.split("_")[1]: region.group for region in regions}
    assert groups == {"0001": 1, "0007": 7, "0300": 45}


def test_refusals(field, tmp_path):
    folder, _ = field
    with pytest.raises(ConfigError, match=r"r\.roi must end in \.zip"):
        write_rois(folder, tmp_path / "r.roi")
    (folder / "labels.ome.tif").unlink()
    with pytest.raises(FileError, match="has no label volume"):
        write_rois(folder, tmp_path / "r.zip")
    assert not (tmp_path / "r.zip").exists()
