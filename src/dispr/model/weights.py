"""Weights on disk: safetensors with the configuration inside, read without executing code."""

from __future__ import annotations

import hashlib
import io
import json
import mmap
import os
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dispr.checksums import check
from dispr.errors import ConfigError, FileError
from dispr.files import atomic_path
from dispr.intervals.rules import from_calibration, intervals_of
from dispr.limits import largest_weights, raise_it
from dispr.model.config import ModelConfig, model_from_json, model_to_json, to_dict
from dispr.model.device import plain_torch
from dispr.network.network import Network
from dispr.network.registry import make_network
from dispr.records import SEAL, parse_json

FORMAT = "1"

LARGEST_HEADER = 10**8
"""Bytes of the largest header of safetensors."""

ADMITTED = re.compile(
    r"collections OrderedDict"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|parameter)"
    r"|torch (\w+Storage|Size|float16|bfloat16|float32|float64|u?int8|int16|int32|int64|bool)"
)
"""What `torch.save` names of a state dict or a checkpoint of training."""

MOST_BLOCKS = 64
"""Blocks at each resolution of the deepest network that is read."""

MOST_STEPS = 10**5
"""Steps of the longest diffusion that is read."""


@dataclass(frozen=True)
class Weights:
    """A network's parameters with what they mean.

    Attributes
    ----------
    config : ModelConfig
        The model.
    state : mapping of str to Tensor
        Parameters by name.
    about : mapping
        Where they come from: training settings, data, steps, version. Free-form JSON.
    path : str
        The file they were read from; empty if none.
    """

    config: ModelConfig
    state: Mapping[str, Tensor]
    about: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""


def build_network(config: ModelConfig) -> Network:
    """Make the network of a model with fresh parameters."""
    with plain_torch():
        return make_network(config.network)


def fingerprint(network: nn.Module) -> str:
    """Give a short checksum of a network's parameters."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def save_weights(
    path: str | os.PathLike[str], weights: Weights, *, dtype: torch.dtype | None = None
) -> None:
    """Write weights as safetensors, atomically.

    Parameters
    ----------
    path : path
        File to write.
    weights : Weights
        Parameters and configuration.
    dtype : torch.dtype, optional
        Store as this type, such as `torch.float16` to halve the file.
    """
    from safetensors.torch import save

    state = {
        name: tensor.detach().to("cpu", dtype).contiguous()
        for name, tensor in weights.state.items()
    }
    metadata = {
        "format": "pt",
        "dispr_format": FORMAT,
        "config": model_to_json(weights.config),
        "about": json.dumps(dict(weights.about)),
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(_sealed(save(state, metadata=metadata)))


def _sealed(content: bytes) -> bytes:
    """Sort the header of a safetensors file, so that equal weights are equal files; add a checksum.

    The library writes the metadata in an order that changes from call to call. A file begins with
    the length of its JSON header as eight bytes; blanks bring this length to a multiple of eight.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"][SEAL] = _seal(header, content[end:])
    text = _as_bytes(header)
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def _as_bytes(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _seal(header: Mapping[str, Any], data: bytes) -> str:
    """Give the checksum of a safetensors file, of its header as it is without a checksum."""
    return hashlib.sha256(_as_bytes(header) + data).hexdigest()


def _check_seal(path: Path) -> None:
    """Compare weights with the checksum that they hold; those of earlier versions hold none."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    if length > min(len(content) - 8, LARGEST_HEADER):
        return  # for the library to say
    try:
        header = parse_json(content[8 : 8 + length])
        seal = header.get("__metadata__", {}).pop(SEAL, None)
    except (ValueError, AttributeError):
        return
    if seal is not None and seal != _seal(header, content[8 + length :]):
        raise FileError(
            f"{path} is damaged: its checksum differs; copy it again, or repeat the training or "
            "conversion."
        )


def load_weights(path: str | os.PathLike[str], *, sha256: str | None = None) -> Weights:
    """Read weights that `save_weights` wrote; parameters come as float32.

    Parameters
    ----------
    path : path
        A safetensors file.
    sha256 : str, optional
        Refuse a file with another SHA-256 checksum.

    Raises
    ------
    FileError
        If the file is missing, damaged, or no weights of dispr.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileError(f"{path} does not exist; give a weights file (.safetensors).")
    _refuse_large_file(path)
    if sha256 is not None and hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise FileError(f"{path} is not the expected file (SHA-256 differs); install it again.")
    check(path)
    _check_seal(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # of a damaged header, also ValueError and others
        if not isinstance(error, (SafetensorError, OSError)):
            raise FileError(f"{path} is damaged: {error}; copy it again.") from error
        raise FileError(
            f"{path} cannot be read as safetensors; if it is a checkpoint of the published "
            'program, convert it with "dispr convert" first.'
        ) from error
    if metadata.get("dispr_format") != FORMAT:
        raise FileError(
            f"{path} contains no dispr model; use weights written by dispr train or dispr convert."
        )
    try:
        about = dict(parse_json(metadata.get("about", "{}")))
    except (ValueError, TypeError) as error:
        raise FileError(f"{path} is damaged: its record of the training is {error}.") from error
    try:
        config = model_from_json(metadata.get("config", ""))
        calibration = parse_json(metadata["config"]).get("calibration")
        if calibration is not None:
            about.setdefault("intervals", from_calibration(calibration).to_dict())
        intervals_of(about)
    except ConfigError as error:
        raise FileError(f"{path} has a model that this version cannot read: {error}") from error
    _refuse_large(config, state, path)
    return Weights(config, state, about, str(path))


def _refuse_large_file(path: Path) -> None:
    size = path.stat().st_size
    if size > largest_weights():
        raise FileError(
            f"{path} is {size / 2**30:.3g} GiB, at most {largest_weights() / 2**30:g} are "
            f"allowed; give the weights file; {raise_it()}."
        )


def _refuse_large(config: ModelConfig, state: Mapping[str, Tensor], path: Path) -> None:
    """Refuse a network that is far larger than its parameters, before it is made."""
    edges = (edge for value in state.values() if value.numel() for edge in value.shape)
    most = max([1024, *edges])
    for key, value in to_dict(config.network).items():
        limit = min(len(state) + 8, MOST_BLOCKS) if "blocks" in key else most
        numbers = value if isinstance(value, list) else [value]
        if any(isinstance(n, (int, float)) and not abs(n) <= limit for n in numbers):
            raise FileError(f"{path} is damaged: its parameters do not match {key} {value}.")
        if len(numbers) > 32:
            raise FileError(f"{path} is damaged: its network has {len(numbers)} {key}.")
    if config.diffusion is not None and config.diffusion.steps > MOST_STEPS:
        raise FileError(
            f"{path} states a diffusion of {config.diffusion.steps} steps; the limit is "
            f"{MOST_STEPS}."
        )
    held = sum(value.numel() for value in state.values())
    with torch.device("meta"):  # which takes no memory
        needed = sum(value.numel() for value in make_network(config.network).state_dict().values())
    if needed > 2 * held + 2**20:
        raise FileError(
            f"{path} is damaged: its network has {needed} parameters, but it contains {held}."
        )


def load_torch(path: Path) -> Any:
    """Read what `torch.save` wrote, on the CPU and without executing code.

    Raises
    ------
    Exception
        Of many types, if the file is damaged, or holds anything but tensors and plain values.
    """
    _refuse_large_file(path)
    if zipfile.is_zipfile(path):
        # torch compares no checksums, and expands what others compressed.
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise zipfile.BadZipFile("compressed members")
            if sum(member.file_size for member in members) > path.stat().st_size:
                raise zipfile.BadZipFile("files larger than the archive")
            damaged = archive.testzip()
            if damaged is not None:
                raise zipfile.BadZipFile(damaged)
            for member in members:
                if member.filename.endswith(".pkl"):
                    _check_names(io.BytesIO(archive.read(member)))
    else:
        with (
            open(path, "rb") as file,
            # Of a file, more may be asked for than there is.
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole,
        ):
            for _ in range(LEGACY_PICKLES):
                _check_names(whole)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on the pickle protocol
        found = torch.load(path, map_location="cpu", weights_only=True)
    _check_tensors(found, path.stat().st_size)
    return found


LEGACY_PICKLES = 5
"""At the beginning of a file that torch wrote before version 1.6: number, version, system, content,
keys."""


def _check_names(file: Any) -> None:
    """Look at the names in a pickle, and admit no more than tensors need.

    torch admits others too, among them bytearray, which takes as much memory as it is told.
    """
    for step, argument, _ in pickletools.genops(file):
        named = step.name in ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4")
        if named or (step.name == "GLOBAL" and not ADMITTED.fullmatch(str(argument))):
            raise pickle.UnpicklingError(f"Unsupported global {argument}")


def _check_tensors(content: Any, size: int) -> None:
    """Make sure that tensors have no more values than are stored, and those no more than a file."""
    todo, stored = [content], {}
    while todo:
        value = todo.pop()
        if isinstance(value, Mapping):
            todo += value.values()
        elif isinstance(value, (list, tuple)):
            todo += value
        elif isinstance(value, Tensor):
            storage = value.untyped_storage()
            stored[storage.data_ptr()] = storage.nbytes()
            if value.numel() * value.element_size() > storage.nbytes():
                raise ValueError("a tensor with more values than are stored")
    if sum(stored.values()) > size:
        raise ValueError("tensors larger than the file")


def save_torch(path: str | os.PathLike[str], state: Any) -> None:
    """Write tensors, numbers and text, and lists and dicts of them, by `torch.save`, atomically."""
    buffer = io.BytesIO()  # torch's own writer does not say that a disk is full
    torch.save(state, buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def fill_network(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Load parameters into a network.

    Raises
    ------
    FileError
        If they are of another configuration; the sentence names the first difference.
    """
    own = network.state_dict()
    missing = [key for key in own if key not in state]
    extra = [key for key in state if key not in own]
    shapes = [key for key in own if key in state and own[key].shape != state[key].shape]
    if missing or extra or shapes:
        first = (
            f"{shapes[0]} has shape {tuple(state[shapes[0]].shape)}, not "
            f"{tuple(own[shapes[0]].shape)}"
            if shapes
            else f"{missing[0]} is missing"
            if missing
            else f"{extra[0]} is not part of it"
        )
        raise FileError(f"{name} does not match the configuration: {first}.")
    network.load_state_dict(dict(state))
