"""`dispr convert` turns checkpoints into weights, or says in a sentence why not."""

import re
import sys

import numpy as np
import pytest
import torch

from dispr.cli import main as program
from dispr.model.published import (
    PROGRAM_DEFAULTS,
    UNTOLD_FLAGS,
    PublishedFlags,
    model_config,
    program_default,
)
from dispr.model.weights import build_network, load_weights
from dispr.prediction.model import load

SMALL = {"channel_mult": "1,2", "attention_resolutions": "32", "timestep_respacing": "ddim25"}
CONFIG = model_config(PublishedFlags(**SMALL, use_ddim=True, use_kl=True))
HYPHENS = ["--channel-mult", "1,2", "--attention-resolutions", "32", "--use-kl", "yes"]
HYPHENS += ["--timestep-respacing", "ddim25", "--use-ddim", "true", "--trained-with", "published"]
PUBLISHED = ["--trained_with", "published"]
UNDERSCORES = [re.sub(r"\b-\b", "_", part) for part in HYPHENS]


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "a.pt"
    state = build_network(CONFIG).state_dict()
    torch.save({f"module.{name}": value for name, value in state.items()}, path)
    return path, state


@pytest.fixture
def convert(monkeypatch, capsys):
    """Give a function: run `dispr convert` as the shell does; its exit code, output and errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dispr", "convert", *map(str, arguments)])
        try:
            program.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return (code, *capsys.readouterr())

    return run


@pytest.mark.parametrize("flags", [HYPHENS, UNDERSCORES], ids=["hyphens", "underscores"])
def test_weights_are_those_of_the_checkpoint(checkpoint, convert, tmp_path, flags):
    path, state = checkpoint
    out = tmp_path / "deep" / "w.safetensors"
    code, text, _ = convert(path, "-o", out, *flags)
    assert (code, text.splitlines()[-1].split(": ")[-1]) == (0, str(out))
    weights = load_weights(out)
    assert weights.config == CONFIG
    assert all(torch.equal(weights.state[name], state[name]) for name in state)
    assert weights.about["converted_from"] == "a.pt"
    assert weights.about["flags"]["use_kl"] is True
    assert load(out, device="cpu").evaluations() == 25


def test_a_checkpoint_that_does_not_fit_names_the_flag(checkpoint, convert, tmp_path):
    path, _ = checkpoint
    out = tmp_path / "w.safetensors"
    code, _, error = convert(path, "-o", out, *HYPHENS, "--learn_sigma", "False")
    assert code == 2
    assert error.splitlines() == [
        f"Error: {path} does not match the configuration: out.2.weight has shape "
        "(2, 32, 3, 3, 3), not (1, 32, 3, 3, 3); its network has two output channels, so it was "
        "trained with learn_sigma True, or cannot be used for sampling; flags that the shapes do "
        f"not determine must also be as in training: {', '.join(UNTOLD_FLAGS)}."
    ]
    code, _, error = convert(path, "-o", out, "--trained_with", "published", "--num_res_blocks", 2)
    assert code == 2
    assert (
        "its parameters have the shapes of --num_res_blocks 1 --channel_mult 1,2 "
        "--attention_resolutions 32; flags that the shapes do not determine must also be as in "
        "training: num_heads, "
    ) in error
    assert not out.exists()


UNTOLD = {
    "num_heads": (2, {"num_heads": 2}),
    "num_heads_upsample": (2, {"num_heads_upsample": 2}),
    "num_head_channels": (8, {"num_head_channels": 8}),
    "use_new_attention_order": (True, {"new_attention_order": True}),
    "learn_sigma": (False, {}),
    "diffusion_steps": (500, {"steps": 500}),
    "noise_schedule": ("cosine", {"schedule": "cosine"}),
    "predict_xstart": (True, {"prediction": "x0"}),
    "rescale_timesteps": (True, {"rescale_timesteps": True}),
}


def test_flags_that_leave_no_trace_are_all_asked_for(checkpoint, convert, tmp_path):
    """Whatever a checkpoint does not tell is in the sentence, and none of it is assumed."""
    path, state = checkpoint
    for flag, (value, _) in UNTOLD.items():
        if flag != "learn_sigma":
            other = build_network(model_config(PublishedFlags(**{**SMALL, flag: value})))
            shapes = {name: value.shape for name, value in other.state_dict().items()}
            assert shapes == {name: value.shape for name, value in state.items()}, flag
    out = tmp_path / "w.safetensors"
    code, _, error = convert(path, "-o", out)
    assert code == 2
    missing = error.split("; add ")[1].split(" with their values")[0]
    assert missing == ", ".join(f"--{flag}" for flag in UNTOLD)
    assert tuple(UNTOLD) == UNTOLD_FLAGS
    assert "had the defaults --num_heads 4 --num_heads_upsample -1 " in error
    given = [part for flag, (value, _) in UNTOLD.items() for part in (f"--{flag}", value)]
    code, _, error = convert(path, "-o", out, *given[:-2], "--learn-sigma", "t")
    assert code == 2
    assert error.split("; add ")[1].startswith("--rescale_timesteps with their values")
    assert not out.exists()
    code, _, text = convert(path, "-o", out, *given, "--learn-sigma", "t")
    assert code == 0
    assert text.splitlines()[0] == (
        "Trained with --num_heads 2 --num_heads_upsample 2 --num_head_channels 8 "
        "--use_new_attention_order True --learn_sigma True --diffusion_steps 500 "
        "--noise_schedule cosine --predict_xstart True --rescale_timesteps True."
    )
    config = load_weights(out).config
    for _, setting in UNTOLD.values():
        for name, value in setting.items():
            assert value in (
                getattr(config.network, name, None),
                getattr(config.diffusion, name, 0),
            )


def test_a_checkpoint_of_the_programs_own_defaults_keeps_its_heads(convert, tmp_path):
    """By its own defaults it has four heads, which its shapes do not tell."""
    own = PublishedFlags(**PROGRAM_DEFAULTS, channel_mult="1,1,1")
    assert (own.num_heads, own.num_res_blocks, own.attention_resolutions) == (4, 2, "16,8")
    state = build_network(model_config(own)).state_dict()
    path, out = tmp_path / "own.pt", tmp_path / "w.safetensors"
    torch.save(state, path)
    told = ["--num_res_blocks", 2, "--attention_resolutions", "16,8"]
    told += ["--use_scale_shift_norm", "y"]
    assert convert(path, "-o", out, *told)[0] == 2
    assert not out.exists()
    mult = ["--channel_mult", "1,1,1"]
    assert convert(path, "-o", out, *mult, "--trained_with", "published")[0] == 2
    assert not out.exists()
    assert convert(path, "-o", out, *mult, "--trained_with", "defaults")[0] == 0
    assert load_weights(out).config == model_config(own)


def test_channels_a_head_are_in_place_of_a_number(checkpoint, convert, tmp_path):
    rest = [f"--{flag}={program_default(flag)}" for flag in UNTOLD_FLAGS[3:]]
    out = tmp_path / "w.safetensors"
    assert convert(checkpoint[0], "-o", out, *rest, "--num_head_channels", -1)[0] == 2
    assert convert(checkpoint[0], "-o", out, *rest, "--num_head_channels", 16)[0] == 0
    assert load_weights(out).config.network.num_head_channels == 16


def test_outputs_are_those_of_the_published_program(reference, convert, tmp_path):
    with np.load(reference / "unet_scale_shift_2heads.npz") as file:
        numbers = {key: torch.from_numpy(file[key]) for key in file}
    path, out = tmp_path / "two_heads.pt", tmp_path / "w.safetensors"
    torch.save({k[6:]: v for k, v in numbers.items() if k.startswith("state/")}, path)
    code, _, error = convert(path, "-o", out)
    assert (code, "--num_heads," in error) == (2, True)
    assert convert(path, "-o", out, "--num_heads", 2, "--trained-with", "published")[0] == 2
    rest = [f"--{flag}={program_default(flag)}" for flag in UNTOLD_FLAGS[1:]]
    assert convert(path, "-o", out, "--num_heads", 2, *rest)[0] == 0
    weights = load_weights(out)
    network = build_network(weights.config)
    network.load_state_dict(weights.state)
    with torch.no_grad():
        ours = network.eval()(numbers["x"], numbers["t"])
    assert (ours - numbers["out"]).abs().max() < 1e-4 * numbers["out"].abs().max()


def test_two_classes_are_not_those_of_cells(convert, tmp_path):
    flags = PublishedFlags(**SMALL, class_cond=True)
    state = build_network(model_config(flags)).state_dict()
    path, out = tmp_path / "a.pt", tmp_path / "w.safetensors"
    torch.save({**state, "label_emb.weight": state["label_emb.weight"][:2]}, path)
    rest = [f"--{flag}={program_default(flag)}" for flag in UNTOLD_FLAGS]
    code, _, error = convert(path, "-o", out, *rest)
    assert code == 2
    assert error.rstrip().endswith("; it has 2 classes, but cells have 6.")


@pytest.mark.parametrize(
    ("name", "flags", "sentence"),
    [
        ("none.pt", [], "none.pt does not exist"),
        ("a.pt", ["--image_size", "128", *PUBLISHED], "image_size must be 64"),
        (
            "a.pt",
            ["--num_channels", "40", *PUBLISHED],
            "channels must be a positive multiple of 32",
        ),
        ("a.pt", ["--learn_sigma", "maybe"], "'maybe' is not True or False"),
        ("a.pt", ["--noise_schedule", "square"], "'square' is not one of 'linear', 'cosine'"),
        ("a.pt", ["--num_layers", "2"], "--num_layers"),
        ("a.pt", ["--lr", "1"], "--lr"),
        ("a.pt", ["--timestep_respacing", "0", *PUBLISHED], '"0" is not a valid choice of steps'),
    ],
)
def test_bad_input_ends_with_2(checkpoint, convert, tmp_path, name, flags, sentence):
    out = tmp_path / "w.safetensors"
    code, _, error = convert(tmp_path / name, "-o", out, *flags)
    assert code == 2
    assert sentence in error.splitlines()[-1]
    assert not out.exists()


def test_the_checkpoint_is_not_replaced(checkpoint, convert):
    path, _ = checkpoint
    before = path.read_bytes()
    code, _, error = convert(path, "-o", path, *HYPHENS)
    assert code == 2
    assert "is the checkpoint itself" in error
    assert path.read_bytes() == before
