import dataclasses
import json

import pytest

from dispr.diffusion.config import DiffusionConfig
from dispr.errors import ConfigError
from dispr.model.config import ModelConfig, model_from_json, model_to_json
from dispr.network.config import UNetConfig
from dispr.network.shape_decoder import ShapeDecoderConfig
from dispr.training.presets import PRESETS, get_preset


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    config = PRESETS[name].model
    assert model_from_json(model_to_json(config)) == config


def test_settings_that_are_absent_keep_their_defaults():
    values = json.loads(model_to_json(ModelConfig()))
    del values["target"]
    del values["network"]["pooling"]
    assert model_from_json(json.dumps(values)) == ModelConfig()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "unknown setting colour"),
        ({"target": "most"}, "target must be one of"),
        ({"network": {"kind": "Transformer"}}, "unknown type"),
    ],
)
def test_bad_json(change, message):
    values = {**json.loads(model_to_json(ModelConfig())), **change}
    with pytest.raises(ConfigError, match=message):
        model_from_json(json.dumps(values))


@pytest.mark.parametrize("size", [16, 32, 128])
def test_other_sizes_than_the_cells_have_are_refused(size):
    for network in (UNetConfig(size=size), ShapeDecoderConfig(size=size)):
        with pytest.raises(ConfigError, match=rf"^size must be 64, .*, not {size}\.$"):
            ModelConfig(network)


def test_network_must_fit_the_diffusion():
    with pytest.raises(ConfigError, match="3 input and 1 output channels"):
        ModelConfig(UNetConfig(), DiffusionConfig(variance="fixed-small"))
    with pytest.raises(ConfigError, match="2 input and 1 output channels"):
        ModelConfig(UNetConfig(), diffusion=None)
    with pytest.raises(ConfigError, match="deterministic"):
        ModelConfig(ShapeDecoderConfig(), DiffusionConfig())


@pytest.mark.parametrize(
    "change",
    [
        {"channels": 20},
        {"channel_mult": ()},
        {"attention_levels": (4,)},
        {"size": 60},
        {"patch": 3},
        {"dropout": 1.0},
        {"num_heads": 3},
        {"num_head_channels": 5},
        {"pooling": "none"},
    ],
)
def test_bad_network(change):
    with pytest.raises(ConfigError):
        dataclasses.replace(UNetConfig(), **change)


def test_unknown_preset():
    with pytest.raises(ConfigError, match="preset must be one of paper, fast"):
        get_preset("slow")
