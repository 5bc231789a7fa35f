"""Arrays to tensors: condition and target of the networks, and the checks on a user's arrays."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from dispr.cells.arrays import as_image, as_mask, as_obj, canonical_pair, same_shape

__all__ = [
    "TARGETS",
    "Target",
    "as_image",
    "as_mask",
    "as_obj",
    "canonical_pair",
    "condition_tensor",
    "occupancy",
    "same_shape",
]

Target = Literal["half", "any", "grey"]
TARGETS = ("half", "any", "grey")


def condition_tensor(
    image: np.ndarray | torch.Tensor, mask: np.ndarray | torch.Tensor
) -> torch.Tensor:
    """Make what the networks see of a cell.

    Parameters
    ----------
    image, mask : array or tensor, (N, Y, X) or (Y, X)
        Grey values from 0 to 255, of any type, on any device.

    Returns
    -------
    Tensor, (N, 2, Y, X), float32
        From 0 to 1: channel 0 is mask / 255, channel 1 is image / 255 times channel 0. N is 1 for a
        single cell.
    """
    inside = _as_batch(mask, 2) / 255
    return torch.stack([inside, _as_batch(image, 2) / 255 * inside], dim=1)


def occupancy(obj: np.ndarray | torch.Tensor, target: Target = "half") -> torch.Tensor:
    """Make the volume that a network learns to predict.

    Parameters
    ----------
    obj : array or tensor, (N, Z, Y, X) or (Z, Y, X)
        Grey values from 0 to 255, of any type, on any device.
    target : "half", "any" or "grey"
        "half" is `obj > 127`, which is Otsu's threshold on the published cells; "any" is
        `obj > 0`, on which the published program trained; "grey" is `obj / 255`.

    Returns
    -------
    Tensor, (N, 1, Z, Y, X), float32
        From 0 to 1; N is 1 for a single cell.
    """
    volume = _as_batch(obj, 3).unsqueeze(1)
    # Thresholds between the grey values: the same for uint8, and fair to interpolated values.
    if target == "half":
        return (volume > 127.5).float()
    if target == "any":
        return (volume > 0.5).float()
    if target == "grey":
        return volume / 255
    raise ValueError(f"target must be one of {TARGETS}, not {target!r}.")


def _as_batch(array: np.ndarray | torch.Tensor, dims: int) -> torch.Tensor:
    """Turn an array of `dims` spatial axes, with or without a batch axis, into float32."""
    # torch.as_tensor would move an array to torch's default device.
    tensor = array if isinstance(array, torch.Tensor) else torch.from_numpy(np.array(array))
    if tensor.ndim == dims:
        tensor = tensor.unsqueeze(0)
    if tensor.ndim != dims + 1:
        raise ValueError(
            f"Expected {dims} axes and optionally a batch axis, not {tensor.ndim} axes."
        )
    return tensor.float()
