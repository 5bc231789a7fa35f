"""Checkpoints of the published program are read without running code, and refused with a reason."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from dispr.errors import FileError
from dispr.model.published import PublishedFlags, model_config
from dispr.model.published_checkpoint import load_published, read_state_dict, save_published
from dispr.model.weights import Weights, build_network, save_weights

SMALL = {"channel_mult": "1,2", "attention_resolutions": "32"}
CONFIG = model_config(PublishedFlags(**SMALL))


@pytest.fixture(scope="module")
def state():
    return build_network(CONFIG).state_dict()


def assert_same(ours, state):
    assert list(ours) == list(state)
    for name, value in state.items():
        assert ours[name].dtype == torch.float32
        assert torch.equal(ours[name], value)


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_reads_what_torch_saves(state, tmp_path, prefix, new_format):
    renamed = {prefix + name: value for name, value in reversed(state.items())}
    torch.save(renamed, tmp_path / "a.pt", _use_new_zipfile_serialization=new_format)
    assert_same(load_published(tmp_path / "a.pt", CONFIG), state)


def test_saves_what_it_reads(state, tmp_path):
    save_published(tmp_path / "deep" / "a.pt", state)
    assert_same(load_published(tmp_path / "deep" / "a.pt", CONFIG), state)
    assert_same(torch.load(tmp_path / "deep" / "a.pt", weights_only=True), state)


class Code:
    def __reduce__(self):
        return Path.touch, (Path("ran"),)


def damage(path, how):
    content = bytearray(path.read_bytes())
    if how == "truncated":
        content = content[: len(content) // 2]
    elif how == "flipped":
        content[len(content) // 2] ^= 1
    else:
        content = b"something else"
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "flipped", "text"])
def test_damaged_files_are_refused(state, tmp_path, how):
    torch.save(state, tmp_path / "a.pt")
    damage(tmp_path / "a.pt", how)
    with pytest.raises(FileError, match=r"a\.pt cannot be read as a checkpoint[^\n]+\.$"):
        read_state_dict(tmp_path / "a.pt")


@pytest.mark.parametrize("save", [torch.save, lambda x, path: path.write_bytes(pickle.dumps(x))])
def test_code_is_not_run(tmp_path, monkeypatch, save):
    monkeypatch.chdir(tmp_path)
    save({"out.2.bias": Code()}, tmp_path / "a.pt")
    with pytest.raises(FileError, match=r"a\.pt (contains Python objects|cannot be read)"):
        read_state_dict(tmp_path / "a.pt")
    assert os.listdir() == ["a.pt"]


@pytest.mark.parametrize("content", [{}, {"state_dict": {}}, {"a": 1}, [1], torch.zeros(2)])
def test_no_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(FileError, match=r"a\.pt is not a state dict"):
        read_state_dict(tmp_path / "a.pt")


def test_other_kinds_of_path_are_refused(state, tmp_path):
    save_weights(tmp_path / "a.pt", Weights(CONFIG, state))
    with pytest.raises(FileError, match=r"a\.pt is a safetensors file already"):
        read_state_dict(tmp_path / "a.pt")
    with pytest.raises(FileError, match=r"b\.pt does not exist"):
        read_state_dict(tmp_path / "b.pt")
    with pytest.raises(FileError, match="is a folder"):
        read_state_dict(tmp_path)


def test_diverged_weights_are_refused(state, tmp_path):
    broken = {**state, "out.2.bias": torch.tensor([0.0, float("nan")])}
    torch.save(broken, tmp_path / "a.pt")
    with pytest.raises(FileError, match=r"diverged: out\.2\.bias"):
        load_published(tmp_path / "a.pt", CONFIG)


@pytest.mark.parametrize(
    "flags",
    [
        {"num_channels": 64},
        {"class_cond": True},
        {"use_scale_shift_norm": True},
        {"resblock_updown": True},
        {"num_res_blocks": 2},
        {"channel_mult": "1,1,2"},
        {"attention_resolutions": "64,32"},
        {"num_channels": 64, "channel_mult": "1,1", "resblock_updown": True},
    ],
    ids=str,
)
def test_the_flags_that_differ_are_named(tmp_path, flags):
    made = model_config(PublishedFlags(**{**SMALL, **flags}))
    torch.save(build_network(made).state_dict(), tmp_path / "a.pt")
    with pytest.raises(FileError, match=r"a\.pt does not match the config") as caught:
        load_published(tmp_path / "a.pt", CONFIG)
    named = str(caught.value).split("the shapes of ")[1].split(";")[0].split()
    expected = {f"--{flag}": str(value) for flag, value in flags.items()}
    assert dict(zip(named[::2], named[1::2], strict=True)) == expected


def test_a_network_of_another_family_is_one_sentence(tmp_path):
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "a.pt")
    with pytest.raises(FileError, match=r"^[^\n]+time_embed\.0\.weight is missing\.$"):
        load_published(tmp_path / "a.pt", CONFIG)
