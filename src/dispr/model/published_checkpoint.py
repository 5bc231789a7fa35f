"""Checkpoints of the published program: `torch.save`d state dicts, read without running code."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor

from dispr.cells.classes import CLASSES
from dispr.errors import ConfigError, FileError, read_error
from dispr.model.config import ModelConfig
from dispr.model.published import (
    PROGRAM_DEFAULTS,
    UNTOLD_FLAGS,
    PublishedFlags,
    Value,
    as_typed,
    program_default,
)
from dispr.model.weights import build_network, fill_network, load_torch, save_torch

PARALLEL = "module."
"""What DataParallel and DistributedDataParallel put before every name."""

Shapes = Mapping[str, tuple[int, ...]]


def load_published(path: str | os.PathLike[str], config: ModelConfig) -> dict[str, Tensor]:
    """Read the parameters of a checkpoint and check that they are those of a model.

    Parameters
    ----------
    path : path
        A state dict under the published names, with or without the prefix of DataParallel.
    config : ModelConfig
        The model that it should be of.

    Returns
    -------
    dict of str to Tensor
        Parameters by name, float32, on the CPU.

    Raises
    ------
    FileError
        If the file is missing, damaged, no state dict, not finite, or of another configuration;
        the sentence then names the flags that differ as far as the shapes tell them, and those
        that these do not tell.
    """
    state = read_state_dict(path)
    network = build_network(config)
    try:
        fill_network(network, state, str(path))
    except FileError as error:
        raise FileError(f"{str(error).rstrip('.')}{_told(state, network.state_dict())}.") from error
    diverged = [name for name, value in state.items() if not value.isfinite().all()]
    if diverged:
        raise FileError(f"{path} comes from a training that diverged: {diverged[0]} is not finite.")
    return {name: state[name].float() for name in network.state_dict()}


def save_published(path: str | os.PathLike[str], state: Mapping[str, Tensor]) -> None:
    """Write parameters as the published program does, atomically."""
    save_torch(path, {name: value.detach().cpu() for name, value in state.items()})


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read a `torch.save`d state dict; the prefix of DataParallel is taken off the names.

    Raises
    ------
    FileError
        If the file is missing, damaged, or holds anything but tensors by name.
    """
    path = Path(path)
    if not path.exists():
        raise FileError(f"{path} does not exist; give a checkpoint (.pt).")
    if path.is_dir():
        raise FileError(f"{path} is a folder; give a checkpoint (.pt) in it.")
    if _is_safetensors(path):
        raise FileError(f"{path} is a safetensors file already, not a checkpoint (.pt).")
    try:
        state = load_torch(path)
    except Exception as error:  # torch raises many types for a damaged file
        if re.search(r"Unsupported (global|class)|unsupported GLOBAL|persistent", str(error)):
            raise FileError(
                f"{path} contains Python objects, which could run code and are not loaded; save "
                "only the state dict: torch.save(model.state_dict(), file)."
            ) from error
        raise FileError(
            f"{path} cannot be read as a checkpoint: it is damaged, truncated or in another "
            "format; copy it again."
        ) from error
    is_state = isinstance(state, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    )
    if not is_state or not state:
        raise FileError(
            f"{path} is not a state dict (parameters by name); save only that: "
            "torch.save(model.state_dict(), file)."
        )
    if all(name.startswith(PARALLEL) for name in state):
        return {name[len(PARALLEL) :]: value for name, value in state.items()}
    return dict(state)


def _is_safetensors(path: Path) -> bool:
    """Tell by the beginning: the length of a JSON header as 8 bytes, and its brace."""
    try:
        with open(path, "rb") as file:
            return file.read(9)[8:] == b"{"
    except OSError as error:
        raise read_error(path, error) from error


def complete_flags(
    path: str | os.PathLike[str],
    given: Mapping[str, Value],
    trained_with: Literal["published", "defaults"] | None = None,
) -> PublishedFlags:
    """Give the flags that a checkpoint was trained with.

    Parameters
    ----------
    path : path
        The checkpoint.
    given : mapping of str to value
        Flags that are known, by name.
    trained_with : "published", "defaults" or None
        Take others from the published command lines, or from the program's own defaults. None: take
        them from the shapes of the parameters; what these do not tell must be given.

    Raises
    ------
    ConfigError
        Naming all flags that are missing.
    FileError
        If the checkpoint cannot be read.
    """
    if trained_with:
        others = PROGRAM_DEFAULTS if trained_with == "defaults" else {}
        return PublishedFlags(**{**others, **given})  # type: ignore[arg-type]
    told = flags_of_shapes(_shapes(read_state_dict(path)))
    if told.get("learn_sigma"):
        del told["learn_sigma"]  # there are two output channels without it too
    known = {**told, **given}
    asked = [name for name in UNTOLD_FLAGS if name not in known]
    if given.get("num_head_channels", -1) != -1:
        asked = [name for name in asked if name not in ("num_heads", "num_heads_upsample")]
    if asked:
        defaults = {name: program_default(name) for name in asked}
        raise ConfigError(
            f"{path} does not determine all flags that it was trained with; add "
            f"{', '.join(f'--{name}' for name in asked)} with their values in training (flags "
            f"that were not given there had the defaults {as_typed(defaults)}), or --trained-with "
            "published for those of the published command lines."
        )
    return PublishedFlags(**known)  # type: ignore[arg-type]


def _told(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    """Name the flags that the shapes of a checkpoint tell, where they differ from a network's."""
    theirs, ours = (flags_of_shapes(_shapes(part)) for part in (state, own))
    different = {flag: value for flag, value in theirs.items() if ours.get(flag) != value}
    said = ""
    if different.pop("learn_sigma", False):
        said = (
            "; its network has two output channels, so it was trained with learn_sigma True, or "
            "cannot be used for sampling"
        )
    if different.get("class_cond") or (theirs.get("class_cond") and ours.get("class_cond")):
        classes = len(state["label_emb.weight"])
        if classes != len(CLASSES):
            return f"{said}; it has {classes} classes, but cells have {len(CLASSES)}"
    if different:
        said += f"; its parameters have the shapes of {as_typed(different)}"
    if theirs:
        said += (
            "; flags that the shapes do not determine must also be as in training: "
            f"{', '.join(UNTOLD_FLAGS)}"
        )
    return said


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}


def flags_of_shapes(shapes: Shapes, image_size: int = 64) -> dict[str, Value]:
    """Tell the published flags that leave a trace in the shapes of the parameters.

    Flags whose trace cannot be found are left out; so are those that leave none, such as
    num_heads. learn_sigma is whether there are two output channels.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        Shapes of the parameters by name.
    image_size : int
        Resolution of the finest level.
    """
    found: dict[str, Value] = {}
    channels = _length(shapes, "time_embed.0.weight", 1)
    if not channels:
        return found
    found["num_channels"] = channels
    found["class_cond"] = "label_emb.weight" in shapes
    out_channels = _length(shapes, "out.2.weight")
    if out_channels in (1, 2):
        found["learn_sigma"] = out_channels == 2
    width = _length(shapes, "input_blocks.1.0.in_layers.2.weight")
    if width:
        embedded = _length(shapes, "input_blocks.1.0.emb_layers.1.weight")
        found["use_scale_shift_norm"] = embedded == 2 * width

    blocks = {name.split(".")[1] for name in shapes if name.startswith("output_blocks.")}
    upward = re.compile(r"output_blocks\.\d+\.[12]\.(conv|in_layers\.2)\.weight")
    resampled = [match[1] for name in shapes if (match := upward.fullmatch(name))]
    if resampled:
        found["resblock_updown"] = "conv" not in resampled
    levels = len(resampled) + 1
    # A level has num_res_blocks blocks and one that resamples on the way down, as many on the way
    # up; the last level resamples nothing, but the first convolution makes up for it.
    each, odd = divmod(len(blocks), levels)
    if odd or each < 2:
        return found
    found["num_res_blocks"] = each - 1
    first = [f"input_blocks.{1 + level * each}" for level in range(levels)]
    widths = [_length(shapes, f"{name}.0.in_layers.2.weight") for name in first]
    if all(width and width % channels == 0 for width in widths):
        found["channel_mult"] = ",".join(str(width // channels) for width in widths)
    found["attention_resolutions"] = ",".join(
        str(image_size // 2**level)
        for level, name in enumerate(first)
        if f"{name}.1.qkv.weight" in shapes
    )
    return found


def _length(shapes: Shapes, name: str, axis: int = 0) -> int:
    """Give the length of a parameter along an axis; 0 if there is none."""
    shape = shapes.get(name, ())
    return shape[axis] if axis < len(shape) else 0
