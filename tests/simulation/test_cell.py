import numpy as np
import pytest
from scipy.spatial import ConvexHull

from dispr.cells.classes import TYPES, parse_name
from dispr.errors import ConfigError
from dispr.simulation.cell import SimulatedCell, simulate, simulate_cell
from dispr.simulation.parameters import PARAMETERS
from dispr.simulation.shapes import SHAPES

# Medians of the published cells: volume, and extents along z, y and x, in voxels.
PUBLISHED = {
    "-1.00_spherocyte": (38208, 45, 40, 40),
    "-0.67_stomatocyte_II": (34780, 37, 43, 44),
    "-0.33_stomatocyte_I": (29498, 31, 53, 53),
    "0.00_discocyte": (33240, 27, 50, 50),
    "0.33_echinocyte_I": (34657, 34, 51, 51),
    "0.67_echinocyte_II": (31009, 35, 50, 50),
    "1.00_echinocyte_III": (32437, 50, 48, 48),
    "A_cell_clusters": (53079, 52, 54, 54),
    "B_keratocytes": (23428, 34, 46, 46),
    "C_knizocytes": (30717, 47, 44, 43),
    "D_multilobate_cells": (42718, 50, 42, 43),
    "E_acanthocytes": (27630, 47, 41, 41),
}


@pytest.fixture(scope="module")
def cells() -> dict[str, list[SimulatedCell]]:
    return {kind: list(simulate(16, seed=11, types=[kind])) for kind in TYPES}


def extents(obj: np.ndarray) -> list[int]:
    inside = obj > 127
    return [int(np.ptp(np.flatnonzero(inside.any(axis=a))) + 1) for a in ((1, 2), (0, 2), (0, 1))]


def convexity(obj: np.ndarray) -> float:
    corners = np.argwhere(obj > 127)
    return len(corners) / ConvexHull(np.vstack([corners - 0.5, corners + 0.5])).volume


def test_every_published_type_has_a_shape_and_parameters():
    assert tuple(SHAPES) == tuple(PARAMETERS) == TYPES


@pytest.mark.parametrize("kind", TYPES)
def test_cells_have_the_published_form(cells, kind):
    for cell in cells[kind]:
        assert cell.obj.shape == (64, 64, 64)
        assert cell.image.shape == cell.mask.shape == (64, 64)
        assert cell.obj.dtype == cell.image.dtype == cell.mask.dtype == np.uint8
        assert np.array_equal(cell.mask, cell.obj[32])
        assert (cell.mask > 127).sum() >= 50
        assert parse_name(cell.name).type == cell.type == kind
        assert 20 < len(np.unique(cell.obj)) < 60
        assert cell.image[cell.mask > 127].mean() > 3 * cell.image[:3].mean()


@pytest.mark.parametrize("kind", TYPES)
def test_cells_are_whole_and_centred(cells, kind):
    for cell in cells[kind]:
        for axis in range(3):
            assert not np.take(cell.obj, (0, -1), axis).any()
            planes = np.flatnonzero((cell.obj > 127).any(axis=tuple({0, 1, 2} - {axis})))
            assert abs((planes[0] + planes[-1]) / 2 - 32) <= 1


@pytest.mark.parametrize("kind", TYPES)
def test_sizes_are_those_of_the_published_cells(cells, kind):
    sizes = [[(cell.obj > 127).sum(), *extents(cell.obj)] for cell in cells[kind]]
    # 16 cells: their median scatters by up to a tenth about the one that was fitted.
    np.testing.assert_allclose(np.median(sizes, axis=0), PUBLISHED[kind], rtol=0.25)


def test_convexity_falls_from_spherocyte_to_echinocyte(cells):
    sphere, disc, spiny = (
        np.median([convexity(cell.obj) for cell in cells[kind]])
        for kind in ("-1.00_spherocyte", "0.00_discocyte", "1.00_echinocyte_III")
    )
    assert sphere > 0.93
    assert sphere > disc + 0.05
    assert disc > spiny + 0.1


def test_cells_of_a_type_differ(cells):
    for group in cells.values():
        volumes = [int((cell.obj > 127).sum()) for cell in group]
        assert len(set(volumes)) == len(volumes)


def test_a_seed_gives_the_same_cell_again():
    first, again = (simulate_cell("B_keratocytes", seed=3, index=5) for _ in range(2))
    other = simulate_cell("B_keratocytes", seed=4, index=5)
    for part in ("image", "mask", "obj"):
        assert np.array_equal(getattr(first, part), getattr(again, part))
        assert not np.array_equal(getattr(first, part), getattr(other, part))


def test_cells_do_not_depend_on_their_number():
    few, many = list(simulate(3, seed=2)), list(simulate(5, seed=2))
    for a, b in zip(few, many, strict=False):
        assert a.name == b.name
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.obj, b.obj)


def test_the_public_function():
    import dispr

    for _ in range(2):
        [cell] = dispr.simulate(1, seed=3)
        assert cell.obj.shape == (64, 64, 64)


def test_types_come_in_turn():
    names = [cell.type for cell in simulate(4, types=["0.00_discocyte", "-1.00_spherocyte"])]
    assert names == ["0.00_discocyte", "-1.00_spherocyte"] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"n": 1, "types": ["discocyte"]},
            "discocyte is not a cell type; choose from -1.00_sph",
        ),
        ({"n": 1, "types": []}, "No cell type is given"),
        ({"n": 1, "types": ["0.00_discocyte"] * 2}, "given twice"),
        ({"n": -1}, "-1 cells"),
        ({"n": 1, "seed": -1}, "seed is -1"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments, message):
    with pytest.raises(ConfigError, match=message):
        simulate(**arguments)


def test_cells_lie_with_their_preferred_side_up(cells):
    """The share with more of the body above the middle of the box is that of the parameters."""
    above, expected = [], []
    for kind, parameters in PARAMETERS.items():
        if parameters.upward is None:
            continue
        for cell in cells[kind]:
            planes = (cell.obj > 127).sum((1, 2))
            heights = np.flatnonzero(planes)
            centre = (planes * np.arange(64)).sum() / planes.sum()
            above.append(centre > (heights[0] + heights[-1]) / 2)
            expected.append(parameters.upward)
    assert len(above) > 50
    assert np.mean(above) == pytest.approx(np.mean(expected), abs=0.12)
