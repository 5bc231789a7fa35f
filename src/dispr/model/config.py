"""Everything that the weights need beside them to be used, and its JSON form."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dispr.arguments import one_of
from dispr.cells.arrays import SIZE
from dispr.cells.prepare import TARGETS, Target
from dispr.diffusion.config import DiffusionConfig
from dispr.diffusion.samplers import get_sampler
from dispr.diffusion.schedule import respacing
from dispr.errors import ConfigError
from dispr.network.config import UNetConfig
from dispr.network.network import NetworkConfig
from dispr.network.registry import NETWORKS
from dispr.records import parse_json

Spacing = Literal["even", "trailing", "centred"]


@dataclass(frozen=True)
class ModelConfig:
    """A network, the diffusion it was made for, and how its answers are drawn.

    Attributes
    ----------
    network : NetworkConfig
        The network (`dispr.network.registry`).
    diffusion : DiffusionConfig or None
        The diffusion process; None for a deterministic network.
    target : "half", "any" or "grey"
        What counts as occupied in the training objects: `> 127`, `> 0` (published), or the grey
        value itself.
    sampler : str
        Default sampler: "ddpm", "ddim" or "dpm-solver".
    sampling_steps : str
        Default number of steps to sample in, a respacing such as "250" or "ddim25"; empty for
        all.
    spacing : "even", "trailing" or "centred"
        What a plain number of steps n means, here or asked for: "n", "trailing<n>" or
        "centred<n>" (see `dispr.diffusion.schedule.respacing`).
    balanced : bool
        Let the starting noise of every five samples of a cell add up to zero, so that their mean
        is nearer to the mean of many (see `dispr.diffusion.streams.BalancedStream`).
    """

    network: NetworkConfig = field(default_factory=UNetConfig)
    diffusion: DiffusionConfig | None = field(default_factory=DiffusionConfig)
    target: Target = "half"
    sampler: str = "ddpm"
    sampling_steps: str = ""
    spacing: Spacing = "even"
    balanced: bool = False

    def __post_init__(self) -> None:
        one_of(self.target, TARGETS, "target")
        one_of(self.spacing, get_args(Spacing), "spacing")
        if self.network.size != SIZE:
            raise ConfigError(
                f"size must be {SIZE}, the size of cells in pixels and voxels, not "
                f"{self.network.size}."
            )
        get_sampler(self.sampler)
        if self.diffusion is not None and self.sampling_steps:
            respacing(self.diffusion.steps, self.sampling_steps)
        if self.diffusion is None and self.num_classes:
            raise ConfigError("a deterministic model takes no class labels.")
        prediction = self.diffusion.prediction if self.diffusion else None
        self.network.check(prediction, self.diffusion.out_channels if self.diffusion else 1)

    @property
    def deterministic(self) -> bool:
        """Whether the network gives one answer instead of many."""
        return self.diffusion is None

    @property
    def noise_shape(self) -> tuple[int, int, int, int]:
        """Shape of the volume that noise is added to and taken from: (1, Z, Y, X)."""
        edge = self.network.noise_edge
        return (1, edge, edge, edge)

    @property
    def num_classes(self) -> int:
        """Number of class labels that the network takes; 0 for none."""
        return self.network.num_classes


def to_dict(config: Any) -> dict[str, Any]:
    """Turn a configuration into what JSON can hold, each nested one with its kind."""
    result: dict[str, Any] = {}
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            value = {"kind": type(value).__name__, **to_dict(value)}
        result[item.name] = list(value) if isinstance(value, tuple) else value
    return result


def from_dict(cls: type, values: Mapping[str, Any], kinds: Mapping[str, type] | None = None) -> Any:
    """Make a configuration from its JSON form.

    Parameters
    ----------
    cls : type
        The frozen dataclass to make.
    values : mapping
        What `to_dict` gave. Settings that are absent keep their defaults.
    kinds : mapping of str to type
        Classes of nested configurations by name.

    Raises
    ------
    ConfigError
        If a setting is unknown or invalid.
    """
    known = {item.name for item in dataclasses.fields(cls)}
    unknown = set(values) - known
    if unknown:
        raise ConfigError(
            f"unknown setting {', '.join(sorted(unknown))}; perhaps the file is from a newer "
            "version of dispr."
        )
    arguments = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            nested = dict(value)
            kind = nested.pop("kind", None)
            if kind not in (kinds or {}):
                raise ConfigError(f'{key} has the unknown type "{kind}".')
            value = from_dict((kinds or {})[kind], nested, kinds)
        arguments[key] = tuple(value) if isinstance(value, list) else value
    hints = _hints(cls)
    wrong = [key for key, value in arguments.items() if not _is_of(value, hints[key])]
    if wrong:
        key = wrong[0]
        raise ConfigError(f"{key} is {str(values[key])[:40]!r}, which is of another type.")
    try:
        return cls(**arguments)
    except TypeError as error:
        raise ConfigError(f"invalid settings for {cls.__name__}: {error}.") from error


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _is_of(value: Any, hint: Any) -> bool:
    """Tell whether a value of JSON is of the type of a setting; numbers that are whole, of both."""
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        return isinstance(value, tuple) and all(_is_of(one, inner) for one in value)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (bool, str) else True


KINDS: dict[str, type] = {kind.__name__: kind for kind in (*NETWORKS, DiffusionConfig)}


def model_to_json(config: ModelConfig) -> str:
    """Write a model's configuration as JSON."""
    return json.dumps(to_dict(config))


def model_from_json(text: str) -> ModelConfig:
    """Read a model's configuration from JSON (see `from_dict` for errors)."""
    try:
        values = parse_json(text)
    except ValueError as error:
        raise ConfigError(f"the configuration is not JSON: {error}.") from error
    try:
        values.pop("calibration", None)  # of earlier versions: `load_weights` reads it
        return from_dict(ModelConfig, values, KINDS)
    except ConfigError:
        raise
    except (TypeError, ValueError, AttributeError, ArithmeticError, IndexError) as error:
        # A damaged one may hold anything; the checks of numbers take numbers for granted.
        raise ConfigError(f"the configuration is damaged: {error}.") from error
