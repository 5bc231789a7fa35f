"""The network equals a plain statement of the published one, with each of its options."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dispr.network.config import UNetConfig
from dispr.network.unet import UNet

FIXTURE = Path(__file__).parent / "fixtures" / "unet.npz"

OPTIONS = {
    "plain": {},
    "attention_at_no_level": {"attention_levels": ()},
    "attention_at_all_levels": {"attention_levels": (0, 1)},
    "one_level": {"channel_mult": (2,), "attention_levels": (0,)},
    "three_levels_three_blocks": {"channel_mult": (1, 1, 2), "num_res_blocks": 3},
    "scale_shift_norm": {"scale_shift_norm": True},
    "resblock_updown": {"resblock_updown": True},
    "resblock_updown_after_attention": {"resblock_updown": True, "channel_mult": (1, 2, 2)},
    "heads": {"num_heads": 4},
    "heads_upsample": {"num_heads": 4, "num_heads_upsample": 2},
    "new_attention_order": {"num_heads": 4, "new_attention_order": True},
    "num_head_channels": {"num_head_channels": 8, "num_heads": 2},
    "num_head_channels_new_order": {"num_head_channels": 32, "new_attention_order": True},
    "classes": {"num_classes": 6},
    "fixed_variance": {"out_channels": 1},
    "checkpoint_and_dropout": {"checkpoint": True, "dropout": 0.5},
    "wide": {"channels": 64},
}


def error(ours, other):
    return float((ours - other).abs().max() / other.abs().max())


def seeded_network(config, seeded, seed=3):
    """Give a network whose output depends on every parameter, as none is zero."""
    net = UNet(config).eval()
    shapes = {name: value.shape for name, value in net.state_dict().items()}
    state = {k: torch.from_numpy(v).float() for k, v in seeded.seeded_state(shapes, seed).items()}
    net.load_state_dict(state)
    return net, state


def both(config, plain_unet, seeded):
    net, state = seeded_network(config, seeded)
    x, t, y = map(torch.from_numpy, seeded.network_inputs(0, config.size))
    x, labels = x.float(), y if config.num_classes else None
    with torch.no_grad():
        return net(x, t, labels), plain_unet(state, x, t, config, labels)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_equals_the_plain_statement(options, plain_unet, seeded):
    config = UNetConfig(**{"size": 8, "channel_mult": (1, 2), "attention_levels": (1,), **options})
    ours, plain = both(config, plain_unet, seeded)
    assert ours.shape == plain.shape == (2, config.out_channels, 8, 8, 8)
    assert error(ours, plain) < 1e-4


def test_published_network_equals_the_plain_statement(plain_unet, seeded):
    config = UNetConfig(size=32)
    assert sum(p.numel() for p in UNet(config).parameters()) == 9_772_802
    ours, plain = both(config, plain_unet, seeded)
    assert error(ours, plain) < 1e-4


@pytest.mark.parametrize("name", list(np.load(FIXTURE)))
def test_equals_the_committed_numbers(name, seeded):
    seed = list(seeded.NETWORKS).index(name)
    config = UNetConfig(**{**seeded.TINY, **seeded.NETWORKS[name]})
    net, _ = seeded_network(config, seeded, seed)
    x, t, y = map(torch.from_numpy, seeded.network_inputs(seed))
    with torch.no_grad():
        ours = net(x.float(), t, y)
    assert error(ours, torch.from_numpy(np.load(FIXTURE)[name])) < 1e-4


@pytest.mark.parametrize("name", ["unet_plain", "unet_scale_shift_2heads"])
def test_plain_statement_equals_the_published_program(name, reference, plain_unet):
    published = json.loads((reference / f"{name}.json").read_text())
    with np.load(reference / f"{name}.npz") as file:
        numbers = {key: torch.from_numpy(file[key]) for key in file}
    config = UNetConfig(
        size=published["image_size"],
        channel_mult=tuple(published["channel_mult"]),
        attention_levels=tuple(f.bit_length() - 1 for f in published["attention_resolutions"]),
        num_heads=published["num_heads"],
        scale_shift_norm=published["use_scale_shift_norm"],
        resblock_updown=published.get("resblock_updown", False),
    )
    state = {k[6:]: v for k, v in numbers.items() if k.startswith("state/")}
    assert error(plain_unet(state, numbers["x"], numbers["t"], config), numbers["out"]) < 1e-5
