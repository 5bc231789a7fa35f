"""Samplers against diffusers, and against what must hold for any of them."""

import numpy as np
import pytest
import torch

from dispr.diffusion.config import DiffusionConfig
from dispr.diffusion.process import Process
from dispr.diffusion.samplers import SAMPLERS, ddim, ddpm, dpm_solver, get_sampler
from dispr.errors import ConfigError

SHAPE = (2, 1, 4, 4, 4)
PREDICTIONS = {"epsilon": "epsilon", "x0": "sample", "v": "v_prediction"}


def smooth_network(x, t):
    """Answer with something that depends on all it is told."""
    return 0.3 * torch.sin(3 * x) + 0.1 * x + 0.001 * t.view(-1, 1, 1, 1, 1)


def noises(count):
    random = torch.Generator().manual_seed(1)
    return [torch.randn(SHAPE, generator=random) for _ in range(count)]


def last(states):
    *_, x = states
    return x


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("steps", [4, 20])
def test_dpm_solver_equals_diffusers(schedule, prediction, steps):
    from diffusers import DPMSolverMultistepScheduler

    config = DiffusionConfig(
        schedule=schedule, prediction=prediction, variance="fixed-small", clip=False
    )
    process = Process(config).respaced(steps)
    oracle = DPMSolverMultistepScheduler(
        trained_betas=Process(config).schedule.betas,
        prediction_type=PREDICTIONS[prediction],
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        # Our last step goes from step 0 to the clean volume, in first order, as this does.
        final_sigmas_type="zero",
        timestep_spacing="linspace",
    )
    oracle.set_timesteps(timesteps=process.schedule.timesteps[::-1].tolist())
    (start,) = noises(1)
    theirs = start.clone().double()
    for t in oracle.timesteps:
        answer = smooth_network(theirs, torch.full((2,), int(t)))
        theirs = oracle.step(answer, t, theirs).prev_sample
    ours = last(dpm_solver(smooth_network, process, lambda: start.double()))
    # diffusers keeps its noise levels in float32.
    assert (ours - theirs).norm() / theirs.norm() < 2e-4


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_ddim_equals_diffusers(prediction, eta):
    from diffusers import DDIMScheduler

    config = DiffusionConfig(prediction=prediction, variance="fixed-small", clip=True)
    process = Process(config).respaced("ddim10")
    oracle = DDIMScheduler(
        trained_betas=Process(config).schedule.betas,
        prediction_type=PREDICTIONS[prediction],
        clip_sample=True,
        set_alpha_to_one=True,
        timestep_spacing="leading",
    )
    oracle.set_timesteps(10)
    assert oracle.timesteps.tolist()[::-1] == process.schedule.timesteps.tolist()
    drawn = noises(11)
    theirs = drawn[0]
    for t, noise in zip(oracle.timesteps, drawn[1:], strict=True):
        answer = smooth_network(theirs, torch.full((2,), int(t)))
        theirs = oracle.step(
            answer, t, theirs, eta=eta, use_clipped_model_output=True, variance_noise=noise
        ).prev_sample
    supply = iter(drawn)
    ours = last(ddim(smooth_network, process, lambda: next(supply), eta=eta))
    assert (ours - theirs).norm() / theirs.norm() < 1e-4


def test_ddpm_equals_diffusers():
    from diffusers import DDPMScheduler

    config = DiffusionConfig(variance="learned-range")
    process = Process(config)
    oracle = DDPMScheduler(
        trained_betas=process.schedule.betas, variance_type="learned_range", clip_sample=True
    )
    drawn = noises(2)

    def two_channels(x, t):
        return torch.cat([smooth_network(x, t), 0.5 * torch.cos(x)], dim=1)

    supply = iter(drawn)
    ours = next(ddpm(two_channels, process, lambda: next(supply)))
    answer = two_channels(drawn[0], torch.full((2,), 999))
    random = torch.Generator().manual_seed(7)
    theirs = oracle.step(answer, 999, drawn[0], generator=random).prev_sample
    # Take out their noise, put in ours: the mean and the variance must both agree.
    random = torch.Generator().manual_seed(7)
    noise = torch.randn(SHAPE, generator=random)
    estimate = process.estimate(answer, drawn[0], torch.full((2,), 999))
    theirs = theirs + torch.exp(0.5 * estimate.log_variance) * (drawn[1] - noise)
    assert (ours - theirs).norm() / theirs.norm() < 1e-5


@pytest.mark.parametrize("name", SAMPLERS)
def test_perfect_network_finds_the_volume(name):
    """With the true x0 as the answer, every sampler must end at it."""
    truth = torch.rand(SHAPE)
    config = DiffusionConfig(prediction="x0", variance="fixed-small")
    process = Process(config).respaced(10)
    supply = iter(noises(12))
    x = last(get_sampler(name)(lambda x, t: truth, process, lambda: next(supply)))
    # The first kept step still has noise of standard deviation 0.01, which only ddpm may add.
    assert (x - truth).abs().max() < 1e-4


def test_gaussian_data_keep_their_spread():
    """For data drawn from N(0, s^2) the best answer is known, and so is the samples' spread."""
    s = 0.5
    config = DiffusionConfig(prediction="x0", variance="fixed-large", clip=False)
    process = Process(config).respaced(200)
    left = torch.from_numpy(Process(config).schedule.alphas_cumprod)

    def best(x, t):
        a = left[t].view(-1, 1, 1, 1, 1)
        return (a.sqrt() * s**2 / (a * s**2 + 1 - a) * x).float()

    random = torch.Generator().manual_seed(0)
    for sampler in SAMPLERS.values():
        x = last(sampler(best, process, lambda: torch.randn((1, 1, 24, 24, 24), generator=random)))
        assert np.isclose(float(x.std()), s, rtol=0.04), sampler


def test_unknown_sampler():
    with pytest.raises(ConfigError, match="sampler must be one of"):
        get_sampler("euler")


@pytest.mark.parametrize("name", ["ddpm", "ddim", "dpm-solver"])
def test_each_step_can_be_watched(name):
    process = Process(DiffusionConfig(steps=50, variance="fixed-small")).respaced(4)
    start = torch.full((1, 1, 2, 3, 4), 0.5)
    seen = []
    drawn = list(
        get_sampler(name)(
            lambda x, t: 0.1 * x, process, lambda: start, lambda x, e: seen.append((x, e.x0))
        )
    )
    assert [torch.equal(x, y) for (x, _), y in zip(seen, [start, *drawn[:-1]], strict=True)] == [
        True
    ] * 4
    left = float(process.schedule.alphas_cumprod[-1])
    clean = (start - (1 - left) ** 0.5 * 0.1 * start) / left**0.5
    torch.testing.assert_close(seen[0][1], clean.clamp(-1, 1))
