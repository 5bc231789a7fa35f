import pytest

from dispr.cells.frame import FRAME_UM
from dispr.errors import ConfigError
from dispr.labelled.stack.frame import as_frame, choose_frame


def test_choices():
    assert as_frame("auto") is None
    assert as_frame("12.5") == as_frame(12.5) == 12.5
    for text in ("0", "-1", "nan", "inf", "wide", ""):
        with pytest.raises(ConfigError, match='the frame must be "auto" or a number of um'):
            as_frame(text)


def test_cells_as_large_as_the_published_ones_have_their_frame():
    assert choose_frame([]) == FRAME_UM
    assert choose_frame([(5, 8, 8)] * 20) == FRAME_UM
    # One in twenty may be larger, two may not. Only the extent in the plane is compared.
    assert choose_frame([(5, 8, 8)] * 19 + [(5, 8, 12)]) == FRAME_UM
    assert choose_frame([(5, 8, 8)] * 18 + [(5, 8, 12)] * 2) == pytest.approx(12 * 64 / 60)
    assert choose_frame([(9, 8, 4)] * 20) == FRAME_UM


def test_others_have_a_frame_of_their_size():
    # The median spans 48 of 64 in the plane, the largest of 95 % of them 60 along any axis.
    assert choose_frame([(4, 15, 3)] * 20) == pytest.approx(15 * 64 / 48)
    assert choose_frame([(4, 3, 15)] * 20) == pytest.approx(15 * 64 / 48)
    assert choose_frame([(24, 15, 15)] * 20) == pytest.approx(24 * 64 / 60)
    assert choose_frame([(2, 2, 1)] * 20) == pytest.approx(2 * 64 / 48, rel=0.01)
