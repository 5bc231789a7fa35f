"""The two losses of a cascade, term by term."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from small import CASCADE, OCCUPANCY

from dispr.diffusion.objective import overlap_loss
from dispr.diffusion.process import Process
from dispr.network.cascade import Cascade, GivenCells
from dispr.network.planes import section_planes
from dispr.training.cascade import cascade_loss

STEPS = 25
T = torch.tensor([4, 24, 0])


@pytest.fixture
def process():
    return Process(dataclasses.replace(OCCUPANCY, steps=STEPS))


@pytest.fixture
def cascade():
    torch.manual_seed(0)
    return Cascade(dataclasses.replace(CASCADE, refine_share=0.25, refine_noise=0.2))


@pytest.fixture
def batch():
    torch.manual_seed(1)
    target = (torch.rand(3, 1, 64, 64, 64) > 0.7).float()
    return torch.rand(3, 2, 64, 64), target, torch.randn(3, 1, 8, 8, 8)


def test_terms(cascade, process, batch, monkeypatch):
    condition, target, noise = batch
    seen = []
    refine = GivenCells.refine

    def catch(self, coarse, rows=None, grain=None):
        out = refine(self, coarse, rows, grain)
        seen.append((coarse, rows, out))
        return out

    monkeypatch.setattr(GivenCells, "refine", catch)
    refined = torch.tensor([True, False, True])
    loss = cascade_loss(cascade, process, condition, target, T, noise, refined)
    ((given, rows, out),) = seen
    assert rows.tolist() == [0, 2]
    coarse = F.avg_pool3d(target, 8)
    # A share (t + 1) / T of the noise, the same that the coarse volume has.
    spread = 0.2 * torch.tensor([5.0, 1.0]).view(2, 1, 1, 1, 1) / STEPS
    torch.testing.assert_close(given, coarse[[0, 2]] + spread * noise[[0, 2]])
    # Trained on a quarter of the samples, and counted four times.
    expected = overlap_loss(out, target[[0, 2]])["loss"] * 4
    torch.testing.assert_close(loss["refined"][[0, 2]], expected)
    assert loss["refined"][1].item() == 0
    # The coarse network begins with a logit of 0.
    left = torch.full((3,), 0.5).log().neg()
    torch.testing.assert_close(loss["coarse"], left)
    torch.testing.assert_close(loss["loss"], loss["coarse"] + loss["refined"])


def test_no_sample_is_refined(cascade, process, batch):
    condition, target, noise = batch
    none = torch.zeros(3, dtype=torch.bool)
    loss = cascade_loss(cascade, process, condition, target, T, noise, none)
    torch.testing.assert_close(loss["loss"], loss["coarse"])
    loss["loss"].sum().backward()
    gradients = [p.grad for p in cascade.refiner.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)


@pytest.mark.parametrize("further", [False, True], ids=["section", "planes"])
def test_each_parameter_of_a_cascade_with_a_follower_has_a_gradient(process, batch, further):
    """As processes that share gradients need; the follower's is none where nothing is to follow."""
    condition, target, noise = batch
    config = dataclasses.replace(CASCADE, planes=True, section_only=True, follower_channels=32)
    cascade = Cascade(config)
    torch.nn.init.normal_(cascade.follower.unet.out[2].weight)
    known = section_planes(condition[:, 0], 64)
    if further:
        known[0, 40] = 1
    some = torch.tensor([True, False, True])
    grain = torch.zeros(2, *cascade.refiner.grain_shape)
    loss = cascade_loss(cascade, process, condition, target, T, noise, some, known, grain)
    loss["loss"].sum().backward()
    assert all(parameter.grad is not None for parameter in cascade.parameters())
    followed = [value.grad for name, value in cascade.named_parameters() if "follower" in name]
    assert any(gradient.any() for gradient in followed) == further
