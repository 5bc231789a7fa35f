import hashlib

import pytest
import torch
from safetensors.torch import save_file

from dispr.errors import FileError
from dispr.model.config import ModelConfig
from dispr.model.weights import Weights, build_network, fill_network, load_weights, save_weights
from dispr.network.shape_decoder import ShapeDecoderConfig

CONFIG = ModelConfig(ShapeDecoderConfig(channels=4), diffusion=None)


@pytest.fixture
def saved(tmp_path):
    network = build_network(CONFIG)
    path = tmp_path / "w.safetensors"
    save_weights(path, Weights(CONFIG, network.state_dict(), {"steps": 3}))
    return path, network


def test_round_trip(saved):
    path, network = saved
    weights = load_weights(path)
    assert weights.config == CONFIG
    assert weights.about == {"steps": 3}
    for name, value in network.state_dict().items():
        assert torch.equal(weights.state[name], value)


def test_equal_weights_are_equal_files(saved, tmp_path):
    path, network = saved
    for i in range(8):  # the library's own order of the metadata changes from call to call
        again = tmp_path / f"{i}.safetensors"
        save_weights(again, Weights(CONFIG, network.state_dict(), {"steps": 3}))
        assert again.read_bytes() == path.read_bytes()
    assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0


def test_half_precision_is_half_as_large_and_read_as_float32(saved, tmp_path):
    path, network = saved
    half = tmp_path / "half.safetensors"
    save_weights(half, Weights(CONFIG, network.state_dict()), dtype=torch.float16)
    assert half.stat().st_size < 0.6 * path.stat().st_size
    state = load_weights(half).state
    assert all(value.dtype == torch.float32 for value in state.values())
    torch.testing.assert_close(
        state["out.weight"], network.state_dict()["out.weight"], atol=1e-3, rtol=0
    )


def test_checksum(saved):
    path, _ = saved
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    load_weights(path, sha256=right)
    with pytest.raises(FileError, match="SHA-256 differs"):
        load_weights(path, sha256="0" * 64)


def test_other_safetensors_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(FileError, match="contains no dispr model"):
        load_weights(path)


def test_truncated_weights(saved):
    path, _ = saved
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileError, match="checksum differs"):
        load_weights(path)


def test_difference_is_named(saved):
    _, network = saved
    state = dict(network.state_dict())
    bias = state.pop("out.bias")
    with pytest.raises(FileError, match=r"x\.pt does not match the configuration: out\.bias"):
        fill_network(network, state, "x.pt")
    with pytest.raises(FileError, match=r"more is not part of it"):
        fill_network(network, {**state, "out.bias": bias, "more": bias}, "x.pt")
