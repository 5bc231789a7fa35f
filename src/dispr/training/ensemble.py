"""Training to a proper score of what is drawn: the energy score of two draws of each cell.

A diffusion model that samples in two steps is trained through both, and through the refiner, so
that its draws of a cell are distributed as the shapes that the cell may have. The energy score
(Gneiting and Raftery, J. Am. Stat. Assoc. 2007, eq. 22) is least in the mean where they are: how
far the draws lie from the truth, less half of how far they lie from each other.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dispr.diffusion.process import Process
from dispr.diffusion.samplers import dpm_solver
from dispr.network.cascade import Cascade, GivenCells
from dispr.network.planes import keep_known
from dispr.network.refiner import Features

SCALES = (1, 2, 4, 8)
"""Edges, in voxels, of the blocks whose mean occupancies are compared."""

BLOCK = 8
"""Edge, in such blocks, of the neighbourhoods whose shapes are compared as a whole."""


def draw_twice(
    cascade: Cascade,
    process: Process,
    condition: Tensor,
    known: Tensor,
    noises: dict[str, Tensor],
    *,
    last: bool = False,
) -> Tensor:
    """Draw two shapes of each cell, with gradients.

    Parameters
    ----------
    cascade : Cascade
        A network that sees known planes.
    process : Process
        The steps to draw in.
    condition, known : Tensor
        (N, 2, size, size) and (N, size, size, size).
    noises : dict of Tensor
        Standard normal: "start" and "spread" (2 N, 1, coarse, coarse, coarse), "grain"
        (2 N, 1, size / 2, size / 2, size / 2).
    last : bool
        Let gradients reach the last step and the refiner alone, which saves half of the arithmetic.

    Returns
    -------
    Tensor
        Occupancies 0 to 1, (2, N, size, size, size); the known planes are as known.
    """
    with torch.set_grad_enabled(not last):
        features = cascade.encoder(condition)
    twice = Features(features.coarse.repeat(2, 1, 1, 1), features.fine.repeat(2, 1, 1, 1))
    known = known.repeat(2, 1, 1, 1)
    given = GivenCells(cascade, twice, known)
    left = len(process.schedule)

    def denoise(x_t: Tensor, t: Tensor) -> Tensor:
        nonlocal left
        left -= 1
        with torch.set_grad_enabled(not last or left == 0):
            return given(x_t, t)

    x = noises["start"]
    for x_t in dpm_solver(denoise, process, lambda: noises["start"]):
        x = x_t
    occupancy = process.decode(x).clamp(0, 1) + given.draw_noise * noises["spread"]
    drawn = torch.sigmoid(given.refine(occupancy, grain=noises["grain"]))[:, 0]
    return keep_known(drawn, known).view(2, len(condition), *drawn.shape[1:])


def energy_score(draws: Tensor, truth: Tensor, fine: Tensor) -> dict[str, Tensor]:
    """Energy score of two draws of each cell.

    Parameters
    ----------
    draws : Tensor
        Occupancies 0 to 1, (2, N, Z, Y, X).
    truth : Tensor
        (N, Z, Y, X), 0 to 1.
    fine : Tensor
        (N,), 0 or 1: whether the truth keeps the grain of the voxels, so that the finest scale,
        surface and roughness are compared too.

    Returns
    -------
    dict of Tensor
        "loss", the sum, and its terms (N,): "blocks<n>" for each scale, "volume", "surface" and
        "roughness", the last three relative to the truth's.
    """
    first, second = draws
    terms = {}
    weight = {1: fine}
    for scale in SCALES:
        a, b, y = (_blocks(shape, scale) for shape in (first, second, truth))
        value = 0.5 * (_distance(a, y) + _distance(b, y) - _distance(a, b))
        terms[f"blocks{scale}"] = value * weight.get(scale, 1.0)
    for name, measure in (("volume", _volume), ("surface", _surface), ("roughness", _roughness)):
        a, b, y = (measure(_hard(shape)) for shape in (first, second, truth))
        value = 0.5 * ((a - y).abs() + (b - y).abs() - (a - b).abs()) / y.clamp(min=1.0)
        terms[name] = value if name == "volume" else value * fine
    return {"loss": torch.stack(list(terms.values())).sum(0), **terms}


def _blocks(shape: Tensor, scale: int) -> Tensor:
    """Give mean occupancies by neighbourhood: (N, neighbourhoods, blocks in one)."""
    n = len(shape)
    pooled = F.avg_pool3d(shape[:, None], scale)[:, 0] if scale > 1 else shape
    edge = min(BLOCK, pooled.shape[1])
    count = pooled.shape[1] // edge
    split = pooled.view(n, count, edge, count, edge, count, edge)
    return split.permute(0, 1, 3, 5, 2, 4, 6).reshape(n, count**3, edge**3)


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """Root mean square difference in each neighbourhood, its mean over them, (N,)."""
    return ((a - b).square().mean(2) + 1e-6).sqrt().mean(1)


def _hard(shape: Tensor) -> Tensor:
    """Decide each voxel, as a user's shapes are; gradients pass as if it were not decided."""
    return (shape > 0.5).to(shape.dtype) + shape - shape.detach()


def _volume(shape: Tensor) -> Tensor:
    return shape.flatten(1).sum(1)


def _surface(shape: Tensor) -> Tensor:
    """Total variation along the axes, (N,): the number of faces of a shape of 0 and 1."""
    steps = [shape.diff(dim=axis).abs().flatten(1).sum(1) for axis in (1, 2, 3)]
    return torch.stack(steps).sum(0)


def _roughness(shape: Tensor) -> Tensor:
    """Voxels that Gaussian smoothing (sigma 2) would change, softly counted, (N,)."""
    reach = 6
    x = torch.arange(-reach, reach + 1, device=shape.device, dtype=shape.dtype)
    kernel = torch.exp(-0.5 * (x / 2) ** 2)
    kernel = kernel / kernel.sum()
    smooth = shape[:, None]
    for axis in range(3):
        width = [1, 1, 1]
        width[axis] = 2 * reach + 1
        padding = [0, 0, 0]
        padding[axis] = reach
        smooth = F.conv3d(smooth, kernel.view(1, 1, *width), padding=padding)
    smoothed = _hard(torch.sigmoid((smooth[:, 0] - 0.5) * 20))
    return (smoothed - shape).abs().flatten(1).sum(1)
