import warnings

import numpy as np
import pytest

from dispr.errors import ArrayError
from dispr.morphology.voxels import (
    convexity,
    hull_volume,
    mesh_surface,
    roughness,
    surface,
    volume,
)
from dispr.scores.shape import binarise, iou, measure, relative_error, score


def ball(radius, centre=(32, 32, 32)):
    grid = np.mgrid[:64, :64, :64] - np.reshape(centre, (3, 1, 1, 1))
    return (grid**2).sum(0) <= radius**2


def box(z, y, x):
    body = np.zeros((64, 64, 64), bool)
    body[10 : 10 + z, 12 : 12 + y, 14 : 14 + x] = True
    return body


def test_box():
    body = box(4, 5, 6)
    assert volume(body) == 120
    assert surface(body) == 120 - 2 * 3 * 4
    assert hull_volume(body) == pytest.approx(120)
    assert convexity(body) == pytest.approx(1)


@pytest.mark.parametrize("radius", [8.3, 12.3, 20.3])
def test_ball(radius):
    body = ball(radius)
    assert volume(body) == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.02)
    assert mesh_surface(body) == pytest.approx(4 * np.pi * radius**2, rel=0.1)
    # The hull of the voxels as cubes is about half a voxel larger all around.
    assert convexity(body) == pytest.approx((1 + 0.5 / radius) ** -3, abs=0.04)


def test_convexity_of_a_body_with_a_notch():
    body = box(10, 10, 10)
    body[:, 12:17, 14:19] = False  # a quarter is gone; the hull loses half of that
    assert hull_volume(body) == pytest.approx(10 * (100 - 12.5))
    assert convexity(body) == pytest.approx(750 / 875)


def test_surface_counts_diagonal_neighbours():
    body = box(5, 5, 5)
    body[10, 12, 14] = False  # the voxel inside this corner touches it by its own corner alone
    assert surface(body) == 125 - 1 - 27 + 1


@pytest.mark.parametrize(("thickness", "planes"), [(2, 2), (3, 2), (4, 0)])
def test_roughness_of_slabs(thickness, planes):
    # Weights of a Gaussian of sigma 2: 0.199 0.176 0.121 0.065. A slab of three planes keeps its
    # middle (0.55) and loses both sides (0.497), one of two is lost, one of four stays (0.56).
    body = np.zeros((64, 64, 64), bool)
    body[30 : 30 + thickness] = True
    assert roughness(body) == planes * 64 * 64


def test_roughness_counts_what_smoothing_removes():
    smooth = ball(15)
    spiked = smooth.copy()
    spiked[32, 32, 47:57] = True  # a needle of ten voxels
    assert roughness(spiked) - roughness(smooth) == pytest.approx(10, abs=2)


def test_iou():
    a, b = box(4, 4, 4), box(4, 4, 8)
    assert iou(a, a) == 1
    assert iou(a, b) == 0.5
    assert iou(a, ball(3, (50, 50, 50))) == 0


def test_score_of_the_truth_is_perfect():
    scores = score(ball(10), ball(10))
    assert scores.iou == 1
    assert scores.volume_error == scores.surface_error == scores.roughness_error == 0


def test_relative_errors():
    scores = score(box(8, 8, 16), box(8, 8, 8))
    assert scores.iou == 0.5
    assert scores.volume_error == 1
    assert scores.convexity_error == pytest.approx(0)
    assert relative_error(0, 0) == 0
    assert relative_error(1, 0) == float("inf")


def test_truth_measured_before_gives_the_same_scores():
    ours, truth = ball(9), ball(12, (30, 33, 32))
    assert score(ours, truth, measure(truth)) == score(ours, truth)


def test_grey_volumes_and_lists_are_scored_as_what_they_depict():
    ours, truth = box(8, 8, 8), box(8, 8, 10)
    assert score(ours * np.float32(0.5), truth * np.uint8(200)) == score(ours, truth)
    assert score(ours.tolist(), truth.tolist()) == score(ours, truth)


@pytest.mark.parametrize("shape", [(1, 20, 20), (1, 1, 20), (64, 64, 64)])
def test_flat_and_full_bodies_are_convex(shape):
    body = np.zeros((64, 64, 64), bool)
    body[tuple(slice(n) for n in shape)] = True
    assert convexity(body) == pytest.approx(1)
    assert score(body, body).convexity_error == 0
    assert score(body, ball(9)).iou < 0.1


@pytest.mark.parametrize("count", [0, 1, 2])
def test_degenerate_predictions(count):
    body = np.zeros((64, 64, 64), bool)
    body[32, 32, 30 : 30 + count] = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score(body, ball(10, (20, 20, 20)))
    assert scores.iou == 0
    assert scores.volume_error > 0.99
    if count == 0:
        assert scores.volume_error == scores.surface_error == 1
        assert scores.roughness_error == scores.convexity_error == 1


def test_empty_truth_and_other_shapes_are_refused():
    with pytest.raises(ArrayError, match="empty"):
        score(ball(3), np.zeros((64, 64, 64), bool))
    with pytest.raises(ArrayError, match="have different shapes"):
        score(np.ones((4, 4, 4), bool), ball(3))
    with pytest.raises(ArrayError, match="3D"):
        score(ball(3)[32], ball(3)[32])


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_values_that_are_no_grey_values_are_refused(value):
    body = ball(5).astype(float)
    body[0, 0, 0] = value
    with pytest.raises(ArrayError, match=r"finite grey values|NaN or infinite"):
        score(body, ball(5))


def test_text_is_no_volume():
    with pytest.raises(ArrayError, match="real numbers"):
        binarise(np.array(["a"]))


def test_binarise():
    grey = np.zeros((8, 8, 8), np.uint8)
    grey[2] = 90
    grey[4] = 200
    grey[5:] = 255
    assert (binarise(grey) == (grey > 127)).all()
    assert (binarise(grey > 0) == (grey > 0)).all()
    assert not binarise(np.zeros((2, 2))).any()
    assert binarise(np.full((2, 2), 0.3)).all()


def test_otsu_is_one_half_on_real_objects(real_cells):
    from dispr.files import read_tiff

    for path in sorted((real_cells / "test" / "obj").iterdir())[::20]:
        obj = read_tiff(path)
        assert (binarise(obj) == (obj > 127)).all(), path.name
