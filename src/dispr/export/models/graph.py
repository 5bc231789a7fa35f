"""A model as one function of tensors: image, mask and noise in, shapes out."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dispr.errors import ConfigError
from dispr.model.config import ModelConfig, model_from_json
from dispr.model.weights import build_network
from dispr.network.network import Network
from dispr.network.registry import make_network
from dispr.prediction.draw import draw_from, sampling_process
from dispr.prediction.hold_section import depth_table, hold_section

MOST_STEPS = 50
"""Sampling steps that are unrolled at most: the graph holds the network once for each."""

SAMPLES = 5
"""Shapes of a cell where no noise is given."""


class Shapes(nn.Module):
    """All of a prediction after the crop: sampling, refinement, and the mask of the section.

    It is `dispr.load().predict` with the noise as an input.

    Parameters
    ----------
    config : ModelConfig
        The model.
    network : Network
        Its network, in evaluation mode.
    steps : str or int, optional
        Sampling steps, instead of the model's.

    Attributes
    ----------
    noises : list of tuple of int
        Shapes of the noises that a sample takes, in their order; none for a deterministic model.

    Raises
    ------
    ConfigError
        If the model takes classes, or its steps are more than `MOST_STEPS`.
    """

    def __init__(
        self, config: ModelConfig, network: Network, steps: str | int | None = None
    ) -> None:
        super().__init__()
        if config.num_classes:
            raise ConfigError(
                "a model with class labels cannot be exported; export one without them."
            )
        if not config.deterministic:
            count = len(sampling_process(config, steps).schedule)
            if count > MOST_STEPS:
                raise ConfigError(
                    f"{count} sampling steps cannot be unrolled into one graph; choose at most "
                    f"{MOST_STEPS} (--sampling-steps)."
                )
        self.config = config
        self.steps = steps
        self.network = network
        self.depths: Tensor
        self.register_buffer("depths", depth_table(), persistent=False)
        self.noises = _noises(config, steps)
        self.eval()

    @property
    def length(self) -> int:
        """Numbers of the noise of one sample."""
        return sum(math.prod(shape) for shape in self.noises)

    def forward(
        self, image: Tensor, mask: Tensor, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Draw K shapes of each of N cells.

        Parameters
        ----------
        image, mask : Tensor
            (N, 1, 64, 64) float32, 0 to 1: the section, and 1 inside the cell.
        noise : Tensor, optional
            Standard normal, (N, K, `length`) float32: of each sample its noises one after the
            other; drawn by torch for `SAMPLES` samples if not given. Not for a deterministic model.

        Returns
        -------
        shapes : Tensor
            (N, K, 64, 64, 64) uint8: 1 inside, 0 outside. K is 1 for a deterministic model.
        occupancy : Tensor
            (N, K, 64, 64, 64) float32, 0 to 1: what the network says before the threshold of 0.5.
        """
        if noise is None and self.noises:
            noise = torch.randn(image.shape[0], SAMPLES, self.length, device=image.device)
        cells, samples = image.shape[0], 1 if noise is None else noise.shape[1]
        condition = torch.cat([mask, image * mask], dim=1)[:, None]
        condition = condition.expand(-1, samples, -1, -1, -1).flatten(0, 1)
        grey = draw_from(
            self.network,
            self.config,
            condition,
            _Given(None if noise is None else noise.flatten(0, 1), self.config.noise_shape),
            steps=self.steps,
        ).float()
        shapes = grey > 0.5
        if self.config.network.keeps_section and not self.config.network.planes:
            shapes = hold_section(shapes, condition[:, 0] > 0.5, self.depths)
        size = (cells, samples, *grey.shape[1:])
        return shapes.to(torch.uint8).reshape(size), grey.reshape(size)


class _Given:
    """Deals out noise that is given, (N, length)."""

    def __init__(self, noise: Tensor | None, shape: tuple[int, ...]) -> None:
        self._noise = noise
        self._shape = shape
        self._from = 0

    def __call__(self, shape: tuple[int, ...] | None = None) -> Tensor:
        """Give the next noise, (N, *shape)."""
        assert self._noise is not None
        shape = self._shape if shape is None else shape
        start, self._from = self._from, self._from + math.prod(shape)
        return self._noise[:, start : self._from].unflatten(1, shape)


def _noises(config: ModelConfig, steps: str | int | None) -> list[tuple[int, ...]]:
    """Find out which noises a sample takes, without computing any."""
    asked: list[tuple[int, ...]] = []

    def noise(shape: tuple[int, ...] | None = None) -> Tensor:
        asked.append(config.noise_shape if shape is None else tuple(shape))
        return torch.empty(1, *asked[-1], device="meta")

    with torch.device("meta"):  # which knows shapes, and takes neither memory nor time
        network = make_network(config.network).eval()
        size = config.network.size
        draw_from(network, config, torch.empty(1, 2, size, size), noise, steps=steps)
    return asked


def half(network: Network) -> Network:
    """Give a copy of a network that convolves and multiplies in float16.

    As automatic mixed precision does: normalisation, attention, sampling and what is between the
    layers stay as they are, and so do inputs and outputs.
    """
    copied = copy.deepcopy(network)
    for layer in copied.modules():
        if isinstance(layer, (nn.Conv2d, nn.Conv3d, nn.Linear)):
            layer.half().register_forward_pre_hook(_cast_to(torch.float16))
        elif isinstance(layer, nn.GroupNorm):
            layer.register_forward_pre_hook(_cast_to(torch.float32))
    return copied


def _cast_to(dtype: torch.dtype) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    return lambda _, given: tuple(value.to(dtype) for value in given)


def shapes_of(config: Mapping[str, Any]) -> Shapes:
    """Make a graph with fresh parameters, which `load_state_dict` fills.

    Parameters
    ----------
    config : mapping
        A `ModelConfig` in its JSON form (`dispr.model.config.model_to_json`).

    Raises
    ------
    ConfigError
        If it cannot be read, or the model cannot be exported.
    """
    model = model_from_json(json.dumps(dict(config)))
    return Shapes(model, build_network(model))
