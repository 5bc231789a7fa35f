import pytest
import torch

from dispr.diffusion.timesteps import (
    LossSecondMomentTimesteps,
    LowNoiseTimesteps,
    UniformTimesteps,
)


def test_uniform():
    sampler = UniformTimesteps(10)
    steps, weights = sampler.draw(torch.tensor([0.0, 0.05, 0.15, 0.999999]))
    assert steps.tolist() == [0, 0, 1, 9]
    assert weights.tolist() == pytest.approx([1, 1, 1, 1])


def test_low_noise_draws_squares():
    sampler = LowNoiseTimesteps(1000)
    assert sampler.probabilities().sum() == pytest.approx(1)
    u = torch.tensor([0.0, 0.1005, 0.5005, 0.999999])
    steps, weights = sampler.draw(u)
    assert steps.tolist() == [0, 10, 250, 999]
    assert weights.tolist() == [1, 1, 1, 1]


def test_second_moment_is_uniform_until_all_steps_are_known():
    sampler = LossSecondMomentTimesteps(4, history=2)
    sampler.update(torch.tensor([0, 0, 1, 1, 2, 2, 3]), torch.arange(7.0))
    assert sampler.probabilities().tolist() == [0.25] * 4


def test_second_moment_follows_the_latest_losses():
    sampler = LossSecondMomentTimesteps(2, history=2, uniform_share=0.0)
    # Step 0: 9 is forgotten, 3 and 4 remain. Step 1: 1 and 1.
    sampler.update(torch.tensor([0, 0, 0, 1, 1]), torch.tensor([9.0, 3, 4, 1, 1]))
    root = (12.5**0.5, 1.0)
    expected = [part / sum(root) for part in root]
    assert sampler.probabilities().tolist() == pytest.approx(expected)


def test_weights_keep_the_mean_unbiased():
    sampler = LossSecondMomentTimesteps(5, history=1)
    sampler.update(torch.arange(5), torch.tensor([1.0, 2, 3, 4, 5]))
    values = torch.tensor([2.0, 0, 1, 5, 3])
    u = (torch.arange(20000) + 0.5) / 20000
    steps, weights = sampler.draw(u)
    assert float((values[steps] * weights).mean()) == pytest.approx(float(values.mean()), rel=1e-3)


def test_state_comes_back():
    sampler = LossSecondMomentTimesteps(3, history=1)
    sampler.update(torch.arange(3), torch.tensor([1.0, 2, 3]))
    other = LossSecondMomentTimesteps(3, history=1)
    other.load_state_dict(sampler.state_dict())
    assert other.probabilities().tolist() == sampler.probabilities().tolist()
