"""The network equals the published program's, number for number."""

import json

import numpy as np
import pytest
import torch

from dispr.network.config import UNetConfig
from dispr.network.unet import UNet


@pytest.mark.parametrize("name", ["unet_plain", "unet_scale_shift_2heads"])
def test_output(reference, name):
    published = json.loads((reference / f"{name}.json").read_text())
    factors = published["attention_resolutions"]
    net = UNet(
        UNetConfig(
            size=published["image_size"],
            channel_mult=tuple(published["channel_mult"]),
            attention_levels=tuple(factor.bit_length() - 1 for factor in factors),
            num_heads=published["num_heads"],
            scale_shift_norm=published["use_scale_shift_norm"],
            resblock_updown=published.get("resblock_updown", False),
        )
    )
    with np.load(reference / f"{name}.npz") as file:
        numbers = {key: torch.from_numpy(file[key]) for key in file}
    net.load_state_dict({k[6:]: v for k, v in numbers.items() if k.startswith("state/")})
    with torch.no_grad():
        ours = net.eval()(numbers["x"], numbers["t"])
    error = (ours - numbers["out"]).abs().max() / numbers["out"].abs().max()
    assert error < 1e-4
