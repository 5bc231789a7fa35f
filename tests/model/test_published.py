"""The published flags mean what they do in the published program."""

import dataclasses

import pytest

from dispr.diffusion.config import DiffusionConfig
from dispr.errors import ConfigError
from dispr.model.config import ModelConfig
from dispr.model.published import (
    MODEL_FLAGS,
    SAMPLING_FLAGS,
    TRAINING_FLAGS,
    PublishedFlags,
    attention_levels,
    channel_multiples,
    model_config,
)
from dispr.model.weights import build_network
from dispr.network.config import UNetConfig


def meant(**flags):
    return model_config(PublishedFlags(**flags))


def test_defaults_are_the_published_model():
    config = meant()
    steps = config.sampling_steps
    assert config == ModelConfig(
        UNetConfig(), DiffusionConfig(), target="any", sampling_steps=steps
    )
    assert steps == "1000"
    assert (config.diffusion.low, config.diffusion.high) == (0, 1)
    assert sum(p.numel() for p in build_network(config).parameters()) == 9_772_802


@pytest.mark.parametrize(
    ("size", "resolutions", "levels"),
    [
        (64, "16", (2,)),
        (64, "32,16,8", (1, 2, 3)),
        (64, "64", (0,)),
        (64, "4", ()),  # a factor of 16, which four levels do not come to
        (64, "", ()),
        (64, "24", (1,)),  # 64 // 24 = 2: resolutions are turned into factors by whole division
        (128, "16", (3,)),
        (256, "32,16", (3, 4)),
    ],
)
def test_attention_resolutions_are_of_the_image(size, resolutions, levels):
    flags = PublishedFlags(image_size=size, attention_resolutions=resolutions)
    assert attention_levels(flags, len(channel_multiples(flags))) == levels


@pytest.mark.parametrize(
    ("size", "mult"), [(64, (1, 2, 3, 4)), (128, (1, 1, 2, 3, 4)), (256, (1, 1, 2, 2, 4, 4))]
)
def test_channel_mult_goes_with_the_image_size(size, mult):
    assert channel_multiples(PublishedFlags(image_size=size)) == mult
    assert channel_multiples(PublishedFlags(image_size=size, channel_mult="1, 3")) == (1, 3)


@pytest.mark.parametrize(
    ("flag", "value", "setting"),
    [
        ("num_channels", 64, {"channels": 64}),
        ("num_res_blocks", 2, {"num_res_blocks": 2}),
        ("num_heads", 4, {"num_heads": 4}),
        ("num_heads_upsample", 2, {"num_heads_upsample": 2}),
        ("num_head_channels", 16, {"num_head_channels": 16}),
        ("dropout", 0.1, {"dropout": 0.1}),
        ("class_cond", True, {"num_classes": 6}),
        ("use_checkpoint", True, {"checkpoint": True}),
        ("use_scale_shift_norm", True, {"scale_shift_norm": True}),
        ("resblock_updown", True, {"resblock_updown": True}),
        ("use_new_attention_order", True, {"new_attention_order": True}),
    ],
)
def test_network_flags(flag, value, setting):
    assert meant(**{flag: value}).network == dataclasses.replace(UNetConfig(), **setting)


@pytest.mark.parametrize(
    ("flags", "setting"),
    [
        ({"learn_sigma": False}, {"variance": "fixed-large"}),
        ({"learn_sigma": False, "sigma_small": True}, {"variance": "fixed-small"}),
        ({"sigma_small": True}, {}),
        ({"predict_xstart": True}, {"prediction": "x0"}),
        ({"rescale_learned_sigmas": True}, {"loss": "rescaled-mse"}),
        ({"use_kl": True, "rescale_learned_sigmas": True}, {"loss": "rescaled-kl"}),
        ({"rescale_timesteps": True}, {"rescale_timesteps": True}),
        ({"noise_schedule": "cosine"}, {"schedule": "cosine"}),
        ({"clip_denoised": False}, {"clip": False}),
        ({"diffusion_steps": 500}, {"steps": 500}),
    ],
)
def test_diffusion_flags(flags, setting):
    config = meant(**flags)
    assert config.diffusion == DiffusionConfig(**setting)
    assert config.network.out_channels == config.diffusion.out_channels


def test_sampling_flags():
    assert (meant().sampler, meant().sampling_steps) == ("ddpm", "1000")
    config = meant(use_ddim=True, timestep_respacing="ddim25")
    assert (config.sampler, config.sampling_steps) == ("ddim", "ddim25")
    assert meant(diffusion_steps=400).sampling_steps == "400"


@pytest.mark.parametrize(
    "flags",
    [
        {"channel_mult": "1,two"},
        {"channel_mult": "0,1"},
        {"channel_mult": "1,,2"},
        {"attention_resolutions": "0"},
        {"attention_resolutions": "high"},
        {"image_size": 512},
        {"image_size": 128},
        {"image_size": 60},
        {"timestep_respacing": "ddim"},
        {"timestep_respacing": "1001"},
        {"num_channels": 48},
        {"num_heads": 3},
        {"num_head_channels": 0},
        {"noise_schedule": "quadratic"},
    ],
    ids=str,
)
def test_invalid_flags_are_one_sentence(flags):
    with pytest.raises(ConfigError, match=r"^[^\n]+\.$"):
        meant(**flags)


def test_every_flag_is_of_a_program():
    names = {item.name for item in dataclasses.fields(PublishedFlags)}
    assert names == {*MODEL_FLAGS, *SAMPLING_FLAGS, *TRAINING_FLAGS}
    assert "lr" not in {*MODEL_FLAGS, *SAMPLING_FLAGS}
    assert {"learn_sigma", "timestep_respacing", "use_fp16"} < set(MODEL_FLAGS)
    assert "use_ddim" not in {*MODEL_FLAGS, *TRAINING_FLAGS}
