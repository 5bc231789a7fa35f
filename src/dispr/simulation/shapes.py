"""The shapes of red blood cells, one function a type.

Each draws its parameters from a random generator and returns a `Shape`. Lengths are voxels of
0.172 um, before the cell is scaled to its volume. They were fitted by eye and by the medians of
volume and extents to the published cells (Simionato et al. 2021), unless another source is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dispr.simulation.grid import Grid, Points, random_rotation
from dispr.simulation.solids import biconcave, blade, bowl, cut, ellipsoid, join, moved, plate
from dispr.simulation.spicules import Spicule, even_directions, grow, surface_points

Body = Callable[[Points], np.ndarray]


@dataclass(frozen=True)
class Shape:
    """A cell in body coordinates.

    Attributes
    ----------
    body : function
        Depth in the body without spicules, at `Points` of any shape.
    spicules : sequence of Spicule
        What grows from the body.
    blend : float
        Width over which the foot of a spicule is rounded, in voxels.
    flat : bool
        Whether this cell lies flat on the glass, and is not hollow, although its type may stand.
    """

    body: Body
    spicules: Sequence[Spicule] = ()
    blend: float = 4.0
    flat: bool = False

    def depth(self, grid: Grid) -> np.ndarray:
        """Give the distance to the surface, in voxels, positive inside; float32 (Z, Y, X)."""
        return grow(self.body(grid.points), grid, self.spicules, self.blend)


def spherocyte(rng: np.random.Generator) -> Shape:
    """Make a sphere, nearly."""
    radii = 20 * rng.normal(1, 0.02, 3)
    return Shape(lambda p: ellipsoid(p, radii))


def stomatocyte_ii(rng: np.random.Generator) -> Shape:
    """Make a deep bowl with a thick wall."""
    radius, rim, bottom = rng.normal(16, 0.8), rng.normal(6.5, 0.5), rng.normal(7.6, 0.6)
    opening = np.deg2rad(rng.normal(100, 10))
    return Shape(lambda p: bowl(p, radius, opening, rim, bottom))


def stomatocyte_i(rng: np.random.Generator) -> Shape:
    """Make a wide bowl, thin at the bottom and thick at the lip."""
    opening = np.deg2rad(rng.uniform(55, 105))
    radius = 18.5 / np.sin(min(opening, np.pi / 2)) * rng.normal(1, 0.04)
    rim, bottom = rng.normal(7.5, 0.5), rng.uniform(2.5, 5)
    return Shape(lambda p: bowl(p, radius, opening, rim, bottom))


def discocyte(rng: np.random.Generator) -> Shape:
    """Make a biconcave disc."""
    radius, rim = rng.normal(24.5, 0.7), rng.normal(10.6, 0.5)
    centre = rng.uniform(0.5, 5.5)
    return Shape(lambda p: biconcave(p, radius, rim, centre))


def echinocyte_i(rng: np.random.Generator) -> Shape:
    """Make a biconcave disc whose outline is oval and angular."""
    radius, rim = rng.normal(25, 0.7), rng.normal(9.8, 0.5)
    centre, oval = rng.uniform(1, 4.5), 1 + abs(rng.normal(0, 0.09))

    def body(p: Points) -> np.ndarray:
        return biconcave(
            (p[0] * np.float32(oval), p[1] / np.float32(oval), p[2]), radius, rim, centre
        )

    corners = _rim(rng, int(rng.integers(5, 10)), flatness=0.25)
    return Shape(body, _sprout(rng, body, corners, length=2.2, base=5.0, tip=2.5), blend=6)


def echinocyte_ii(rng: np.random.Generator) -> Shape:
    """Make a disc with bumps on its rim and faces."""
    radius, rim, centre = rng.normal(20.5, 0.8), rng.normal(7.4, 0.5), rng.uniform(0.5, 3.5)

    def body(p: Points) -> np.ndarray:
        return biconcave(p, radius, rim, centre)

    bumps = _rim(rng, int(rng.integers(28, 38)), flatness=0.8)
    return Shape(body, _sprout(rng, body, bumps, length=3.8, base=3.6, tip=2.3), blend=2)


def echinocyte_iii(rng: np.random.Generator) -> Shape:
    """Make a sphere or a thick disc covered with spicules."""
    flat = bool(rng.random() < 0.3)
    if flat:
        radius, rim, centre = rng.normal(20, 0.8), rng.normal(9, 0.6), rng.uniform(4, 7)

        def body(p: Points) -> np.ndarray:
            return biconcave(p, radius, rim, centre)
    else:
        radii = 18 * rng.normal(1, 0.05, 3)

        def body(p: Points) -> np.ndarray:
            return ellipsoid(p, radii)

    directions = even_directions(rng, int(rng.integers(26, 40)), jitter=0.12)
    spicules = _sprout(rng, body, directions, length=4.6, base=4.0, tip=1.8)
    return Shape(body, spicules, blend=3, flat=flat)


def acanthocyte(rng: np.random.Generator) -> Shape:
    """Make an oval body with a few spicules of different lengths."""
    radii = 17 * rng.normal(1, 0.14, 3)

    def body(p: Points) -> np.ndarray:
        return ellipsoid(p, radii)

    directions = even_directions(rng, int(rng.integers(5, 12)), jitter=0.3)
    spicules = _sprout(rng, body, directions, length=6.5, base=6.0, tip=2.0, spread=0.4)
    return Shape(body, spicules, blend=6)


def keratocyte(rng: np.random.Generator) -> Shape:
    """Make a flat cell with a piece bitten off, which leaves two horns."""
    radius, rim, centre = rng.normal(21, 1), rng.normal(9.4, 0.7), rng.uniform(2.5, 6)
    bite_radius = rng.uniform(16, 40)
    bite_depth = rng.uniform(6, 15)
    oval = rng.uniform(1.0, 1.25)
    bite_x = radius + bite_radius - bite_depth

    def body(p: Points) -> np.ndarray:
        x, y = p[0] * np.float32(oval), p[1] / np.float32(oval)
        disc = np.float32(radius) - np.sqrt(x * x + y * y)
        off = x - np.float32(bite_x)
        bitten = np.sqrt(off * off + y * y) - np.float32(bite_radius)
        return plate(cut(disc, bitten, 4), p[2], rim, centre, 0.8 * radius)

    # The corners of the bite, where the two circles meet; now and then only one is drawn out.
    along = (radius**2 - bite_radius**2 + bite_x**2) / (2 * bite_x)
    across = np.sqrt(max(radius**2 - along**2, 0))
    spicules = []
    for side in (-1, 1) if rng.random() < 0.8 else (1,):
        corner = np.array([along / oval, side * across * oval, 0.0])
        away = corner / np.linalg.norm(corner) + np.array([0.35, 0, rng.normal(0, 0.25)])
        away /= np.linalg.norm(away)
        foot = corner * 0.62
        length = float(np.linalg.norm(corner - foot)) + rng.normal(3, 3)
        spicules.append(_spicule(foot, away, length, base=6.5, tip=2.5))
    return Shape(body, spicules, blend=5)


def knizocyte(rng: np.random.Generator) -> Shape:
    """Make a triconcave cell: three blades about one axis."""
    first = rng.uniform(0, 2 * np.pi)
    angles = first + np.deg2rad(np.array([0, 120, 240]) + rng.normal(0, 13, 3))
    radii = rng.normal(17.5, 1.2, 3)
    rim, root = rng.normal(6.6, 0.5), rng.normal(5.0, 0.6)

    def body(p: Points) -> np.ndarray:
        depth = blade(p, angles[0], radii[0], rim, root)
        for angle, radius in zip(angles[1:], radii[1:], strict=True):
            depth = join(depth, blade(p, angle, radius, rim, root), 5)
        return depth

    return Shape(body)


def multilobate(rng: np.random.Generator) -> Shape:
    """Make a large rounded cell with lobes, and clefts between them."""
    radii = 18.5 * rng.normal(1, 0.07, 3)
    directions = even_directions(rng, int(rng.integers(3, 6)), jitter=0.3)
    lobes = [
        (direction * rng.uniform(12, 18), rng.uniform(6, 11) * rng.normal(1, 0.1, 3))
        for direction in directions
    ]

    def body(p: Points) -> np.ndarray:
        depth = ellipsoid(p, radii)
        for centre, lobe in lobes:
            depth = join(depth, ellipsoid(p, lobe, centre), 1.5)
        return depth

    return Shape(body)


def cell_cluster(rng: np.random.Generator) -> Shape:
    """Make two to four cells that touch, squeezed together: side by side, or stacked as discs."""
    count = int(rng.choice([2, 3, 4], p=[0.65, 0.25, 0.1]))
    size = (1.0, 0.86, 0.78)[count - 2]
    stacked = rng.random() < 0.4
    parts: list[tuple[Body, np.ndarray, np.ndarray]] = []
    for index in range(count):
        maker = (_squeezed_disc, stomatocyte_ii, spherocyte)[rng.choice(3, p=[0.6, 0.25, 0.15])]
        if stacked:
            # Discs face to face, slightly askew and aside: the start of a rouleau.
            centre = np.array([*rng.normal(0, 4, 2), 17 * (index - (count - 1) / 2)])
            turn = random_rotation(rng, abs(rng.normal(0, 15)))
            maker = _squeezed_disc
        else:
            angle = 2 * np.pi * (index + rng.normal(0, 0.08)) / count
            away = rng.uniform(8, 12) * (1 if count == 2 else 1.2)
            centre = away * np.array([np.cos(angle), np.sin(angle), rng.normal(0, 0.3)])
            turn = random_rotation(rng, None)
        parts.append((maker(rng).body, turn, centre))

    def body(p: Points) -> np.ndarray:
        small = (p[0] / np.float32(size), p[1] / np.float32(size), p[2] / np.float32(size))
        depth: np.ndarray | None = None
        for part, turn, centre in parts:
            other = part(moved(small, turn, centre))
            depth = other if depth is None else join(depth, other, 4)
        assert depth is not None
        return depth * np.float32(size)

    return Shape(body)


def _squeezed_disc(rng: np.random.Generator) -> Shape:
    """Make a disc with shallow dimples: in a cluster, cells fill the gaps between them."""
    radius, rim, centre = rng.normal(24, 0.7), rng.normal(10.2, 0.5), rng.uniform(6.5, 9)
    return Shape(lambda p: biconcave(p, radius, rim, centre))


SHAPES: dict[str, Callable[[np.random.Generator], Shape]] = {
    "-1.00_spherocyte": spherocyte,
    "-0.67_stomatocyte_II": stomatocyte_ii,
    "-0.33_stomatocyte_I": stomatocyte_i,
    "0.00_discocyte": discocyte,
    "0.33_echinocyte_I": echinocyte_i,
    "0.67_echinocyte_II": echinocyte_ii,
    "1.00_echinocyte_III": echinocyte_iii,
    "A_cell_clusters": cell_cluster,
    "B_keratocytes": keratocyte,
    "C_knizocytes": knizocyte,
    "D_multilobate_cells": multilobate,
    "E_acanthocytes": acanthocyte,
}
"""The function that makes a shape of each published type."""


def _rim(rng: np.random.Generator, count: int, flatness: float) -> np.ndarray:
    """Give even directions, pressed towards the xy plane by the factor `flatness`."""
    directions = even_directions(rng, count, jitter=0.15) * np.array([1, 1, flatness])
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _sprout(
    rng: np.random.Generator,
    body: Body,
    directions: np.ndarray,
    length: float,
    base: float,
    tip: float,
    spread: float = 0.2,
) -> list[Spicule]:
    """Let spicules rise by `length` (relative deviation `spread`) above the body's surface."""
    points, normals = surface_points(body, directions)
    spicules = []
    for point, normal, direction in zip(points, normals, directions, strict=True):
        axis = normal + 0.5 * direction
        axis /= np.linalg.norm(axis)
        height = max(length * rng.normal(1, spread), 0.5)
        # The foot lies inside, so that the cone rises out of the body without a step.
        foot = point - axis * base
        spicules.append(_spicule(foot, axis, base + height - tip, base, tip))
    return spicules


def _spicule(foot: np.ndarray, axis: np.ndarray, length: float, base: float, tip: float) -> Spicule:
    return Spicule(
        (float(foot[0]), float(foot[1]), float(foot[2])),
        (float(axis[0]), float(axis[1]), float(axis[2])),
        max(float(length), 1.0),
        base,
        tip,
    )
