"""One simulated cell from a seed: random shape, pose, size and image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dispr.arguments import as_whole
from dispr.cells.arrays import SECTION, SIZE
from dispr.cells.classes import TYPES
from dispr.errors import ConfigError
from dispr.simulation.grid import Grid, Pose, random_rotation, random_waves
from dispr.simulation.imaging import Microscope, confocal_section, occupancy
from dispr.simulation.parameters import LYING_FLAT, PARAMETERS, TypeParameters
from dispr.simulation.shapes import SHAPES, Shape
from dispr.simulation.solids import cut

_LARGEST = 60.0
"""Extent in voxels that leaves two empty planes on every side of the box."""


@dataclass(frozen=True)
class SimulatedCell:
    """A simulated cell in the format of the published cells.

    Attributes
    ----------
    name : str
        File name without extension: the type and six digits, such as "0.00_discocyte000003".
    type : str
        One of `dispr.cells.classes.TYPES`.
    image, mask : (64, 64) uint8 arrays, YX
        Confocal section at plane 32, and its segmentation: plane 32 of `obj`.
    obj : (64, 64, 64) uint8 array, ZYX
        The cell: 255 inside, grey at the border, 0 outside.
    """

    name: str
    type: str
    image: np.ndarray
    mask: np.ndarray
    obj: np.ndarray


def simulate(n: int, seed: int = 0, types: Sequence[str] | None = None) -> Iterator[SimulatedCell]:
    """Simulate `n` cells; cell i is the same for any n.

    Parameters
    ----------
    n : int
        Number of cells.
    seed : int
        Seed of all randomness; the same seed gives the same cells.
    types : sequence of str or None
        The cell types to cycle through; all published types if None.

    Yields
    ------
    SimulatedCell

    Raises
    ------
    ConfigError
        If n or seed is negative or a type is unknown.
    """
    chosen = check_types(types)
    n, seed = check_numbers(n, seed)
    return (simulate_cell(chosen[i % len(chosen)], seed, i) for i in range(n))


def simulate_cell(cell_type: str, seed: int = 0, index: int = 0) -> SimulatedCell:
    """Simulate the cell number `index` of a seed.

    Parameters
    ----------
    cell_type : str
        One of `dispr.cells.classes.TYPES`.
    seed, index : int
        The cell depends on these two and on its type alone.

    Raises
    ------
    ConfigError
        If the type is unknown, or seed or index is negative.
    """
    check_types([cell_type])
    index, seed = check_numbers(index, seed)
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    parameters = PARAMETERS[cell_type]
    while True:
        shape = SHAPES[cell_type](rng)
        depth = _place(shape, parameters, rng)
        hollow = bool(rng.random() < parameters.hollow) and not shape.flat
        wall = rng.normal(parameters.wall, 0.6)
        solid = cut(depth, np.float32(wall) - depth, 1.5) if hollow else depth
        obj = occupancy(_grained(solid))
        if (obj[SECTION] > 127).sum() >= 50:
            break  # seldom, a section passes between the parts of a cluster: draw another cell
    image = _expose(depth, hollow, parameters, rng)
    return SimulatedCell(f"{cell_type}{index:06d}", cell_type, image, obj[SECTION].copy(), obj)


def check_types(types: Sequence[str] | None) -> tuple[str, ...]:
    """Give the types, all published ones if None.

    Raises
    ------
    ConfigError
        If there are none, one is unknown or one occurs twice.
    """
    if types is None:
        return TYPES
    types = [types] if isinstance(types, str) else list(types)
    unknown = [name for name in types if name not in PARAMETERS]
    if unknown or not types:
        wrong = f"{unknown[0]} is not a cell type" if unknown else "No cell type is given"
        raise ConfigError(f"{wrong}; choose from {', '.join(TYPES)}.")
    if len(set(types)) < len(types):
        raise ConfigError(f"A type of cell is given twice in {', '.join(types)}; give each once.")
    return tuple(types)


def check_numbers(n: int, seed: int) -> tuple[int, int]:
    """Give a number of cells and a seed as plain values.

    Raises
    ------
    ConfigError
        If one is not a whole number or negative, or a name would need more than six digits.
    """
    n, seed = as_whole(n, "the number of cells"), as_whole(seed, "the seed")
    if seed < 0:
        raise ConfigError(f"The seed is {seed}; choose 0 or a larger number.")
    if not 0 <= n <= 1_000_000:
        raise ConfigError(f"{n} cells cannot be numbered with six digits; choose 0 to 1000000.")
    return n, seed


def _place(shape: Shape, parameters: TypeParameters, rng: np.random.Generator) -> np.ndarray:
    """Turn, bend, scale and centre a shape; give its depth in the box, float32 (Z, Y, X)."""
    spread = LYING_FLAT if shape.flat else parameters.tilt
    tilt = None
    if spread is not None:
        tilt = rng.normal(*spread) + (180 if rng.random() < 0.5 else 0)
    pose = Pose(
        random_rotation(rng, tilt),
        stretch_z=parameters.stretch_z,
        waves=random_waves(rng, parameters.warp),
    )
    target = parameters.volume * np.exp(rng.normal(0, parameters.volume_spread))
    floor = rng.uniform(*parameters.flattening)

    # A coarse look at the whole shape, which may still lie off the centre or be too large.
    step = 3.0
    coarse = np.arange(-46.5, 47, step, dtype=np.float32)
    rough = shape.depth(Grid((coarse, coarse, coarse), pose))
    low, high = _extent(rough, coarse, step)
    volume = float(np.clip(rough / np.float32(step) + np.float32(0.5), 0, 1).sum()) * step**3
    scale = min((target / volume) ** (1 / 3), _LARGEST / float((high - low).max()))
    middle = (low + high) / 2 * scale
    mirrored = False
    if parameters.upward is not None:
        weights = (rough > 0).sum(axis=(1, 2))
        above = float((weights * coarse).sum() / weights.sum()) > (low[0] + high[0]) / 2
        mirrored = above != (rng.random() < parameters.upward)

    lattice = np.arange(SIZE, dtype=np.float32) - np.float32(SIZE / 2 - 0.5)
    while True:
        axes = [lattice + np.float32(m) for m in middle]
        depth = shape.depth(Grid(axes, replace(pose, scale=scale))) * np.float32(scale)
        if mirrored:
            depth = depth[::-1]
        low, high = _extent(depth, lattice, 0)
        # Cells lie on the glass, at high z, which flattens them by a voxel or two.
        glass = (np.float32(high[0] - floor) - lattice)[:, None, None]
        depth = cut(depth, np.broadcast_to(glass, depth.shape), 2)
        low, high = _extent(depth, lattice, 0)
        if np.abs(np.concatenate([low, high])).max() < SIZE / 2 - 1.5:
            break
        # The coarse look was off by a voxel or two: move, and leave a little more room.
        middle = middle + (low + high) / 2 * np.array([-1 if mirrored else 1, 1, 1])
        scale *= 0.97
    return _centred(depth, low, high)


def _grained(depth: np.ndarray) -> np.ndarray:
    """Look the depth up where the published volumes were: in pairs of voxels.

    They were resampled from a grid half as fine again, by linear interpolation of a binary volume.
    Their voxels 2i and 2i + 1 stand for places 3i and 3i + 2 of that grid rather than 3i + 1/4 and
    3i + 7/4. 0.115 voxels give balls the steps between planes that such resampling gives them.
    """
    place = np.arange(SIZE)
    pair = np.clip(np.where(place % 2 == 0, place - 1, place + 1), 0, SIZE - 1)
    for axis in range(3):
        depth = np.float32(1 - 0.115) * depth + np.float32(0.115) * depth.take(pair, axis)
    return depth


def _extent(depth: np.ndarray, axis: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Give the first and last positions along z, y, x where depth is positive."""
    inside = depth > 0
    bounds = []
    for k in range(3):
        places = axis[inside.any(axis=tuple(a for a in range(3) if a != k))]
        bounds.append((places[0] - step / 4, places[-1] + step / 4))
    low, high = np.array(bounds).T
    return low, high


def _centred(depth: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Shift by whole voxels so that the cell's box is centred on voxel 32 (within half one)."""
    # Position p is voxel p + 31.5; the planes that wrap around are empty on both sides.
    shift = np.floor(SECTION - ((low + high) / 2 + SIZE / 2 - 0.5)).astype(int)
    return np.roll(depth, tuple(int(s) for s in shift), axis=(0, 1, 2))


def _expose(
    depth: np.ndarray, hollow: bool, parameters: TypeParameters, rng: np.random.Generator
) -> np.ndarray:
    peak = float(np.clip(rng.normal(parameters.peak, 14), 120, 250))
    inside = rng.uniform(0.03, 0.12) if hollow else 1.0
    membrane = 1.0 if hollow else parameters.membrane * rng.lognormal(0, 0.4)
    scope = Microscope(background=float(np.clip(rng.normal(3.0, 1.0), 1, 6)))
    return confocal_section(depth, membrane, inside, peak, rng, scope)
