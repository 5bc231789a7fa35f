"""Sample data: a simulated field of view, the same at every time."""

from __future__ import annotations

from dispr.napari_plugin.layers import LayerData, World
from dispr.simulation.field import VOXEL, SimulatedField, simulate_field

CELLS = 8
SHAPE = (224, 256)
SEED = 1
TYPES = ("0.00_discocyte", "-1.00_spherocyte", "-0.67_stomatocyte_II", "0.33_echinocyte_I")
"""Those that look like the training cells of the shipped model."""


def simulated_field(seed: int = SEED) -> list[LayerData]:
    """Give a field of touching cells and their labels as layers.

    Parameters
    ----------
    seed : int
        Another seed makes other cells.
    """
    return _section(_field(seed))


def simulated_truth(seed: int = SEED) -> list[LayerData]:
    """Give the same, and the labels in 3D; the image stands in their middle plane."""
    field = _field(seed)
    known = {"name": "true 3D labels", **_world().volume(len(field.truth) // 2)}
    return [*_section(field), (field.truth, known, "labels")]


def _field(seed: int) -> SimulatedField:
    return simulate_field(CELLS, seed=seed, shape=SHAPE, types=TYPES)


def _section(field: SimulatedField) -> list[LayerData]:
    place = _world().plane()
    return [
        (field.image, {"name": "simulated cells", "colormap": "gray", **place}, "image"),
        (field.labels, {"name": "labels of simulated cells", "opacity": 0.4, **place}, "labels"),
    ]


def _world() -> World:
    return World(scale=VOXEL, unit="um")
