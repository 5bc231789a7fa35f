"""The process in closed form, step by step."""

import math

import numpy as np
import pytest
import torch

from dispr.diffusion.config import DiffusionConfig
from dispr.diffusion.process import Process, at
from dispr.diffusion.timesteps import (
    LossSecondMomentTimesteps,
    LowNoiseTimesteps,
    UniformTimesteps,
)

SHAPE = (3, 1, 2, 2, 2)
T = torch.tensor([0, 7, 49])


def process(**settings):
    return Process(DiffusionConfig(steps=50, **settings))


def given(seed=0):
    torch.manual_seed(seed)
    return torch.rand(SHAPE, dtype=torch.float64), torch.randn(SHAPE, dtype=torch.float64)


def signal(p):
    left = torch.from_numpy(p.schedule.alphas_cumprod)[T].view(-1, 1, 1, 1, 1)
    return left.sqrt(), (1 - left).sqrt()


@pytest.mark.parametrize("steps", [50, 500, 4000])
def test_rescaled_times_go_to_1000(steps):
    p = Process(DiffusionConfig(steps=steps, rescale_timesteps=True))
    times = p.network_time(torch.tensor([0, steps // 2, steps - 1]))
    expected = [0, 500, 1000 * (steps - 1) / steps]
    torch.testing.assert_close(times, torch.tensor(expected))
    few = p.respaced("5")
    spaced = few.network_time(torch.arange(5))
    torch.testing.assert_close(spaced, torch.tensor(few.schedule.timesteps).float() * 1000 / steps)
    plain = Process(DiffusionConfig(steps=steps)).respaced("5").network_time(torch.arange(5))
    assert plain.tolist() == list(few.schedule.timesteps)


def test_noise_is_added_by_the_schedule():
    p = process()
    x0, noise = given()
    a, b = signal(p)
    torch.testing.assert_close(p.add_noise(x0, noise, T), a * x0 + b * noise)
    torch.testing.assert_close(p.velocity(x0, noise, T), a * noise - b * x0)


@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v", "occupancy"])
def test_a_right_answer_gives_the_volume_and_its_noise_back(prediction):
    loss = "cross-entropy" if prediction == "occupancy" else "mse"
    p = process(
        prediction=prediction, variance="fixed-small", loss=loss, low=-0.3, high=0.3, clip=False
    )
    occupancy, noise = given()
    x0 = p.encode(occupancy)
    torch.testing.assert_close(x0, -0.3 + 0.6 * occupancy)
    torch.testing.assert_close(p.decode(x0), occupancy)
    x_t = p.add_noise(x0, noise, T)
    answer = {
        "epsilon": noise,
        "x0": x0,
        "v": p.velocity(x0, noise, T),
        "occupancy": torch.logit(occupancy),
    }[prediction]
    found = p.estimate(answer, x_t, T)
    torch.testing.assert_close(found.x0, x0)
    torch.testing.assert_close(found.noise, noise)
    torch.testing.assert_close(found.mean, p.posterior_mean(x0, x_t, T))


def test_the_posterior_mean_is_that_of_gaussians():
    """Of x_{t-1} given x_0, of variance 1 - a_{t-1}, and x_t given x_{t-1}, of variance beta."""
    p = process()
    x0, noise = given()
    x_t = p.add_noise(x0, noise, T)
    beta = torch.from_numpy(p.schedule.betas)[T].view(-1, 1, 1, 1, 1)
    before = torch.from_numpy(np.append(1.0, p.schedule.alphas_cumprod)[:-1])[T]
    before = before.view(-1, 1, 1, 1, 1)
    weight = (1 - beta) / beta + 1 / (1 - before).clamp(min=1e-300)
    mean = (1 - beta).sqrt() / beta * x_t + before.sqrt() / (1 - before).clamp(min=1e-300) * x0
    found = p.posterior_mean(x0, x_t, T)
    torch.testing.assert_close(found[1:], (mean / weight)[1:])
    torch.testing.assert_close(found[0], x0[0])  # at step 0 nothing is left to chance


@pytest.mark.parametrize("clip", [True, False])
def test_estimates_are_clamped_where_the_configuration_says(clip):
    p = process(prediction="x0", variance="fixed-small", clip=clip)
    answer = torch.full(SHAPE, 3.0, dtype=torch.float64)
    _, x_t = given()
    assert float(p.estimate(answer, x_t, T).x0.max()) == (1 if clip else 3)
    assert float(p.estimate(answer, x_t, T, clip=not clip).x0.max()) == (3 if clip else 1)
    assert float(p.estimate(-answer, x_t, T, clip=True).x0.min()) == -1


def test_a_learned_variance_lies_between_its_bounds():
    p = process()
    _, x_t = given()
    for share, value in ((0.0, -1.0), (0.25, -0.5), (1.0, 1.0)):
        output = torch.cat([x_t, torch.full(SHAPE, value, dtype=torch.float64)], dim=1)
        low = at(p.schedule.posterior_log_variance, T, x_t)
        high = at(np.log(p.schedule.betas), T, x_t)
        expected = (share * high + (1 - share) * low).expand(SHAPE)
        torch.testing.assert_close(p.estimate(output, x_t, T).log_variance, expected)


def test_uniform_steps():
    sampler = UniformTimesteps(4)
    steps, weights = sampler.draw(torch.tensor([0.0, 0.24, 0.26, 0.5, 0.76, 0.999]))
    assert steps.tolist() == [0, 0, 1, 2, 3, 3]
    assert weights.tolist() == [1] * 6


def test_low_noise_steps_are_squares():
    steps, weights = LowNoiseTimesteps(100).draw(torch.tensor([0.05, 0.3, 0.501, 0.905]))
    assert steps.tolist() == [0, 9, 25, 81]
    assert weights.tolist() == [1] * 4


def test_the_oldest_losses_are_forgotten():
    sampler = LossSecondMomentTimesteps(2, history=3, uniform_share=0.1)
    for loss in (1.0, 2.0):
        sampler.update(torch.tensor([0, 1]), torch.tensor([loss, 1.0]))
    assert sampler.probabilities().tolist() == [0.5, 0.5]  # not seen often enough
    for loss in (3.0, 4.0):
        sampler.update(torch.tensor([0, 1]), torch.tensor([loss, 1.0]))
    root = math.sqrt((4 + 9 + 16) / 3)
    expected = 0.9 * np.array([root, 1]) / (root + 1) + 0.05
    np.testing.assert_allclose(sampler.probabilities(), expected)
    _, weights = sampler.draw(torch.tensor([0.01, 0.99]))
    np.testing.assert_allclose(weights, 1 / (2 * expected), rtol=1e-6)
    other = LossSecondMomentTimesteps(2, history=3, uniform_share=0.1)
    other.load_state_dict(sampler.state_dict())
    np.testing.assert_allclose(other.probabilities(), expected)
