import dataclasses

import pytest
import torch
from small import CASCADE, randomise

from dispr.network.cascade import Cascade
from dispr.network.planes import (
    UNKNOWN,
    coarse_channels,
    fine_channels,
    keep_known,
    known_planes,
    section_planes,
)

SMALL = dataclasses.replace(CASCADE, size=32, planes=True)


@pytest.fixture
def network():
    return randomise(Cascade(SMALL))


def test_section_is_the_middle_plane():
    mask = torch.zeros(1, 8, 8)
    mask[0, 2, 3:5] = torch.tensor([0.6, 0.4])
    known = section_planes(mask, 8)
    assert (known[0, 4] == (mask[0] > 0.5)).all()
    others = [z for z in range(8) if z != 4]
    assert (known[0, others] == UNKNOWN).all()


def test_known_planes_keep_the_chosen():
    shape = torch.rand(2, 4, 4, 4)
    chosen = torch.tensor([[0, 1, 0, 1], [1, 0, 0, 0]], dtype=torch.bool)
    known = known_planes(shape, chosen)
    assert torch.equal(known[0, [1, 3]], shape[0, [1, 3]])
    assert torch.equal(known[1, 0], shape[1, 0])
    assert (known[0, [0, 2]] == UNKNOWN).all()
    assert (known[1, 1:] == UNKNOWN).all()


def test_known_voxels_replace_drawn_ones():
    drawn = torch.full((1, 2, 2, 2), 0.5)
    known = torch.full((1, 2, 2, 2), UNKNOWN)
    known[0, 1] = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    kept = keep_known(drawn, known)
    assert torch.equal(kept[0, 1], known[0, 1])
    assert (kept[0, 0] == 0.5).all()


def test_coarse_channels_say_which_planes_and_how_full():
    known = torch.full((1, 8, 8, 8), UNKNOWN)
    known[0, 5] = 0
    known[0, 5, :4, 4:] = 1  # one block full
    channels = coarse_channels(known, 4)
    assert channels.shape == (1, 8, 2, 2, 2)
    flags, values = channels[0, :4], channels[0, 4:]
    assert (flags[1, 1] == 1).all()  # plane 5 is the second of the upper coarse voxels
    assert flags.sum() == 4
    assert values[1, 1].tolist() == [[-1, 1], [-1, -1]]
    assert values.abs().sum() == 4


def test_fine_channels_are_exact():
    known = torch.full((1, 4, 4, 4), UNKNOWN)
    known[0, 2] = (torch.arange(16).view(4, 4) % 3 == 0).float()
    channels = fine_channels(known, 2)
    assert channels.shape == (1, 16, 2, 2, 2)
    flags, values = channels[0, :8], channels[0, 8:]
    assert flags.sum() == 16
    assert values.sum() == 6 - 10  # six full voxels, ten empty


def test_drawing_depends_on_known_planes_and_grain(network):
    condition = torch.rand(1, 2, 32, 32)
    alone = network.given(condition)
    known = alone.known.clone()
    known[:, 20] = 1.0
    more = network.given(condition, None, known)
    x, t = torch.randn(1, 1, 8, 8, 8), torch.tensor([500])
    grain = torch.randn(1, *alone.grain_shape)
    with torch.no_grad():
        assert not torch.allclose(alone(x, t), more(x, t))
        assert not torch.allclose(alone.refine(x), more.refine(x))
        assert not torch.allclose(alone.refine(x), alone.refine(x, grain=grain))


def test_rows_choose_cells(network):
    condition = torch.rand(3, 2, 32, 32)
    given = network.given(condition)
    x = torch.rand(1, 1, 8, 8, 8)
    with torch.no_grad():
        chosen = given.refine(x, torch.tensor([2]))
        alone = network.given(condition[2:]).refine(x)
    torch.testing.assert_close(chosen, alone)
