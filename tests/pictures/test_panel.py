from dataclasses import replace

import numpy as np
import pytest

from dispr.pictures import letters
from dispr.pictures.panel import HEAD, LEFT, TILE, PanelRow, bar_length, panel


@pytest.mark.parametrize(
    ("most", "length"),
    [(3.7, 2), (5, 5), (0.99, 0.5), (10, 10), (49, 20), (0.3, 0.2), (1000, 1000)],
)
def test_bars_have_round_lengths(most, length):
    assert bar_length(most) == pytest.approx(length)


def row(voxel_size):
    body = np.zeros((1, 64, 64, 64), bool)
    body[0, 20:44, 20:44, 20:44] = True
    plane = body[0, 32].astype(np.uint8)
    return PanelRow("a", plane * 90, plane * 255, body, body[0] * 1.0, voxel_size=voxel_size)


def test_pictures_without_a_font_of_the_system_have_plain_units(monkeypatch):
    assert letters.written("2 µm³, 4 µm²") in ("2 µm³, 4 µm²", "2 um3, 4 um2")
    monkeypatch.setattr(letters, "_find", lambda: None)
    assert letters.written("2 µm³, 4 µm²") == "2 um3, 4 um2"
    assert panel([row(0.2)]).size == panel([row(None)]).size


def test_long_names_stay_in_their_column():
    short, long = (
        np.asarray(panel([replace(row(None), name=name)])) for name in ("a", "experiment_" * 6)
    )
    assert (short[:, LEFT:] == long[:, LEFT:]).all()
    assert (short[:, :LEFT] != long[:, :LEFT]).any()


@pytest.mark.parametrize(("voxel_size", "um"), [(0.15, 2), (0.172, 2), (0.3, 5), (1.0, 20)])
def test_scale_bar_is_as_long_as_it_says(voxel_size, um):
    sections = [
        np.asarray(panel([row(size)]))[HEAD : HEAD + TILE, LEFT : LEFT + TILE].astype(int)
        for size in (None, voxel_size)
    ]
    changed = (sections[0] != sections[1]).any(axis=2)
    line = changed[TILE - 7]
    assert line.sum() == pytest.approx(um / voxel_size * TILE / 64, abs=1)
    assert line[6]
