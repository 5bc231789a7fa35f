import numpy as np
import pytest
import torch

from dispr.diffusion.config import DiffusionConfig
from dispr.files import write_tiff
from dispr.model.config import ModelConfig
from dispr.model.weights import build_network
from dispr.network.config import UNetConfig
from dispr.prediction.model import Model
from dispr.progress import Progress

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


class At(Progress):
    """Does something once some cells are done."""

    def __init__(self, cells, act):
        self.cells, self.act = cells, act

    def show(self, line, done, total):
        if done >= self.cells and self.act is not None:
            act, self.act = self.act, None
            act()


@pytest.fixture(scope="session")
def at():
    """Progress that does something once some cells are done."""
    return At


@pytest.fixture(scope="session")
def write_ellipses():
    """Write sections of elliptic cells: cell000 and so on."""

    def write(root, count):
        rng = np.random.default_rng(0)
        y, x = np.mgrid[:64, :64] - 32.0
        for i in range(count):
            a, b = rng.uniform(8, 20, 2)
            mask = ((y / a) ** 2 + (x / b) ** 2 < 1).astype(np.uint8) * 255
            write_tiff(root / "mask" / f"cell{i:03d}.tif", mask)
            image = rng.integers(0, 255, (64, 64), np.uint8)
            write_tiff(root / "image" / f"cell{i:03d}.tif", image)
        return root

    return write
