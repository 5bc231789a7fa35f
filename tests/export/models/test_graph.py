import dataclasses
import hashlib

import numpy as np
import pytest
import torch

from dispr.errors import ConfigError
from dispr.export.models.example import make_example, sample_noise
from dispr.export.models.graph import MOST_STEPS, Shapes, half
from dispr.export.models.source import read_source
from dispr.prediction.model import load
from dispr.prediction.settings import PredictionSettings
from dispr.simulation.cell import simulate_cell

LENGTHS = {"cascade": 2 * 8**3, "planes": 2 * 8**3 + 32**3, "ddpm": 4 * 64**3, "deterministic": 0}
"""Numbers of the noise of a sample: the start, of ddpm also one a step, what the refiner adds, and
the grain on half the full grid."""

ROUNDING = {"cascade": 1e-5, "planes": 1e-5, "ddpm": 5e-3, "deterministic": 1e-5}
"""Difference of occupancies in batches of different sizes: of ddpm, what the network says is
multiplied by up to 160, as little of the volume is left in the noisiest step."""


def sha256_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", LENGTHS)
def test_a_graph_is_the_prediction(weights, name):
    """With the same noise, the shapes of `dispr predict`, of two cells at once."""
    model = load(weights[name], device="cpu", precision="fp32")
    graph = Shapes(model.config, model.network)
    assert graph.length == LENGTHS[name]
    cells = [simulate_cell("0.00_discocyte", 5), simulate_cell("B_keratocytes", 6)]
    images, masks = (np.stack([getattr(c, kind) for c in cells]) for kind in ("image", "mask"))
    settings = PredictionSettings(ensemble=3, seed=7)
    expected = list(model.predict_each(images, masks, settings, keep_grey=True))
    given = [torch.from_numpy(array[:, None] / np.float32(255)) for array in (images, masks)]
    if graph.noises:
        noise = [sample_noise(model, graph, c.image, c.mask, 3, seed=7) for c in cells]
        given.append(torch.from_numpy(np.stack(noise)))
    with torch.inference_mode():
        shapes, occupancy = graph(*given)
    samples = 3 if graph.noises else 1
    assert shapes.shape == occupancy.shape == (2, samples, 64, 64, 64)
    assert shapes.dtype == torch.uint8
    for one, found, grey in zip(expected, shapes.numpy(), occupancy.numpy(), strict=True):
        assert 0.01 < one.samples.mean() < 0.99
        assert np.abs(grey - one.grey).max() < ROUNDING[name]
        assert ((found == 1) != one.samples).mean() < 1e-5


def test_shapes_hold_the_section(source):
    example = make_example(source.model, Shapes(source.model.config, source.model.network), 2)
    assert (example.shapes[0, :, 32] == (example.cell.mask > 127)).all()


def test_half_keeps_what_is_not_a_product_of_matrices(source):
    """Convolutions and linear layers alone are halved, of a copy."""
    halved = half(source.model.network)
    dtypes = {
        type(layer).__name__: {p.dtype for p in layer.parameters(recurse=False)}
        for layer in halved.modules()
        if not list(layer.children())
    }
    assert dtypes["Conv3d"] == dtypes["Conv2d"] == dtypes["Linear"] == {torch.float16}
    assert dtypes["GroupNorm"] == {torch.float32}
    assert {p.dtype for p in source.model.network.parameters()} == {torch.float32}


def test_too_many_steps_are_refused(weights):
    model = load(weights["ddpm"], device="cpu")
    diffusion = dataclasses.replace(model.config.diffusion, steps=100)
    config = dataclasses.replace(model.config, diffusion=diffusion)
    with pytest.raises(ConfigError, match=r"51 sampling steps .* at most 50"):
        Shapes(config, model.network, MOST_STEPS + 1)


def test_classes_are_refused(weights):
    model = load(weights["ddpm"], device="cpu")
    network = dataclasses.replace(model.config.network, num_classes=6)
    with pytest.raises(ConfigError, match="class labels"):
        Shapes(dataclasses.replace(model.config, network=network), model.network)


def test_the_shipped_model_is_named(weights):
    source = read_source("fast")
    assert source.shipped
    assert source.name == "fast"
    assert source.facts()["license"] == "Apache-2.0"
    assert source.facts()["voxel_um"] == "0.172"
    mine = read_source(weights["cascade"])
    assert not mine.shipped
    assert mine.name == "cascade.safetensors"
    assert mine.facts()["weights_sha256"] == sha256_of(weights["cascade"])
    assert mine.facts()["license"].startswith("not stated")
    assert mine.facts()["voxel_um"] == "0.2"
