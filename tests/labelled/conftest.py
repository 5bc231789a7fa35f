"""A simulated field, and a small model that answers at once."""

import numpy as np
import pytest
import torch

from dispr.diffusion.config import DiffusionConfig
from dispr.model.config import ModelConfig
from dispr.model.weights import build_network
from dispr.network.config import UNetConfig
from dispr.prediction.model import Model
from dispr.simulation.field import SimulatedField, simulate_field

ROUND = ["0.00_discocyte", "-1.00_spherocyte"]


@pytest.fixture(scope="session")
def field() -> SimulatedField:
    """Six cells, most of them touching, and one that the border cuts."""
    whole = simulate_field(6, seed=3, shape=(180, 200), types=ROUND)
    first = whole.labels == whole.labels[whole.labels > 0][0]
    cut = int(np.nonzero(first.any(axis=1))[0][0]) + 8
    return SimulatedField(
        whole.image[cut:], whole.labels[cut:], whole.truth[:, cut:], whole.cells, whole.corners
    )


@pytest.fixture(scope="session")
def model() -> Model:
    """A tiny diffusion model of random weights."""
    network = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")
    config = ModelConfig(network, DiffusionConfig(steps=50), sampling_steps="2")
    torch.manual_seed(0)
    built = build_network(config)
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return Model(config, built, {"frame": {"pixel_um": 0.172, "cells": "red blood cells"}})


class Extruder(Model):
    """Answers with the mask in planes 20 to 43: a shape whose place and size are known."""

    def predict_stream(self, sections, settings, **options):
        from dispr.prediction.prediction import Prediction

        for section in sections:
            body = np.zeros((64, 64, 64), bool)
            body[20:44] = section.mask > 127
            samples = np.stack([body] * settings.ensemble)
            yield Prediction(samples, body.astype(np.float32), None, section.voxel_size)


@pytest.fixture(scope="session")
def extruder(model) -> Extruder:
    """A model without a network, of shapes that are known."""
    return Extruder(model.config, model.network, model.about)
