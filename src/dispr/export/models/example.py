"""A simulated cell as the input of a graph, to compare it with the model that it was made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from dispr.export.models.graph import Shapes
from dispr.prediction.drawer import stream_of
from dispr.prediction.model import Model
from dispr.prediction.section import Section
from dispr.simulation.cell import SimulatedCell, simulate_cell

TYPE, SEED = "0.00_discocyte", 5
"""The simulated cell."""


@dataclass(frozen=True, eq=False)
class Example:
    """Inputs of a graph for one cell, and what PyTorch answers.

    Attributes
    ----------
    cell : SimulatedCell
        The cell.
    inputs : dict of str to ndarray
        image and mask, (1, 1, 64, 64), and noise, (1, K, length), where the model takes some.
    shapes : ndarray
        (1, K, 64, 64, 64) uint8, 0 and 1.
    occupancy : ndarray
        (1, K, 64, 64, 64) float32.
    """

    cell: SimulatedCell
    inputs: dict[str, np.ndarray]
    shapes: np.ndarray
    occupancy: np.ndarray


def make_example(model: Model, graph: Shapes, samples: int) -> Example:
    """Simulate a cell, and draw so many shapes of it: those that `dispr predict` draws."""
    cell = simulate_cell(TYPE, SEED)
    inputs = {name: _unit(array) for name, array in (("image", cell.image), ("mask", cell.mask))}
    if graph.noises:
        inputs["noise"] = sample_noise(model, graph, cell.image, cell.mask, samples)[None]
    with torch.inference_mode():
        given = {name: torch.from_numpy(array) for name, array in inputs.items()}
        shapes, occupancy = graph(**given)
    return Example(cell, inputs, shapes.numpy(), occupancy.numpy())


def _unit(array: np.ndarray) -> np.ndarray:
    """Give an image of 0 to 255 as a batch of one, (1, 1, Y, X) float32 from 0 to 1."""
    return (array[None, None] / np.float32(255)).astype(np.float32)


def sample_noise(
    model: Model, graph: Shapes, image: np.ndarray, mask: np.ndarray, samples: int, seed: int = 0
) -> np.ndarray:
    """Give the noise that `dispr predict` draws for a cell.

    Parameters
    ----------
    model : Model
        The model, of which the graph is.
    graph : Shapes
        Says which noises a sample takes.
    image, mask : ndarray
        (64, 64) uint8, as the network sees them.
    samples : int
        Number of samples.
    seed : int
        Random seed.

    Returns
    -------
    ndarray
        (samples, length) float32.
    """
    section = Section(image, mask)
    streams = [stream_of(model.config, seed, section, k) for k in range(samples)]
    drawn = [torch.cat([stream(shape).flatten() for shape in graph.noises]) for stream in streams]
    return torch.stack(drawn).numpy()
