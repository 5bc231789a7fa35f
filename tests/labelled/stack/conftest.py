"""Simulated fields of touching cells whose shapes are known, as stacks of thick planes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from dispr.files import write_tiff
from dispr.simulation.field import VOXEL, simulate_field

STEP = 3
"""Voxels between the planes of a stack."""


@dataclass(frozen=True, eq=False)
class Known:
    """A stack and what it was made from: `truth[::STEP]` are its labels."""

    truth: np.ndarray
    image: np.ndarray
    labels: np.ndarray
    spacing: tuple[float, float, float] = (STEP * VOXEL, VOXEL, VOXEL)


def known_stack(seed: int, count: int = 3) -> Known:
    truth = simulate_field(
        count, seed, (112, 128), ["0.00_discocyte", "-1.00_spherocyte", "E_acanthocytes"]
    ).truth
    # Empty planes above and below, so that no cell touches the border of the stack.
    truth = np.pad(truth, ((6, 6), (0, 0), (0, 0)))
    light = ndimage.gaussian_filter((truth > 0) * 150.0, 1) + 20
    light += np.random.default_rng(seed).normal(0, 2, light.shape)
    return Known(truth, light[::STEP].clip(0, 255).astype(np.uint8), truth[::STEP])


def write_stack(folder: Path, name: str, stack: Known) -> None:
    write_tiff(folder / f"{name}.tif", stack.image, stack.spacing)
    write_tiff(folder / "labels" / f"{name}.tif", stack.labels, stack.spacing)


@pytest.fixture(scope="session")
def known() -> dict[str, Known]:
    return {name: known_stack(seed) for name, seed in (("a", 1), ("b", 2), ("c", 3))}


@pytest.fixture(scope="session")
def stacks(known, tmp_path_factory) -> Path:
    """A folder of three stacks with their labels in `labels`; the last labels a scrap, too."""
    folder = tmp_path_factory.mktemp("stacks")
    for name, stack in known.items():
        labels = stack.labels.copy()
        if name == "c":
            labels[:3, :5, :5] = 9  # touches the border
            labels[3:6, 100:102, 2:4] = 12  # too small
        write_stack(folder, name, Known(stack.truth, stack.image, labels))
    return folder
