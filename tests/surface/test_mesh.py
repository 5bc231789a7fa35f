import math

import numpy as np
import pytest

from dispr.errors import ArrayError, ConfigError
from dispr.prediction.prediction import Prediction
from dispr.simulation.cell import simulate_cell
from dispr.surface.mesh import mesh_of


def distance_field(centre=(32.0, 32.0, 32.0), spacing=(1.0, 1.0, 1.0)):
    grid = np.indices((64, 64, 64)).astype(float)
    offsets = [(grid[i] - centre[i]) * spacing[i] for i in range(3)]
    return np.sqrt(sum(offset**2 for offset in offsets))


def ball(radius=20.0, centre=(32.0, 32.0, 32.0)):
    return distance_field(centre) <= radius


def soft_ball(radius, centre=(32.0, 32.0, 32.0)):
    return np.clip(radius - distance_field(centre) + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize("radius", [6.0, 13.3, 20.0])
def test_ball(radius):
    mesh = mesh_of(ball(radius, (31.7, 32.2, 30.9)))
    assert mesh.watertight
    assert mesh.unit == "voxel"
    # Six voxels are few to tell a ball by.
    assert mesh.volume == pytest.approx(
        4 / 3 * math.pi * radius**3, rel=0.01 if radius > 10 else 0.025
    )
    assert mesh.area == pytest.approx(4 * math.pi * radius**2, rel=0.02)


def test_surface_is_sub_voxel():
    """Vertices of a soft ball lie on its surface to a tenth of a voxel."""
    centre = (32.3, 31.6, 30.8)
    mesh = mesh_of(soft_ball(15.4, centre))
    away = np.linalg.norm(mesh.vertices - centre[::-1], axis=1) - 15.4
    assert np.abs(away).max() < 0.1
    assert np.abs(away).mean() < 0.03


def test_units_axes_and_orientation():
    """With voxels that are not cubes, a ball of voxels is an ellipsoid, where its indices say."""
    centre, edges = np.array([30.0, 34.0, 25.0]), np.array([0.3, 0.2, 0.1])
    body = ball(20.0, centre)
    mesh = mesh_of(body, tuple(edges))
    assert mesh.unit == "um"
    # X, Y, Z, from the centre of the first voxel.
    for end, away in ((mesh.vertices.min(0), -20), (mesh.vertices.max(0), 20)):
        np.testing.assert_allclose(end[::-1] / edges, centre + away, atol=0.6)
    assert mesh.volume == pytest.approx(body.sum() * 0.006, rel=0.01)  # positive: faces outwards


def test_touching_the_border_is_closed():
    body = ball(20.0, (5.0, 60.0, 32.0))
    mesh = mesh_of(body)
    assert mesh.watertight
    assert mesh.volume == pytest.approx(body.sum(), rel=0.02)


@pytest.mark.parametrize(
    "kind", ["0.00_discocyte", "E_acanthocytes", "A_cell_clusters", "C_knizocytes"]
)
def test_cells_are_watertight(kind):
    cell = simulate_cell(kind, seed=5)
    body = cell.obj > 127
    mesh = mesh_of(body)
    assert mesh.watertight
    assert mesh.volume == pytest.approx(body.sum(), rel=0.02)
    open_mesh = type(mesh)(mesh.vertices, mesh.faces[1:])
    assert not open_mesh.watertight


def test_probability_places_the_surface_between_samples():
    """Of balls of 18, 19 and 20, the consensus is the ball of 19, and its spread is 1."""
    samples = np.stack([ball(radius) for radius in (18.0, 19.0, 20.0)])
    mesh = mesh_of(samples.mean(0), samples=samples)
    assert mesh.volume == pytest.approx(4 / 3 * math.pi * 19**3, rel=0.02)
    assert mesh.spread.mean() == pytest.approx(1.0, abs=0.12)
    assert mesh_of(samples[0], (0.5,) * 3, samples).spread.mean() == pytest.approx(0.5, abs=0.06)
    assert mesh_of(samples[0], samples=samples[:1]).spread is None


def test_spread_is_where_samples_differ():
    samples = np.stack([ball(18.0), ball(18.0) | ball(8.0, (32.0, 32.0, 50.0))])
    mesh = mesh_of(samples.mean(0) > 0.4, samples=samples)
    far, near = mesh.vertices[:, 0] > 54, mesh.vertices[:, 0] < 25
    assert mesh.spread[far].min() > 2
    assert mesh.spread[near].max() < 0.1


def test_prediction_mesh():
    samples = np.stack([ball(10.0), ball(14.0), ball(14.0)])
    p = Prediction(samples, samples.mean(0, dtype=np.float32), voxel_size=0.2)
    volume = 4 / 3 * math.pi * 2.8**3
    assert p.mesh().volume == pytest.approx(volume, rel=0.03)
    assert p.mesh(0).volume == pytest.approx(volume * (10 / 14) ** 3, rel=0.03)
    assert p.mesh().unit == "um"
    assert p.mesh().spread is not None
    with pytest.raises(ConfigError, match="samples 0 to 2"):
        p.mesh(3)


def test_bad_volumes():
    with pytest.raises(ArrayError, match="empty"):
        mesh_of(np.zeros((8, 8, 8), bool))
    with pytest.raises(ArrayError, match="Z, Y, X"):
        mesh_of(np.ones((8, 8)))
    with pytest.raises(ArrayError, match="0 to 1"):
        mesh_of(np.full((8, 8, 8), 255, np.uint8))
    with pytest.raises(ArrayError, match="0 to 1"):
        mesh_of(np.full((8, 8, 8), np.nan))
