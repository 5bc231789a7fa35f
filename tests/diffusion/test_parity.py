"""Schedules and losses equal a plain derivation of the published ones."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dispr.diffusion.config import DiffusionConfig
from dispr.diffusion.objective import training_loss
from dispr.diffusion.process import Process
from dispr.diffusion.schedule import make_schedule

with np.load(Path(__file__).parent / "fixtures" / "diffusion.npz") as file:
    COMMITTED = dict(file)


def cases(kind, length):
    return sorted({tuple(key.split("/")[1:length]) for key in COMMITTED if key.startswith(kind)})


@pytest.mark.parametrize(("name", "steps"), cases("schedule", 3))
def test_schedules_equal_the_committed_numbers(name, steps):
    schedule = make_schedule(name, int(steps))
    kept = np.linspace(0, len(schedule) - 1, 5).astype(int)
    prefix = f"schedule/{name}/{steps}/"
    keys = [key for key in COMMITTED if key.startswith(prefix)]
    assert len(keys) == 7
    for key in keys:
        values = getattr(schedule, key.removeprefix(prefix))
        ours = np.append(values[kept], values.sum())
        np.testing.assert_allclose(ours, COMMITTED[key], rtol=1e-9, atol=1e-15, err_msg=key)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 1e-3)])
@pytest.mark.parametrize("case", cases("loss", 5), ids="-".join)
def test_losses_equal_the_committed_numbers(case, dtype, tolerance, seeded):
    name, prediction, variance, loss = case
    config = DiffusionConfig(seeded.LOSS_STEPS, name, prediction, variance, loss)
    *volumes, t = map(torch.from_numpy, seeded.loss_inputs())
    x0, noise, output = (volume.to(dtype) for volume in volumes)
    output = output[:, : config.out_channels]
    ours = training_loss(Process(config), lambda x, t: output, x0, t, noise)
    prefix = "/".join(("loss", *case, ""))
    expected = {
        key.removeprefix(prefix): values
        for key, values in COMMITTED.items()
        if key.startswith(prefix)
    }
    assert ours.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(ours[key], values, rtol=tolerance, err_msg=key)


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_plain_derivation_equals_the_published_schedule(name, reference, plain):
    schedule = plain.plain_schedule(name, 1000)
    with np.load(reference / f"diffusion_{name}_learned.npz") as numbers:
        for ours, published in [
            ("betas", "betas"),
            ("alphas_cumprod", "alphas_cumprod"),
            ("posterior_log_variance", "posterior_log_variance_clipped"),
        ]:
            np.testing.assert_allclose(schedule[ours], numbers[published], rtol=1e-9)
