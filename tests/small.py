"""Networks and diffusions small enough for tests; import them from `small`."""

import dataclasses

import torch

from dispr.network.config import CascadeConfig
from dispr.training.presets import get_preset

FAST = get_preset("fast").model

CASCADE = CascadeConfig(
    coarse=8,
    encoder_channels=8,
    features=8,
    fine_channels=8,
    channels=32,
    channel_mult=(1, 1),
    refiner_features=8,
    refiner_channels=8,
)
"""A cascade that sees the section alone, or with `planes=True` further known planes too."""

assert FAST.diffusion is not None
OCCUPANCY = dataclasses.replace(FAST.diffusion, steps=50)
"""A diffusion of the coarse volume of a cascade."""


def randomise(network):
    """Give a network random parameters, so that no layer begins at zero; in evaluation mode."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network.eval()
