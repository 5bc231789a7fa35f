import dataclasses
import math

import pytest
import torch

from dispr.diffusion.config import DiffusionConfig
from dispr.diffusion.objective import bin_log_likelihood, overlap_loss, training_loss
from dispr.diffusion.process import Process
from dispr.errors import ConfigError

SHAPE = (3, 1, 4, 4, 4)
T = torch.tensor([0, 40, 99])


@pytest.fixture
def tensors():
    torch.manual_seed(0)
    return torch.rand(SHAPE), torch.randn(SHAPE), 0.2 * torch.randn(3, 2, 4, 4, 4)


def terms(config, tensors):
    x0, noise, output = tensors
    channels = 2 if config.learns_variance else 1
    return training_loss(Process(config), lambda x, t: output[:, :channels], x0, T, noise)


@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v"])
def test_exact_answer_has_no_error(tensors, prediction):
    x0, noise, _ = tensors
    config = DiffusionConfig(steps=100, prediction=prediction, variance="fixed-small")
    process = Process(config)
    answer = {"epsilon": noise, "x0": x0, "v": process.velocity(x0, noise, T)}[prediction]
    loss = training_loss(process, lambda x, t: answer, x0, T, noise)
    assert loss["loss"].tolist() == pytest.approx([0, 0, 0], abs=1e-12)
    estimate = process.estimate(answer, process.add_noise(x0, noise, T), T)
    torch.testing.assert_close(estimate.x0, x0, atol=2e-4, rtol=0)


def test_rescaled_losses(tensors):
    base = DiffusionConfig(steps=100)
    hybrid = terms(base, tensors)
    rescaled = terms(dataclasses.replace(base, loss="rescaled-mse"), tensors)
    torch.testing.assert_close(rescaled["vb"], hybrid["vb"] * 0.1)
    torch.testing.assert_close(rescaled["loss"], rescaled["mse"] + rescaled["vb"])
    kl = terms(dataclasses.replace(base, loss="kl"), tensors)["loss"]
    torch.testing.assert_close(kl, hybrid["vb"])
    full = terms(dataclasses.replace(base, loss="rescaled-kl"), tensors)["loss"]
    torch.testing.assert_close(full, 100 * kl)


def test_bound_teaches_the_variance_alone(tensors):
    x0, noise, output = tensors
    output = output.clone().requires_grad_()
    loss = training_loss(Process(DiffusionConfig(steps=100)), lambda x, t: output, x0, T, noise)
    loss["vb"].sum().backward()
    assert (output.grad[:, 0] == 0).all()
    assert (output.grad[:, 1] != 0).any()


def test_divergence_of_equal_gaussians_is_zero(tensors):
    """With the true noise and the posterior's own variance there is nothing to pay."""
    x0, noise, _ = tensors
    output = torch.cat([noise, -torch.ones_like(noise)], dim=1)
    config = DiffusionConfig(steps=100, loss="kl")
    loss = training_loss(Process(config), lambda x, t: output, x0, T, noise)["loss"]
    assert loss[1:].tolist() == pytest.approx([0, 0], abs=1e-4)


def test_bins_share_all_probability():
    """Bins of 2/255 from -1 to 1, the outer two open, hold the whole of any normal."""
    levels = torch.linspace(-1, 1, 256)
    p = bin_log_likelihood(levels, torch.tensor(0.1), torch.tensor(math.log(0.3))).exp()
    assert float(p.sum()) == pytest.approx(1, abs=1e-4)


def test_overlap_loss():
    occupancy = (torch.rand(2, 1, 8, 8, 8) > 0.5).float()
    right = overlap_loss((occupancy * 2 - 1) * 30, occupancy)
    assert right["loss"].tolist() == pytest.approx([0, 0], abs=1e-6)
    wrong = overlap_loss((1 - occupancy * 2) * 30, occupancy)
    assert wrong["dice"].tolist() == pytest.approx([1, 1], abs=1e-6)
    assert wrong["cross_entropy"].tolist() == pytest.approx([30, 30])
    undecided = overlap_loss(torch.zeros_like(occupancy), occupancy)
    assert undecided["cross_entropy"].tolist() == pytest.approx([math.log(2)] * 2)


@pytest.mark.parametrize(
    "settings",
    [
        {"schedule": "square"},
        {"prediction": "noise"},
        {"loss": "overlap"},
        {"prediction": "occupancy", "variance": "fixed-small"},
        {"prediction": "occupancy", "loss": "overlap"},
        {"steps": 1},
        {"low": 1.0, "high": 0.0},
    ],
)
def test_bad_configuration(settings):
    with pytest.raises(ConfigError):
        DiffusionConfig(**settings)
