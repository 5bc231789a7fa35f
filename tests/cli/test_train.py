import dataclasses

import pytest

from dispr.cli.options import attribute_help
from dispr.cli.train import begun_with, change_preset
from dispr.cli.train import command as train
from dispr.errors import ConfigError
from dispr.model.config import to_dict
from dispr.model.weights import Weights
from dispr.network.registry import NETWORKS
from dispr.training.checkpoint import save_checkpoint
from dispr.training.config import TrainingConfig
from dispr.training.presets import PRESETS


def test_no_options_change_nothing():
    for preset in PRESETS.values():
        assert change_preset(preset, {}) == preset


def test_options_reach_their_settings():
    options = {
        "lr": 0.1,
        "ema_rates": (0.5, 0.9),
        "augment_flip": True,
        "network_channels": 64,
        "diffusion_schedule": "cosine",
        "class_cond": True,
        "target": "any",
        "sampling_steps": "25",
    }
    recipe = change_preset(PRESETS["paper"], options)
    assert recipe.training.lr == 0.1
    assert recipe.training.ema_rates == (0.5, 0.9)
    assert recipe.training.augment.flip
    assert recipe.model.network.channels == 64
    assert recipe.model.network.num_classes == 6
    assert recipe.model.diffusion.schedule == "cosine"
    assert (recipe.model.target, recipe.model.sampling_steps) == ("any", "25")


def test_a_run_has_the_network_of_the_weights_that_it_begins_with(tmp_path):
    options = {"network_section_only": True, "network_follower_channels": 32, "network_features": 8}
    model = change_preset(PRESETS["fast"], options).model
    preset = begun_with(PRESETS["fast"], Weights(model, {}, {}), tmp_path)
    assert preset == dataclasses.replace(PRESETS["fast"], model=model)
    changed = change_preset(preset, {"network_features": 16}).model
    assert changed.network == dataclasses.replace(model.network, features=16)
    # Of weights that are gone, the run knows the network; there is none for another kind of preset.
    save_checkpoint(tmp_path, {"settings": {"model": to_dict(model)}})
    assert begun_with(PRESETS["fast"], "gone.safetensors", tmp_path) == preset
    assert begun_with(PRESETS["paper"], "gone.safetensors", tmp_path) == PRESETS["paper"]
    assert begun_with(PRESETS["fast"], None, tmp_path) == PRESETS["fast"]


def test_network_follows_the_diffusion():
    recipe = change_preset(PRESETS["paper"], {"diffusion_variance": "fixed-small"})
    assert recipe.model.network.out_channels == 1


def test_decay_follows_the_length_of_the_run():
    assert change_preset(PRESETS["fast"], {"steps": 100}).training.lr_anneal_steps == 100
    assert change_preset(PRESETS["paper"], {"steps": 100}).training.lr_anneal_steps == 0
    options = {"steps": 100, "lr_anneal_steps": 0}
    assert change_preset(PRESETS["fast"], options).training.lr_anneal_steps == 0


@pytest.mark.parametrize(
    ("preset", "options"),
    [("regression", {"diffusion_steps": 10}), ("shapr", {"network_patch": 2})],
)
def test_options_that_do_not_apply(preset, options):
    with pytest.raises(ConfigError, match="do not apply"):
        change_preset(PRESETS[preset], options)


def test_every_hyper_parameter_is_an_option_with_help():
    options = {option.name: option for option in train.params}
    networks = [(config, "network_") for config in NETWORKS]
    for cls, prefix in ((TrainingConfig, ""), *networks):
        for item in dataclasses.fields(cls):
            if item.name in ("augment", "size", "in_channels", "out_channels", "num_classes"):
                continue
            assert options[prefix + item.name].help, item.name


def test_help_is_that_of_the_docstring():
    described = attribute_help(TrainingConfig)
    assert described["lr"] == "Learning rate of AdamW."
    assert described["weight_decay"] == "Weight decay of AdamW."
    assert described["steps"] == "Optimiser steps."
