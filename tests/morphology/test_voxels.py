import numpy as np
import pytest

from dispr.morphology.voxels import fragment_share


def test_share_outside_the_largest_piece():
    body = np.zeros((8, 8, 8), bool)
    assert fragment_share(body) == 0
    body[1:4, 1:4, 1:4] = True
    assert fragment_share(body) == 0
    body[4, 4, 4] = True  # touches by a corner
    assert fragment_share(body) == 0
    body[7, 7, 6:8] = True
    assert fragment_share(body) == pytest.approx(2 / 30)
