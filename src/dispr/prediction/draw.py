"""Draw shapes from a network: the one place where sampling meets the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dispr.diffusion.process import Process
from dispr.diffusion.samplers import get_sampler
from dispr.diffusion.streams import NoiseStreams, Stream
from dispr.model.config import ModelConfig
from dispr.model.device import plain_torch
from dispr.network.network import Holds, Network


@plain_torch()
def draw_occupancy(
    network: Network,
    config: ModelConfig,
    condition: Tensor,
    streams: Sequence[Stream],
    *,
    sampler: str | None = None,
    steps: str | int | None = None,
    labels: Tensor | None = None,
    known: Tensor | None = None,
    holds: Holds | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Tensor:
    """Draw one occupancy volume for each row of the condition.

    Parameters
    ----------
    network : Network
        In evaluation mode, on the device of the condition.
    config : ModelConfig
        The model that the network belongs to.
    condition : Tensor
        (N, 2, size, size), 0 to 1.
    streams : sequence of Stream
        One a row: all the randomness there is.
    sampler, steps : str, optional
        Instead of the model's defaults.
    labels : Tensor, optional
        Classes, (N,) long, for a network with classes.
    known : Tensor, optional
        Known planes, (N, size, size, size) (`dispr.network.planes`), for a network that sees them;
        by default the mask of the section alone.
    holds : Holds, optional
        Further known planes, for one that does not keep them: they guide what is drawn, and the
        shapes are still to be moved to them (`dispr.prediction.planes.hold_planes`).
    on_step : callable, optional
        Called with N after each evaluation of the network; may raise to stop.

    Returns
    -------
    Tensor
        (N, size, size, size) float32, 0 to 1.
    """
    with torch.inference_mode():
        return draw_from(
            network,
            config,
            condition,
            NoiseStreams(streams, config.noise_shape, condition.device),
            sampler=sampler,
            steps=steps,
            labels=labels,
            known=known,
            holds=holds,
            on_step=on_step,
        )


def draw_from(
    network: Network,
    config: ModelConfig,
    condition: Tensor,
    noise: Callable[..., Tensor],
    *,
    sampler: str | None = None,
    steps: str | int | None = None,
    labels: Tensor | None = None,
    known: Tensor | None = None,
    holds: Holds | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Tensor:
    """Draw from noise that is given: `draw_occupancy` for any source of noise.

    Parameters
    ----------
    network, config, condition, sampler, steps, labels, known, on_step
        As for `draw_occupancy`.
    noise : callable
        Gives the next standard normal noise, (N, *config.noise_shape), or (N, *shape) where it is
        given the shape of a sample; a deterministic network asks for none.

    Returns
    -------
    Tensor
        (N, size, size, size) float32, 0 to 1.
    """
    if config.diffusion is None:
        occupancy = torch.sigmoid(network.regress(condition))
        if on_step:
            on_step(len(condition))
        return occupancy[:, 0]
    process = sampling_process(config, steps)
    given = network.given(condition, labels, known)
    if holds is not None:
        given = given.guided(holds)
    x = condition
    for x_t in get_sampler(sampler or config.sampler)(given, process, noise):
        x = x_t
        if on_step:
            on_step(len(condition))
    return given.finish(process.decode(x).clamp(0, 1), noise)


def sampling_process(config: ModelConfig, steps: str | int | None = None) -> Process:
    """Give the process on the steps to sample in.

    Raises
    ------
    ConfigError
        If the steps cannot be read or are more than the process has.
    """
    assert config.diffusion is not None
    process = Process(config.diffusion)
    spec = config.sampling_steps if steps is None else steps
    if config.spacing != "even" and str(spec).isdecimal():
        spec = f"{config.spacing}{spec}"
    return process.respaced(spec) if spec != "" or steps is not None else process
