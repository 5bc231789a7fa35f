"""Where a network computes, and in which precision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from dispr.arguments import one_of
from dispr.errors import ConfigError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def find_device(device: str) -> torch.device:
    """Find the device that a name means; "auto" is CUDA where present.

    Raises
    ------
    ConfigError
        If there is no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f'device must be auto, cpu or cuda, not "{device}".') from error
    if place.type not in ("cpu", "cuda"):
        raise ConfigError(f'device must be auto, cpu or cuda, not "{device}".')
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"this computer has no device {device}; use cpu.")
    return place


def check_precision(precision: str, device: torch.device) -> str:
    """Give the precision to compute in: itself, or for "auto" what suits the device.

    Raises
    ------
    ConfigError
        If it is unknown, or the device cannot compute in it.
    """
    if precision == "auto":
        return best_precision(device)
    one_of(precision, ("auto", *PRECISIONS), "precision")
    if precision == "fp16" and device.type == "cpu":
        raise ConfigError("fp16 needs a GPU; use bf16 or fp32.")
    return precision


def best_precision(device: torch.device) -> str:
    """Give "bf16" where the device computes it in hardware, "fp32" elsewhere.

    CPUs do with AMX or AVX512-BF16, and are far slower in bf16 without.
    """
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device)[0] >= 8
    else:
        asks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        fast = any(getattr(torch.cpu, name, lambda: False)() for name in asks)
    return "bf16" if fast else "fp32"


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Compute matrix products and convolutions in this precision while entered."""
    if precision == "fp32":
        return torch.autocast(device.type, enabled=False)
    return torch.autocast(device.type, PRECISIONS[precision])


@contextlib.contextmanager
def plain_torch() -> Iterator[None]:
    """Make tensors as float32 on the CPU while entered, whatever torch's defaults are.

    Another package in the same program may have set `torch.set_default_dtype` or
    `torch.set_default_device`.
    """
    made = torch.empty(0)
    if made.dtype == torch.float32 and made.device.type == "cpu":
        yield
        return
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device("cpu"):
            yield
    finally:
        torch.set_default_dtype(made.dtype)
