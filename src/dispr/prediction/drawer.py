"""Draw batches of shapes on a device, the next while results of the last are on their way."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from dispr.cells.classes import CLASSES
from dispr.cells.prepare import condition_tensor
from dispr.diffusion.streams import BalancedStream, Stream, to_device
from dispr.errors import ConfigError, DisprWarning
from dispr.memory import is_out_of_memory
from dispr.model.config import ModelConfig
from dispr.model.device import autocast
from dispr.network.compiled import compiled_copy
from dispr.network.memory_format import channels_last
from dispr.network.network import Holds, Network
from dispr.prediction.draw import draw_occupancy
from dispr.prediction.hold_section import depth_table, hold_section
from dispr.prediction.planes import SECTION, Planes, hold_planes, known_volumes
from dispr.prediction.section import Section, cell_digest
from dispr.prediction.settings import PredictionSettings

MOST_DIFFERENCE = {"fp32": 1e-5, "bf16": 1e-3, "fp16": 1e-3}
"""Mean difference of occupancies up to which a compiled network is trusted."""

SHAPES_AT_ONCE = {"cpu": 5, "cuda": 100}
"""Shapes that are computed at once by default. More gain nothing on a CPU."""


class Asked(NamedTuple):
    """A shape to draw: of which section, and the number of the sample."""

    section: Section
    number: int


@dataclass(frozen=True, eq=False)
class Drawn:
    """A batch of shapes.

    Attributes
    ----------
    shapes : ndarray
        bool, (N, 64, 64, 64).
    held : bool
        Whether they contain the planes that are known of them already (`held`).
    grey : ndarray or None
        What they were decided from, float32, 0 to 1, where that was asked for.
    """

    shapes: np.ndarray
    held: bool
    grey: np.ndarray | None = None


Pending = Callable[[], Drawn]
"""Gives a batch as soon as it is there."""


class Drawer(Protocol):
    """Draws shapes for a model: on a device of this process, or in another process.

    Attributes
    ----------
    ahead : int
        Batches to begin before the first of them is waited for.
    batch_size : int
        Shapes of a batch, unless the settings say otherwise.
    """

    ahead: int
    batch_size: int

    def begin(
        self,
        asked: Sequence[Asked],
        settings: PredictionSettings,
        *,
        grey: bool = False,
        on_step: Callable[[int], None] | None = None,
    ) -> Pending:
        """Begin to draw shapes.

        Parameters
        ----------
        asked : sequence of Asked
            The shapes.
        settings : PredictionSettings
            Seed, sampler and steps.
        grey : bool
            Give what they are decided from, too.
        on_step : callable, optional
            Told of how many shapes after each evaluation of the network.
        """

    def in_precision(self, precision: str) -> Drawer:
        """Give one that computes in another precision."""


class DeviceDrawer:
    """Draws on a device of this process.

    On a GPU, features are channels-last, the shapes are decided there, and nothing is waited for
    until a result is asked for.

    Parameters
    ----------
    network : Network
        In evaluation mode, on the device.
    config : ModelConfig
        The model that it belongs to.
    device : torch.device
        Where.
    precision : "fp32", "bf16" or "fp16"
        Arithmetic inside the network.
    compiled : bool
        Compile the network. All batches are then filled to the size of the first, and shapes of the
        first are compared with those of the network itself.
    """

    def __init__(
        self,
        network: Network,
        config: ModelConfig,
        device: torch.device,
        precision: str,
        *,
        compiled: bool = False,
    ) -> None:
        self.network, self.config = network, config
        self.device, self.precision = device, precision
        self.on_gpu = device.type != "cpu"
        self.ahead = int(self.on_gpu)
        self.batch_size = SHAPES_AT_ONCE[device.type]
        if self.on_gpu:
            channels_last(network)
        self._compiled = compiled_copy(network) if compiled else None
        self._trusted = False
        self._width = 0

    def begin(
        self,
        asked: Sequence[Asked],
        settings: PredictionSettings,
        *,
        grey: bool = False,
        on_step: Callable[[int], None] | None = None,
    ) -> Pending:
        """Begin to draw; see `Drawer`."""
        drawn = self._draw_fast(asked, settings, on_step)
        shapes = drawn > 0.5
        sections = [section for section, _ in asked]
        network = self.config.network
        alone = not any(section.planes for section in sections)
        kept = network.planes and (alone or network.keeps_planes)  # by the network
        if not kept and alone and self.on_gpu:
            kept = True
            if network.keeps_section:
                masks = to_device(_stacked(sections, "mask"), self.device) > 127
                shapes = hold_section(shapes, masks, self._depths)
        takes = _take(shapes), _take(drawn) if grey else None
        return lambda: Drawn(takes[0](), kept, takes[1] and takes[1]())

    def in_precision(self, precision: str) -> DeviceDrawer:
        """Give one of the same network that computes in another precision."""
        other = copy.copy(self)
        other.precision, other._trusted = precision, False
        return other

    def _draw_fast(
        self,
        asked: Sequence[Asked],
        settings: PredictionSettings,
        on_step: Callable[[int], None] | None,
    ) -> Tensor:
        """Draw occupancies by the compiled network, if there is one that can be trusted."""
        if self._compiled is None:
            return self._draw(self.network, asked, settings, on_step)
        count = len(asked)
        self._width = max(self._width, count)
        filled = [*asked, *[asked[-1]] * (self._width - count)]
        told = None if on_step is None else lambda _: on_step(count)
        try:
            if not self._trusted:
                return self._compared(filled, settings, told)[:count]
            return self._draw(self._compiled, filled, settings, told)[:count]
        except Exception as error:
            if is_out_of_memory(error):
                self._width = 0
            raise

    def _compared(
        self,
        asked: Sequence[Asked],
        settings: PredictionSettings,
        on_step: Callable[[int], None] | None,
    ) -> Tensor:
        """Draw by the network and by the compiled one, which is left if it fails or differs."""
        assert self._compiled is not None
        expected = self._draw(self.network, asked, settings, on_step)
        try:
            found = self._draw(self._compiled, asked, settings, None)
            difference = (found - expected).abs().mean().item()
            why = f"its answers differ by {difference:.2g} on average"
            self._trusted = difference <= MOST_DIFFERENCE[self.precision]
        except Exception as error:  # a compiler raises many types
            if is_out_of_memory(error):
                raise
            why = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        if not self._trusted:
            self._compiled = None
            warnings.warn(
                f"The network was not compiled ({why}); it is used as it is, which is slower.",
                DisprWarning,
                stacklevel=2,
            )
        return expected

    def _draw(
        self,
        network: Network,
        asked: Sequence[Asked],
        settings: PredictionSettings,
        on_step: Callable[[int], None] | None,
    ) -> Tensor:
        """Draw occupancies, (N, 64, 64, 64) float32, on the device."""
        sections = [section for section, _ in asked]
        labels = labels_of(self.config, [section.cell_class for section in sections])
        pair = (_stacked(sections, kind) for kind in ("image", "mask"))
        condition = condition_tensor(*(to_device(one, self.device) for one in pair))
        known = holds = None
        if any(one.planes for one in sections):
            if self.config.network.sees_planes:
                known = known_volumes(condition, [section.planes for section in sections])
            if self.config.network.follows_planes and not self.config.network.keeps_planes:
                holds = holds_of(sections, self.config, self.device)
        with autocast(self.device, self.precision):
            return draw_occupancy(
                network,
                self.config,
                condition,
                [stream_of(self.config, settings.seed, one.section, one.number) for one in asked],
                sampler=settings.sampler,
                steps=settings.steps,
                labels=None if labels is None else labels.to(self.device),
                known=known,
                holds=holds,
                on_step=on_step,
            )

    @cached_property
    def _depths(self) -> Tensor:
        return depth_table().to(self.device)


def held(shape: np.ndarray, section: Section, config: ModelConfig) -> np.ndarray:
    """Give a shape of a cell, (64, 64, 64) bool, the planes that are known of it."""
    known = known_of(section, config)
    return hold_planes(shape, known) if known else shape


def known_of(section: Section, config: ModelConfig) -> Planes:
    """Give the masks that the shapes of a cell must contain, by plane; none of some networks."""
    if not section.planes and not config.network.keeps_section:
        return {}
    return {SECTION: section.mask, **section.planes}


def holds_of(sections: Sequence[Section], config: ModelConfig, device: torch.device) -> Holds:
    """Say how shapes of cells are moved to the further planes that are known of them."""

    def hold(shapes: Tensor) -> Tensor:
        moved = [
            held(shape, section, config) if section.planes else shape
            for shape, section in zip(shapes.cpu().numpy(), sections, strict=True)
        ]
        return torch.from_numpy(np.stack(moved)).to(device)

    return Holds(torch.tensor([bool(one.planes) for one in sections], device=device), hold)


def stream_of(config: ModelConfig, seed: int, section: Section, number: int) -> Stream:
    """Make the random stream of a sample of a cell, from what the network sees of the cell."""
    key = ("prediction", seed, cell_digest(section.image, section.mask))
    return BalancedStream(*key, k=number) if config.balanced else Stream(*key, number)


def labels_of(config: ModelConfig, classes: Sequence[str | None]) -> Tensor | None:
    """Give the labels of classes for a network that takes them, (N,) long.

    Raises
    ------
    ConfigError
        If it takes none and there are some, or the reverse.
    """
    if not config.num_classes:
        if any(classes):
            raise ConfigError("this model takes no class labels; omit the class.")
        return None
    if any(name not in CLASSES for name in classes):
        raise ConfigError(f"this model needs the class of each cell, one of {', '.join(CLASSES)}.")
    return torch.tensor([CLASSES.index(name) for name in classes if name], device="cpu")


def _stacked(sections: Sequence[Section], kind: str) -> Tensor:
    return torch.from_numpy(np.stack([getattr(section, kind) for section in sections]))


def _take(values: Tensor) -> Callable[[], np.ndarray]:
    """Begin to copy values to the CPU; what is returned waits for them."""
    if values.device.type == "cpu":
        return values.numpy
    there = torch.empty_like(values, device="cpu", pin_memory=True)
    there.copy_(values, non_blocking=True)
    done = torch.cuda.current_stream(values.device).record_event()

    def wait() -> np.ndarray:
        done.synchronize()
        return there.numpy()

    return wait
