import dataclasses

import torch
from small import CASCADE

from dispr.network.cascade import Cascade
from dispr.network.planes import section_planes
from dispr.prediction.draw import sampling_process
from dispr.training.ensemble import draw_twice, energy_score
from dispr.training.presets import get_preset


def ball(radius, shift=0.0):
    z, y, x = torch.meshgrid(*[torch.arange(64.0) - 31.5] * 3, indexing="ij")
    return ((z - shift) ** 2 + y**2 + x**2 <= radius**2).float()[None]


ONE = torch.ones(1)


def test_two_true_draws_score_least():
    truth = ball(16)
    right = energy_score(torch.stack([truth, truth]), truth, ONE)["loss"]
    near = energy_score(torch.stack([ball(15), ball(17)]), truth, ONE)["loss"]
    far = energy_score(torch.stack([ball(12), ball(20)]), truth, ONE)["loss"]
    assert abs(float(right)) < 1e-2
    assert right < near < far


def test_draws_that_differ_score_less_than_equal_ones_as_far_off():
    # What the score rewards: two draws either side of the truth, not the same one twice.
    truth = ball(16)
    spread = energy_score(torch.stack([ball(14), ball(18)]), truth, ONE)
    equal = energy_score(torch.stack([ball(18), ball(18)]), truth, ONE)
    assert spread["volume"] < 0.1 * equal["volume"]
    assert spread["loss"] < equal["loss"]


def test_the_mean_score_is_least_for_the_true_spread():
    # The truth is a ball of radius 13 or 19: draws of either beat draws of the ball between.
    truths = [ball(13), ball(19)]
    pairs = [(a, b) for a in truths for b in truths]

    def mean(draws):
        return sum(
            energy_score(torch.stack(pair), truth, ONE)["loss"]
            for pair in draws
            for truth in truths
        ) / (2 * len(draws))

    between = ball((0.5 * (13**3 + 19**3)) ** (1 / 3))
    assert mean(pairs) < mean([(between, between)])


def test_fine_terms_can_be_left_out():
    draws = torch.stack([ball(17), ball(18)])
    terms = energy_score(draws, ball(16), torch.zeros(1))
    for name in ("blocks1", "surface", "roughness"):
        assert terms[name] == 0
    assert terms["volume"] > 0
    assert terms["blocks4"] > 0


def test_gradients_pass_through_decided_voxels():
    soft = (0.3 + 0.4 * ball(16)).repeat(2, 1, 1, 1).view(2, 1, 64, 64, 64).requires_grad_()
    terms = energy_score(soft, ball(18), ONE)
    (gradient,) = torch.autograd.grad(terms["volume"].sum(), soft)
    assert gradient.max() < 0  # more of the cell brings the volume nearer


def test_a_draw_that_is_the_truth_outweighs_any_other():
    """Half of how far the draws lie from each other is taken off: here all there is."""
    truth, other = ball(16), ball(21, shift=3)
    terms = energy_score(torch.stack([truth, other]), truth, ONE)
    twice = energy_score(torch.stack([other, other]), truth, ONE)
    for name in (*(f"blocks{scale}" for scale in (1, 2, 4, 8)), "volume", "surface", "roughness"):
        assert abs(terms[name].item()) < 2e-3, name
        assert twice[name].item() > 0.05, name
    # Of two draws that are one, the volume's error is relative to the truth's.
    expected = (other.sum() / truth.sum() - 1).item()
    assert abs(twice["volume"].item() - expected) < 1e-5
    torch.testing.assert_close(twice["loss"], sum(twice[n] for n in twice if n != "loss"))


def test_draws_are_the_same_where_gradients_reach_the_last_step_alone():
    torch.manual_seed(0)
    cascade = Cascade(dataclasses.replace(CASCADE, planes=True))
    for part in cascade.parameters():
        torch.nn.init.normal_(part, std=0.1)
    condition = torch.rand(1, 2, 64, 64)
    noises = {name: torch.randn(2, 1, 8, 8, 8) for name in ("start", "spread")}
    noises["grain"] = torch.randn(2, 1, 32, 32, 32)
    process = sampling_process(get_preset("fast").model)
    known = section_planes(condition[:, 0], 64)
    both, last = (
        draw_twice(cascade, process, condition, known, noises, last=last) for last in (False, True)
    )
    assert both.std() > 0.1
    torch.testing.assert_close(both, last, rtol=0, atol=0)
    last.sum().backward()
    assert all(value.grad is None for value in cascade.encoder.parameters())
    assert all(value.grad is not None for value in cascade.refiner.parameters())
