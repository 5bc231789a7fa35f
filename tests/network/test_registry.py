"""All networks answer to what a model asks of them."""

import pytest
import torch

from dispr.errors import ConfigError
from dispr.model.config import KINDS, ModelConfig
from dispr.network.network import Network
from dispr.network.registry import NETWORKS, make_network
from dispr.network.shapr import ShaprConfig


@pytest.mark.parametrize("kind", NETWORKS)
def test_each_is_made_of_its_configuration(kind):
    config = kind()
    assert KINDS[kind.__name__] is kind
    with torch.device("meta"):
        network = make_network(config)
    assert isinstance(network, Network)
    assert network.config is config
    assert 64 % config.noise_edge == 0


def test_classes_are_for_networks_that_are_told_of_them():
    with pytest.raises(ConfigError, match="takes no class labels"):
        ShaprConfig().for_model(None, 1, 6)
    with pytest.raises(ConfigError, match="cannot be used with diffusion"):
        ModelConfig(ShaprConfig())
