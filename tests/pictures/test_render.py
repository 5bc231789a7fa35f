import numpy as np
import pytest

from dispr.pictures.render import shaded


def ball(centre, radius=6):
    grid = np.mgrid[:64, :64, :64] - np.reshape(centre, (3, 1, 1, 1))
    return (grid**2).sum(0) <= radius**2


def place(picture):
    """Centre of what is seen: (down, right) in shares of the picture."""
    rows, columns = np.nonzero(picture)
    return rows.mean() / len(picture), columns.mean() / len(picture)


def test_a_ball_is_a_disc():
    picture = shaded(ball((31.5, 31.5, 31.5), 16), pixels=128)
    assert picture.shape == (128, 128)
    assert place(picture) == pytest.approx((0.5, 0.5), abs=0.01)
    assert np.count_nonzero(picture) == pytest.approx(np.pi * 32**2, rel=0.05)
    assert 0 < picture.max() <= 1
    # Lit from the upper left.
    assert picture[46, 46] > picture[82, 82] > 0


@pytest.mark.parametrize(
    ("centre", "tilt", "seen"),
    [
        ((52, 32, 32), 90, (0.19, 0.5)),  # from the side, Z is up
        ((32, 32, 52), 90, (0.5, 0.81)),  # and X to the right
        ((32, 52, 32), 0, (0.81, 0.5)),  # from above, Y is down as in an image
        ((32, 32, 52), 0, (0.5, 0.81)),
    ],
)
def test_directions(centre, tilt, seen):
    assert place(shaded(ball(centre), tilt=tilt, turn=0)) == pytest.approx(seen, abs=0.02)


@pytest.mark.parametrize(
    ("tilt", "far", "near"), [(0, (12, 32, 32), (52, 32, 32)), (90, (32, 12, 32), (32, 52, 32))]
)
def test_what_is_near_hides_what_is_far(tilt, far, near):
    both = shaded(ball(near) | ball(far), tilt=tilt, turn=0)
    alone = shaded(ball(near), tilt=tilt, turn=0)
    assert both[48, 48] == pytest.approx(alone[48, 48], abs=0.02)
    assert both[48, 48] > shaded(ball(far), tilt=tilt, turn=0)[48, 48] + 0.05


def test_nothing_to_see():
    assert (shaded(np.zeros((64, 64, 64), bool)) == 0).all()
