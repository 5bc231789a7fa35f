"""The diffusion equals the published program's, number for number."""

import numpy as np
import pytest
import torch

from dispr.diffusion.config import DiffusionConfig
from dispr.diffusion.objective import training_loss
from dispr.diffusion.process import Process
from dispr.diffusion.samplers import ddim, ddpm
from dispr.network.config import UNetConfig
from dispr.network.unet import UNet

CONFIGS = {
    "linear_learned": DiffusionConfig(),
    "cosine_learned": DiffusionConfig(schedule="cosine"),
    "linear_fixed_x0": DiffusionConfig(prediction="x0", variance="fixed-large"),
}


def relative_error(ours, reference):
    """Norm of the difference over the norm of the reference."""
    ours, reference = np.asarray(ours, np.float64), np.asarray(reference, np.float64)
    return np.linalg.norm(ours - reference) / np.linalg.norm(reference)


@pytest.fixture(params=CONFIGS)
def case(request, reference):
    with np.load(reference / f"diffusion_{request.param}.npz") as file:
        numbers = dict(file)
    net = UNet(UNetConfig(size=16, channel_mult=(1, 2), attention_levels=(1,)))
    with np.load(reference / "unet_plain.npz") as file:
        state = {key[6:]: torch.from_numpy(file[key]) for key in file if key.startswith("state/")}
    net.load_state_dict(state)
    network = net.eval().given(torch.from_numpy(numbers["cond"]))
    config = CONFIGS[request.param]
    if not config.learns_variance:
        two_channels = network
        network = lambda x, t: two_channels(x, t)[:, :1]  # noqa: E731
    return config, network, numbers


def test_schedule(case):
    config, _, numbers = case
    schedule = Process(config).schedule
    for key, ours in [
        ("betas", schedule.betas),
        ("alphas_cumprod", schedule.alphas_cumprod),
        ("posterior_log_variance_clipped", schedule.posterior_log_variance),
    ]:
        assert relative_error(ours, numbers[key]) < 1e-12


def test_loss_terms(case):
    config, network, numbers = case
    x0, t, noise = (torch.from_numpy(numbers[key]) for key in ("x0", "t", "noise"))
    with torch.no_grad():
        terms = training_loss(Process(config), network, x0, t, noise)
    assert ("vb" in terms) == ("vb" in numbers)
    for key, values in terms.items():
        assert relative_error(values, numbers[key]) < 1e-4, key


@pytest.mark.parametrize("sampler", [ddpm, ddim])
def test_trajectory(case, sampler):
    config, network, numbers = case
    process = Process(config).respaced("10")
    assert process.schedule.timesteps.tolist() == numbers["timestep_map"].tolist()
    noise = iter(torch.from_numpy(numbers["step_noise"]))
    with torch.no_grad():
        ours = [x.numpy() for x in sampler(network, process, lambda: next(noise))]
    assert relative_error(ours, numbers[f"{sampler.__name__}_trajectory"]) < 1e-4
