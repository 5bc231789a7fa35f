"""The networks that a model can have: a new one is a file, and a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dispr.network.cascade import Cascade
from dispr.network.config import CascadeConfig, UNetConfig
from dispr.network.network import Network, NetworkConfig
from dispr.network.shape_decoder import ShapeDecoder, ShapeDecoderConfig
from dispr.network.shapr import Shapr, ShaprConfig
from dispr.network.unet import UNet

NETWORKS: dict[type[NetworkConfig], Callable[[Any], Network]] = {
    UNetConfig: UNet,
    CascadeConfig: Cascade,
    ShapeDecoderConfig: ShapeDecoder,
    ShaprConfig: Shapr,
}
"""Each network by its configuration, whose name is the kind that weights state."""


def make_network(config: NetworkConfig) -> Network:
    """Make a network with fresh parameters."""
    return NETWORKS[type(config)](config)
