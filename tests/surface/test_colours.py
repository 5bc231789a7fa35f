import numpy as np

from dispr.surface.colours import colours_of
from dispr.surface.mesh import Mesh

BLUE, ORANGE = [62, 98, 172, 255], [238, 118, 56, 255]


def test_from_certain_to_uncertain():
    found = colours_of(np.array([0.0, 0.5, 1.0, 1.5, 2.0, 0.25]))
    assert found.dtype == np.uint8
    assert found[0].tolist() == BLUE
    assert found[1].tolist() == [84, 150, 192, 255]
    assert found[2].tolist() == [146, 203, 186, 255]
    assert found[3].tolist() == [245, 217, 128, 255]
    assert found[4].tolist() == ORANGE
    assert found[5].tolist() == [73, 124, 182, 255]  # half way


def test_the_last_colour_is_that_of_the_top():
    assert colours_of(np.array([1.0, 4.0, 9.0]), top=4.0).tolist()[1:] == [ORANGE, ORANGE]
    assert colours_of(np.zeros(3)).tolist() == [BLUE] * 3


def test_moving_a_mesh():
    mesh = Mesh(np.array([[0.0, 1, 2], [3, 4, 5]]), np.zeros((0, 3), int), "um")
    moved = mesh.moved((1, 20, 300))
    assert moved.vertices.tolist() == [[1, 21, 302], [4, 24, 305]]
    assert moved.unit == "um"
    assert mesh.vertices[0].tolist() == [0, 1, 2]
