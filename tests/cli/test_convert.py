"""`dispr convert` turns checkpoints into weights, or says in a sentence why not."""

import re
import sys

import pytest
import torch

from dispr.cli import main as program
from dispr.model.published import PublishedFlags, model_config
from dispr.model.weights import build_network, load_weights
from dispr.prediction.model import load

SMALL = {"channel_mult": "1,2", "attention_resolutions": "32", "timestep_respacing": "ddim25"}
CONFIG = model_config(PublishedFlags(**SMALL, use_ddim=True, use_kl=True))
HYPHENS = ["--channel-mult", "1,2", "--attention-resolutions", "32", "--use-kl", "yes"]
HYPHENS += ["--timestep-respacing", "ddim25", "--use-ddim", "true"]
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
        f"Error: {path} is a checkpoint of another configuration: out.2.weight has shape "
        "(2, 32, 3, 3, 3), not (1, 32, 3, 3, 3); its shapes are those of --learn_sigma True."
    ]
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "flags", "sentence"),
    [
        ("none.pt", [], "none.pt does not exist"),
        ("a.pt", ["--image_size", "128"], "image_size must be 64"),
        ("a.pt", ["--num_channels", "40"], "channels must be a positive multiple of 32"),
        ("a.pt", ["--learn_sigma", "maybe"], "'maybe' is neither True nor False"),
        ("a.pt", ["--noise_schedule", "square"], "'square' is not one of 'linear', 'cosine'"),
        ("a.pt", ["--num_layers", "2"], "--num_layers"),
        ("a.pt", ["--lr", "1"], "--lr"),
        ("a.pt", ["--timestep_respacing", "0"], '"0" is no respacing'),
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
    assert "would replace the checkpoint" in error
    assert path.read_bytes() == before
