import pytest
import torch

from dispr.diffusion.config import DiffusionConfig
from dispr.model.config import ModelConfig
from dispr.model.weights import build_network
from dispr.network.config import UNetConfig
from dispr.prediction.model import Model

NETWORK = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")


@pytest.fixture
def model():
    """A tiny diffusion model of random weights."""
    config = ModelConfig(NETWORK, DiffusionConfig(steps=50), sampling_steps="2")
    torch.manual_seed(0)
    network = build_network(config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return Model(config, network)
