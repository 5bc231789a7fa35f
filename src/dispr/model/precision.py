"""Arithmetic inside a network: float32, or half precision under autocast."""

from __future__ import annotations

import torch

from dispr.errors import ConfigError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse a precision that is unknown, or that the device cannot compute in.

    Raises
    ------
    ConfigError
        With the reason.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f'precision must be one of {", ".join(PRECISIONS)}, not "{precision}".')
    if precision == "fp16" and device.type == "cpu":
        raise ConfigError("fp16 needs a GPU; use bf16 or fp32.")


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Compute matrix products and convolutions in this precision while entered."""
    if precision == "fp32":
        return torch.autocast(device.type, enabled=False)
    return torch.autocast(device.type, PRECISIONS[precision])
