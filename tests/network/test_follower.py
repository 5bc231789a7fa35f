import dataclasses

import pytest
import torch
from small import CASCADE, randomise

from dispr.errors import ConfigError
from dispr.network.cascade import Cascade
from dispr.network.planes import has_further, known_planes, section_planes

ALONE = dataclasses.replace(CASCADE, size=32, planes=True, section_only=True)
FOLLOWING = dataclasses.replace(ALONE, follower_channels=32)
T = torch.tensor([3, 500])


@pytest.fixture
def network():
    return randomise(Cascade(FOLLOWING)).requires_grad_(False)


@pytest.fixture
def condition():
    condition = torch.rand(2, 2, 32, 32, generator=torch.Generator().manual_seed(0))
    condition[:, 0] = (condition[:, 0] > 0.5).float()
    return condition


@pytest.fixture
def x():
    return torch.randn(2, 1, 8, 8, 8, generator=torch.Generator().manual_seed(1))


def known_of(condition, *planes):
    """Section, and empty planes, of the first cell; the section of the second."""
    known = section_planes(condition[:, 0], 32)
    for number in planes:
        known[0, number] = 0
    return known


def test_the_answer_for_a_section_alone_is_that_without_a_follower(network, condition, x):
    plain = Cascade(ALONE).eval()
    state = network.state_dict()
    plain.load_state_dict({name: state[name] for name in plain.state_dict()})
    with torch.inference_mode():
        expected = plain.given(condition)(x, T)
        for known in (None, known_of(condition)):
            assert (network.given(condition, None, known)(x, T) == expected).all()
        one, other = network.given(condition, None, known_of(condition, 20))(x, T)
    assert (other == expected[1]).all()
    assert (one - expected[0]).abs().mean() > 0.01


def test_the_answer_depends_on_where_and_what_the_planes_are(network, condition, x):
    with torch.inference_mode():
        answer, higher, more = (
            network.given(condition, None, known_of(condition, *planes))(x, T)[0]
            for planes in ((20,), (21,), (20, 8))
        )
        full = known_of(condition, 20)
        full[0, 20] = 1
        fuller = network.given(condition, None, full)(x, T)[0]
    for other in (higher, more, fuller):
        assert (other - answer).abs().mean() > 0.001


def test_shapes_keep_the_section_and_are_refined_from_it_alone(network, condition, x):
    """Other planes are still to be moved to."""

    def noise(shape=(1, 8, 8, 8)):
        return torch.zeros(2, *shape)

    with torch.inference_mode():
        given = network.given(condition, None, known_of(condition, 20))
        shapes = given.finish(torch.full((2, 1, 8, 8, 8), 0.5), noise)
        plain = network.given(condition).finish(torch.full((2, 1, 8, 8, 8), 0.5), noise)
    assert (shapes == plain).all()
    assert (shapes[:, 16] == condition[:, 0]).all()
    assert (shapes[0, 20] > 0).any()


def test_before_training_no_answer_is_changed(condition, x):
    network = Cascade(FOLLOWING).eval()
    torch.nn.init.normal_(network.denoiser.out[2].weight)
    with torch.inference_mode():
        plain = network.given(condition)(x, T)
        followed = network.given(condition, None, known_of(condition, 20))(x, T)
    assert plain.std() > 0
    assert (followed == plain).all()


def test_cells_with_further_planes_are_told_from_others():
    chosen = torch.zeros(4, 8, dtype=torch.bool)
    chosen[:, 4] = True
    chosen[1, 0] = chosen[3, [1, 7]] = True
    known = known_planes(torch.zeros(4, 8, 8, 8), chosen)
    assert has_further(known).tolist() == [False, True, False, True]


def test_a_denoiser_that_sees_all_planes_needs_no_follower():
    with pytest.raises(ConfigError, match="follower_channels needs section_only"):
        dataclasses.replace(FOLLOWING, section_only=False)
    with pytest.raises(ConfigError, match="channels"):
        dataclasses.replace(FOLLOWING, follower_channels=20)
