"""Solids with known measures, at any place and rotation."""

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.spatial.transform import Rotation


class Solid:
    """A body as a function of (Z, Y, X) coordinates about its centre, with what it measures."""

    def __init__(self, inside, extent, **known):
        self.inside, self.extent, self.known = inside, extent, known

    def voxels(self, seed=None, spacing=(1.0, 1.0, 1.0)):
        """Draw it: unturned and off the lattice, or turned and moved at random by the seed."""
        counts = [int(np.ceil((self.extent + 5) / edge)) | 1 for edge in spacing]
        axes = [(np.arange(n) - n // 2) * edge for n, edge in zip(counts, spacing, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"))
        if seed is None:
            grid = grid - np.array([0.23, 0.37, 0.41])[:, None, None, None] * np.min(spacing)
        else:
            rng = np.random.default_rng(seed)
            shift = rng.uniform(-0.5, 0.5, 3) * spacing
            turn = Rotation.random(random_state=rng).as_matrix()
            grid = np.einsum("ij,jabc->iabc", turn, grid - shift[:, None, None, None])
        return self.inside(*grid)


def ball(r):
    return Solid(
        lambda z, y, x: z**2 + y**2 + x**2 <= r**2,
        2 * r,
        volume=4 / 3 * np.pi * r**3,
        surface=4 * np.pi * r**2,
        axes=(2 * r,) * 3,
        mean_curvature=4 * np.pi * r,
        bending=1,
        thickness=2 * r,
        euler=1,
    )


def ellipsoid(a, b, c):
    def element(t, p):
        u = (b * c * np.sin(t) * np.cos(p)) ** 2 + (a * c * np.sin(t) * np.sin(p)) ** 2
        return np.sin(t) * np.sqrt(u + (a * b * np.cos(t)) ** 2)

    def curvature(t, p):
        # H of an ellipsoid with the support function h at this point, times the area element.
        x = np.array([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)]) * (a, b, c)
        h = 1 / np.sqrt((x**2 / np.array([a, b, c]) ** 4).sum())
        mean = h**3 * (a**2 + b**2 + c**2 - (x**2).sum()) / (2 * (a * b * c) ** 2)
        return mean * element(t, p)

    half = (0, np.pi / 2, 0, np.pi / 2)
    return Solid(
        lambda z, y, x: (z / a) ** 2 + (y / b) ** 2 + (x / c) ** 2 <= 1,
        2 * max(a, b, c),
        volume=4 / 3 * np.pi * a * b * c,
        surface=8 * dblquad(element, *half)[0],
        axes=tuple(sorted((2 * a, 2 * b, 2 * c), reverse=True)),
        mean_curvature=8 * dblquad(curvature, *half)[0],
        thickness=2 * min(a, b, c),
        euler=1,
    )


def torus(big, small):
    ratio = big / small
    return Solid(
        lambda z, y, x: (np.hypot(y, x) - big) ** 2 + z**2 <= small**2,
        2 * (big + small),
        volume=2 * np.pi**2 * big * small**2,
        surface=4 * np.pi**2 * big * small,
        mean_curvature=2 * np.pi**2 * big,
        bending=np.pi / 4 * ratio**2 / np.sqrt(ratio**2 - 1),
        thickness=2 * small,
        even=True,
        euler=0,
    )


def shell(outer, inner):
    def inside(z, y, x):
        squares = z**2 + y**2 + x**2
        return (squares <= outer**2) & (squares >= inner**2)

    return Solid(
        inside,
        2 * outer,
        volume=4 / 3 * np.pi * (outer**3 - inner**3),
        surface=4 * np.pi * (outer**2 + inner**2),
        mean_curvature=4 * np.pi * (outer - inner),
        bending=2,
        thickness=outer - inner,
        even=True,
        euler=2,
    )


def box(a, b, c):
    return Solid(
        lambda z, y, x: (abs(z) <= a / 2) & (abs(y) <= b / 2) & (abs(x) <= c / 2),
        np.sqrt(a**2 + b**2 + c**2),
        volume=a * b * c,
        surface=2 * (a * b + b * c + c * a),
        # The ellipsoid with the moments of a box has axes longer by the root of 5 / 3.
        axes=tuple(sorted(np.sqrt(5 / 3) * np.array([a, b, c]), reverse=True)),
        mean_curvature=np.pi * (a + b + c),
        thickness=min(a, b, c),
        euler=1,
    )


MAKERS = {"ball": ball, "ellipsoid": ellipsoid, "torus": torus, "shell": shell, "box": box}


@pytest.fixture(scope="session")
def solid():
    """Give a function: make a solid from its kind and sizes."""
    made = {}

    def make(kind, *sizes):
        if (kind, sizes) not in made:
            made[kind, sizes] = MAKERS[kind](*sizes)
        return made[kind, sizes]

    return make
