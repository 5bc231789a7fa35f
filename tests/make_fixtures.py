"""Make the committed numbers in tests/network/fixtures and tests/diffusion/fixtures.

They come from the plain statements network/plain_unet.py and diffusion/plain_diffusion.py, not from
the package. Run `python tests/make_fixtures.py` after a change there or in seeded.py.
"""

from pathlib import Path

import numpy as np
import torch
from diffusion.plain_diffusion import plain_losses, plain_schedule
from network.plain_unet import plain_unet
from seeded import LOSS_STEPS, LOSSES, NETWORKS, TINY, loss_inputs, network_inputs, seeded_state

from dispr.network.config import UNetConfig
from dispr.network.unet import UNet

HERE = Path(__file__).parent


def make_network() -> None:
    """Write the output of each network, float32 (N, 1 or 2, 8, 8, 8), computed in float64."""
    outputs = {}
    for seed, (name, changes) in enumerate(NETWORKS.items()):
        config = UNetConfig(**{**TINY, **changes})
        shapes = {key: value.shape for key, value in UNet(config).state_dict().items()}
        state = {k: torch.from_numpy(v) for k, v in seeded_state(shapes, seed).items()}
        x, t, y = map(torch.from_numpy, network_inputs(seed))
        outputs[name] = plain_unet(state, x, t, config, y).float().numpy()
    np.savez_compressed(HERE / "network" / "fixtures" / "unet.npz", **outputs)


def make_diffusion() -> None:
    """Write five values and the sum of each schedule, and the loss terms of each sample."""
    numbers = {}
    for name in ("linear", "cosine"):
        for steps in (50, 1000):
            kept = np.linspace(0, steps - 1, 5).astype(int)
            for key, values in plain_schedule(name, steps).items():
                numbers[f"schedule/{name}/{steps}/{key}"] = np.append(values[kept], values.sum())
    for case in LOSSES:
        terms = plain_losses(plain_schedule(case[0], LOSS_STEPS), *case[1:], *loss_inputs())
        for key, values in terms.items():
            numbers["/".join(("loss", *case, key))] = values
    np.savez_compressed(HERE / "diffusion" / "fixtures" / "diffusion.npz", **numbers)


if __name__ == "__main__":
    make_network()
    make_diffusion()
