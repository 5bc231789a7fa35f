"""Random augmentation of a batch: what the microscope and the cell's pose could as well have been.

Image, mask and volume get the same geometry. The section is plane 32 of the volume, so everything
that is done along Z leaves that plane where it is: the mask stays the answer's middle plane.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from dispr.cells.arrays import SECTION
from dispr.errors import ConfigError


@dataclass(frozen=True)
class AugmentConfig:
    """What is varied, and how far; the defaults vary nothing.

    Attributes
    ----------
    flip : bool
        Mirror along Y and along X, each with probability 1/2.
    flip_z : bool
        Mirror along Z about the section, with probability 1/2; image and mask do not change.
    rotate : bool
        Rotate in the plane by a random angle.
    scale : float
        Scale all three axes by a random factor from 1 - scale to 1 + scale.
    shift : float
        Largest random shift along Y and X, in voxels.
    intensity : float
        Multiply the image by a random gain and raise it (scaled to 0 to 1) to a random power, each
        from exp(-intensity) to exp(intensity).
    noise : float
        Standard deviation of the Gaussian noise added to the image, as a fraction of 255.
    elastic : float
        Largest shift, in voxels, of the control points of a smooth deformation in Y and X: a grid
        of 4 x 4 points, the same in all planes.
    exact : float
        Fraction of the training cells that are augmented without interpolation: rotated by
        multiples of 90 degrees, shifted by even numbers of voxels, not scaled or deformed. They
        preserve the fine structure of the volumes, which interpolation would smooth (the published
        volumes were resampled from a grid with 1.5 times finer spacing, so that every second step
        between their planes is larger). The refiner of a cascade is trained only on these.
    """

    flip: bool = False
    flip_z: bool = False
    rotate: bool = False
    scale: float = 0.0
    shift: float = 0.0
    intensity: float = 0.0
    noise: float = 0.0
    exact: float = 0.0
    elastic: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip", "flip_z", "rotate"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} must be true or false, not {getattr(self, name)!r}.")
        for name, limit in (
            ("scale", 0.5),
            ("shift", 32),
            ("intensity", 1),
            ("noise", 1),
            ("exact", 1),
            ("elastic", 8),
        ):
            value = getattr(self, name)
            # The comparison is false for NaN too.
            if isinstance(value, bool) or not 0 <= value <= limit:
                raise ConfigError(f"{name} must be from 0 to {limit}, not {value!r}.")

    @property
    def moves(self) -> bool:
        """Whether values between the voxels are needed."""
        return self.rotate or self.scale > 0 or self.shift > 0 or self.elastic > 0


def augment(
    image: torch.Tensor,
    mask: torch.Tensor,
    obj: torch.Tensor,
    config: AugmentConfig,
    generators: Sequence[torch.Generator],
    exact: Sequence[bool] | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Vary each cell of a batch by itself.

    Parameters
    ----------
    image, mask : Tensor, (N, Y, X), float32
        From 0 to 255, on any device.
    obj : Tensor, (N, Z, Y, X), float32
        From 0 to 255, with the section in plane 32.
    config : AugmentConfig
        What is varied.
    generators : sequence of torch.Generator
        One on the CPU for each cell. All that is random of a cell comes from its own, so that
        neither the batch size nor its place in the batch matters.
    exact : sequence of bool, optional
        Which of the cells are not to be interpolated; none if not given.

    Returns
    -------
    image, mask, obj : Tensor
        As given; the same objects if `config` varies nothing. Flips alone are exact, all else
        interpolates by cubic convolution (linear interpolation would smooth the surfaces that a
        network is to learn) and takes what is outside for 0.
    """
    if len(generators) != len(image):
        raise ValueError(f"Expected {len(image)} random generators, one per cell.")
    if config == AugmentConfig():
        return image, mask, obj
    device = image.device
    # Always the same nine numbers, so that one kind of variation does not change the next.
    draws = torch.stack([torch.rand(9, generator=g, dtype=torch.float64) for g in generators])
    flips, signed = draws[:, :3] < 0.5, draws[:, 3:] * 2 - 1
    if config.flip or config.flip_z:
        on = torch.tensor([config.flip, config.flip, config.flip_z])
        image, mask, obj = _flipped(image, mask, obj, (flips & on).to(device))
    if config.moves:
        kept = torch.zeros(len(image), dtype=torch.bool)
        if exact is not None:
            kept = torch.tensor(exact, dtype=torch.bool)
        bend = _bend(config, generators, image.shape[1:]) if config.elastic > 0 else None
        image, mask, obj = _moved(image, mask, obj, config, signed, kept, bend)
    if config.intensity > 0 or config.noise > 0:
        image = _exposed(image, config, signed, generators)
    return image, mask, obj


def _flipped(
    image: torch.Tensor, mask: torch.Tensor, obj: torch.Tensor, on: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mirror without interpolation; `on` is (N, 3) bool: Y, X, Z."""
    for axis, dim in ((0, -2), (1, -1)):
        chosen = on[:, axis, None, None]
        image = torch.where(chosen, image.flip(dim), image)
        mask = torch.where(chosen, mask.flip(dim), mask)
        obj = torch.where(chosen[..., None], obj.flip(dim), obj)
    # Plane z goes to 64 - z; plane 0 would come from beyond the volume.
    mirrored = torch.cat([torch.zeros_like(obj[:, :1]), obj[:, 1:].flip(1)], dim=1)
    return image, mask, torch.where(on[:, 2, None, None, None], mirrored, obj)


def _moved(
    image: torch.Tensor,
    mask: torch.Tensor,
    obj: torch.Tensor,
    config: AugmentConfig,
    signed: torch.Tensor,
    exact: torch.Tensor,
    bend: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rotate, scale, shift and bend; `signed` holds uniform numbers from -1 to 1."""
    _, depth, height, width = obj.shape
    device = obj.device
    angle = signed[:, 0] * math.pi * config.rotate
    factor = 1 + signed[:, 1] * config.scale
    shift_y, shift_x = signed[:, 2] * config.shift, signed[:, 3] * config.shift
    angle = torch.where(exact, _rounded(angle, math.pi / 2), angle)
    factor = torch.where(exact, 1.0, factor)
    shift_y, shift_x = (torch.where(exact, _rounded(s, 2.0), s) for s in (shift_y, shift_x))
    # Each new pixel is looked up at the place it came from: the inverse rotation and 1 / factor.
    # Element by element and not as a matrix product, whose rounding depends on the batch size.
    y = (torch.arange(height) - (height - 1) / 2)[None, :, None] - shift_y[:, None, None]
    x = (torch.arange(width) - (width - 1) / 2)[None, None, :] - shift_x[:, None, None]
    if bend is not None:
        bend = torch.where(exact[:, None, None, None], 0.0, bend)
        y, x = y + bend[:, 0], x + bend[:, 1]
    cos = (torch.cos(angle) / factor)[:, None, None]
    sin = (torch.sin(angle) / factor)[:, None, None]
    grid = torch.stack([(cos * x + sin * y) * 2 / width, (cos * y - sin * x) * 2 / height], dim=-1)
    # Z rides along as channels: in the plane, all sections move alike.
    planes = torch.cat([image[:, None], mask[:, None], obj], dim=1)
    planes = F.grid_sample(
        planes,
        grid.to(device, planes.dtype),
        mode="bicubic",
        padding_mode="zeros",
        align_corners=False,
    ).clamp(0, 255)
    image, mask, obj = planes[:, 0], planes[:, 1], planes[:, 2:]
    if config.scale > 0:
        source = SECTION + (torch.arange(depth) - SECTION)[None, :] / factor[:, None]
        obj = _resampled_z(obj, source.to(device, obj.dtype))
    return image, mask, obj


def _bend(
    config: AugmentConfig, generators: Sequence[torch.Generator], shape: torch.Size
) -> torch.Tensor:
    """Draw smooth shifts in Y and X of each pixel, in pixels, (N, 2, Y, X)."""
    draws = [torch.rand(2, 4, 4, generator=g, dtype=torch.float64) for g in generators]
    knots = (torch.stack(draws) * 2 - 1) * config.elastic
    return F.interpolate(knots, size=tuple(shape), mode="bicubic", align_corners=True)


def _rounded(values: torch.Tensor, step: float) -> torch.Tensor:
    return torch.round(values / step) * step


def _resampled_z(obj: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Interpolate planes of (N, Z, Y, X) at the heights `source` (N, Z); 0 beyond the volume."""
    depth = obj.shape[1]
    obj = F.pad(obj, (0, 0, 0, 0, 2, 2))
    source = (source + 2).clamp(1, depth + 2)
    below = source.floor().clamp(max=depth + 1)
    rows = torch.arange(len(obj), device=obj.device)[:, None]
    result = torch.zeros_like(obj[:, :depth])
    for step in (-1, 0, 1, 2):
        weight = _cubic(source - below - step)[..., None, None]
        result += weight * obj[rows, below.long() + step]
    return result.clamp(0, 255)


def _cubic(distance: torch.Tensor) -> torch.Tensor:
    """Weight of a plane at this distance, up to 2 planes: Keys' kernel with PyTorch's a = -0.75."""
    a, x = -0.75, distance.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * a * x - 4 * a
    return torch.where(x <= 1, near, far)


def _exposed(
    image: torch.Tensor,
    config: AugmentConfig,
    signed: torch.Tensor,
    generators: Sequence[torch.Generator],
) -> torch.Tensor:
    """Vary gain and gamma of the image, and add noise."""
    unit = image / 255
    if config.intensity > 0:
        gain, gamma = torch.exp(signed[:, 4:6] * config.intensity).to(unit).T[..., None, None]
        unit = gain * unit.clamp(0, 1) ** gamma
    if config.noise > 0:
        shape = image.shape[1:]
        noise = torch.stack([torch.randn(shape, generator=g) for g in generators])
        unit = unit + config.noise * noise.to(unit)
    return (unit * 255).clamp(0, 255)
