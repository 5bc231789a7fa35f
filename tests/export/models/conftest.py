import dataclasses

import pytest
import torch
from small import CASCADE as SMALL
from small import OCCUPANCY

from dispr.diffusion.config import DiffusionConfig
from dispr.export.models.source import Source
from dispr.model.config import ModelConfig
from dispr.model.weights import Weights, build_network, save_weights
from dispr.network.config import UNetConfig
from dispr.prediction.model import load

FRAME = {"pixel_um": 0.2, "cells": "made-up cells", "least": 20, "typical": 30, "most": 40}

CASCADE = dataclasses.replace(SMALL, channel_mult=(1,))
UNET = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")
ANSWER = dataclasses.replace(UNET, in_channels=2, out_channels=1)

CONFIGS = {
    "cascade": ModelConfig(CASCADE, OCCUPANCY, sampler="dpm-solver", sampling_steps="2"),
    "planes": ModelConfig(
        dataclasses.replace(CASCADE, planes=True), OCCUPANCY, sampler="ddim", sampling_steps="2"
    ),
    "ddpm": ModelConfig(
        dataclasses.replace(UNET, channel_mult=(1,)), DiffusionConfig(steps=50), sampling_steps="3"
    ),
    "deterministic": ModelConfig(ANSWER, None),
}


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Files of tiny models of random weights whose shapes are neither empty nor full, by name."""
    folder = tmp_path_factory.mktemp("models")
    files = {}
    for name, config in CONFIGS.items():
        torch.manual_seed(0)
        network = build_network(config)
        for key, parameter in network.named_parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
            elif key.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.1)
        files[name] = folder / f"{name}.safetensors"
        save_weights(files[name], Weights(config, network.state_dict(), {"frame": FRAME}))
    return files


@pytest.fixture(scope="session")
def source(weights):
    """The model of the fast kind with its file."""
    return Source(load(weights["cascade"], device="cpu"), "cascade.safetensors", "0" * 64, False)
