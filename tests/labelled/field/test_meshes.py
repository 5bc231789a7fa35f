import numpy as np
import pytest

from dispr.cells.square import Square
from dispr.labelled.field.meshes import placed_mesh
from dispr.surface.mesh import Mesh

MESH = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]]), np.array([[0, 1, 2]]))


@pytest.mark.parametrize("edge", [32, 64, 96])
def test_the_first_voxel_begins_where_the_square_does(edge):
    square = Square(10, 20, edge)
    placed = placed_mesh(MESH, square, 120, None)
    # Pixel 10 begins at 9.5; the middle of the first of 64 voxels is half a voxel further.
    voxel = edge / 64
    x, y, z = placed.vertices[0]
    assert (x, y) == pytest.approx((19.5 + voxel / 2, 9.5 + voxel / 2))
    # All squares have their middles at the plane in the middle of 120.
    assert z == pytest.approx((120 - edge) / 2 - 0.5 + voxel / 2)
    assert placed.unit == "voxel"
    np.testing.assert_allclose(placed.vertices - placed.vertices[0], MESH.vertices)


def test_in_um():
    placed = placed_mesh(MESH, Square(10, 20, 64), 64, 0.25)
    assert placed.vertices[0] == pytest.approx([5, 2.5, 0])
    assert placed.unit == "um"
