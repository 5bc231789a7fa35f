"""Small synthetic cells for the tests of this folder."""

import numpy as np
import pytest
import tifffile


def _ellipsoid(z=15.0, y=20.0, x=12.0):
    axes = np.meshgrid(np.arange(64) - 32, *[np.arange(64) - 31.5] * 2, indexing="ij")
    radius = np.sqrt(sum((a / r) ** 2 for a, r in zip(axes, (z, y, x), strict=True)))
    distance = (1 - radius) * min(z, y, x)
    return np.rint(np.clip(distance / 2 + 0.5, 0, 1) * 255).astype(np.uint8)


def _cell(seed=0, **radii):
    obj = _ellipsoid(**radii)
    rng = np.random.default_rng(seed)
    image = (obj[32] * 0.6 + rng.integers(0, 40, (64, 64))).astype(np.uint8)
    return {"image": image, "mask": obj[32], "obj": obj}


def _write_cells(folder, names, kinds=("image", "mask", "obj"), first_seed=0):
    for i, name in enumerate(names):
        arrays = _cell(seed=first_seed + i)
        for kind in kinds:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / kind / f"{name}.tif", arrays[kind])
    return folder


@pytest.fixture(scope="session")
def make_cell():
    """Give a function: image, mask and obj of an ellipsoid, grey at its border."""
    return _cell


@pytest.fixture(scope="session")
def write_cells():
    """Give a function: write a cell for each name into the folders of `kinds`."""
    return _write_cells
