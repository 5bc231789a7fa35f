import numpy as np
import pytest

from dispr.cells.frame import FRAME_UM, choose_frames, enlarge
from dispr.errors import ConfigError

WHOLE = [True] * 3


def test_red_blood_cells_of_known_scale_get_the_training_frame():
    frames = choose_frames([80, 70, 84], WHOLE, 0.11)
    assert set(frames.edges) == {round(FRAME_UM / 0.11)}
    assert frames.rule == "um"


def test_cells_of_another_size_fill_the_frame_as_training_cells_do():
    for size in (None, 0.5):
        frames = choose_frames([80, 60, 90], WHOLE, size)
        assert frames.rule == "field"
        assert len(set(frames.edges)) == 1
        assert 80 * 64 / frames.edge == pytest.approx(48, abs=0.5)


def test_cells_at_the_border_do_not_set_the_scale():
    frames = choose_frames([80, 10, 12], [True, False, False])
    assert 80 * 64 / frames.edge == pytest.approx(48, abs=0.5)


def test_a_cell_too_large_gets_a_frame_of_its_own():
    frames = choose_frames([50, 50, 200], WHOLE)
    assert frames.edges[0] == frames.edges[1] == frames.edge
    assert 200 * 64 / frames.edges[2] <= 60


def test_each_cell_by_itself():
    frames = choose_frames([50, 100, 200], WHOLE, rule="cell")
    np.testing.assert_allclose(np.array([50, 100, 200]) * 64 / frames.edges, 48, atol=0.5)


def test_given_length():
    assert set(choose_frames([50, 50, 50], WHOLE, 0.5, "40").edges) == {80}
    with pytest.raises(ConfigError, match="--pixel-size"):
        choose_frames([50], [True], None, 40)
    for wrong in ("large", "0", "-3", "nan"):
        with pytest.raises(ConfigError, match="frame"):
            choose_frames([50], [True], 0.1, wrong)


def test_a_frame_is_enlarged_for_a_cell_that_fills_it():
    """Up to 60 of 64 pixels are room enough; a larger cell spans 60 of its own frame."""
    assert enlarge(60, 64) == 64
    assert enlarge(61, 64) == 66  # 65.07
    assert enlarge(90, 64) == 96
    assert enlarge(30, 32) == 32
    assert enlarge(31, 32) == 34  # 33.07
