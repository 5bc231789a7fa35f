"""Where a network computes, and in which precision."""

import pytest
import torch

from dispr.errors import ConfigError
from dispr.model.device import best_precision, check_precision


@pytest.mark.parametrize(
    ("amx", "avx512", "precision"),
    [(False, False, "fp32"), (True, False, "bf16"), (False, True, "bf16")],
)
def test_half_precision_where_the_processor_has_it(monkeypatch, amx, avx512, precision):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    assert best_precision(torch.device("cpu")) == precision


def test_unknown_processors_compute_in_single_precision(monkeypatch):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert best_precision(torch.device("cpu")) == "fp32"


@pytest.mark.parametrize(("capability", "precision"), [((7, 5), "fp32"), ((9, 0), "bf16")])
def test_half_precision_on_newer_gpus(monkeypatch, capability, precision):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert best_precision(torch.device("cuda")) == precision


def test_auto_is_what_suits_the_device(monkeypatch):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: True, raising=False)
    cpu = torch.device("cpu")
    assert check_precision("auto", cpu) == "bf16"
    assert [check_precision(name, cpu) for name in ("fp32", "bf16")] == ["fp32", "bf16"]
    for name, reason in (("fp16", "fp16 needs a GPU"), ("half", "auto, fp32, bf16, fp16, not")):
        with pytest.raises(ConfigError, match=reason):
            check_precision(name, cpu)
