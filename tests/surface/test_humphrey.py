import numpy as np
import trimesh

from dispr.surface.humphrey import humphrey


def test_smoothing_is_that_of_trimesh():
    mesh = trimesh.creation.icosphere(2)
    rough = mesh.vertices + np.random.default_rng(0).normal(scale=0.05, size=mesh.vertices.shape)
    found = humphrey(rough, mesh.faces)
    smooth = trimesh.Trimesh(rough, mesh.faces, process=False)
    trimesh.smoothing.filter_humphrey(smooth)
    np.testing.assert_allclose(found, smooth.vertices, atol=1e-12)
    assert np.abs(found - rough).max() > 0.05


def test_the_vertices_given_are_left_as_they_are():
    mesh = trimesh.creation.box()
    before = np.array(mesh.vertices)
    humphrey(before, mesh.faces)
    np.testing.assert_array_equal(before, mesh.vertices)
