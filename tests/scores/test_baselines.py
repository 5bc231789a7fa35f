import numpy as np
import pytest

from dispr.errors import ArrayError
from dispr.morphology.ellipsoid import ellipsoid_volume
from dispr.scores.baselines import (
    cylinder,
    ellipsoid,
    interpolate,
    nearest,
    planes_of,
)


def disc(a, b, angle=0.0):
    y, x = np.mgrid[:64, :64] - 32
    u, v = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    return ((u / a) ** 2 + (v / b) ** 2 <= 1).astype(np.uint8) * 255


def test_cylinder():
    body = cylinder(disc(16, 16))
    planes = np.flatnonzero(body.any(axis=(1, 2)))
    assert planes.tolist() == list(range(24, 40))
    assert (body[planes] == (disc(16, 16) > 0)).all()


def test_height_of_the_cylinder_is_the_mean_half_axis():
    planes = np.flatnonzero(cylinder(disc(20, 10)).any(axis=(1, 2)))
    assert len(planes) == 15
    assert 32 in planes


@pytest.mark.parametrize("angle", [0.0, 0.5, 2.0])
def test_ellipsoid(angle):
    mask = disc(20, 12, angle)
    body = ellipsoid(mask)
    assert body.sum() == pytest.approx(4 / 3 * np.pi * 20 * 12 * 16, rel=0.03)
    overlap = (body[32] & (mask > 0)).sum() / (body[32] | (mask > 0)).sum()
    assert overlap > 0.93


def test_volume_of_the_ellipsoid_leaves_the_faint_border_out():
    mask = disc(20, 12)
    assert ellipsoid_volume(mask) == pytest.approx(4 / 3 * np.pi * 20 * 12 * 16, rel=0.03)
    faint = np.where(disc(22, 14) > mask, 100, mask).astype(np.uint8)
    assert ellipsoid_volume(faint) == ellipsoid_volume(mask)


def test_crumbs_of_a_mask_do_not_move_the_ellipsoid():
    mask = disc(15, 15)
    before = ellipsoid(mask)
    mask[2:4, 60:62] = 255
    assert (ellipsoid(mask) == before).all()


def test_nearest():
    library = np.stack([disc(10, 10), disc(16, 12), disc(20, 20)]) > 0
    assert nearest(disc(15, 13), library) == 1


@pytest.mark.parametrize("make", [cylinder, ellipsoid])
def test_degenerate_masks(make):
    mask = np.zeros((64, 64), np.uint8)
    with pytest.raises(ArrayError, match="empty"):
        make(mask)
    mask[5, 5] = 255
    assert np.argwhere(make(mask)).tolist() == [[32, 5, 5]]
    assert make(np.full((64, 64), 255)).any()
    with pytest.raises(ArrayError, match="not 64 x 64"):
        make(mask[:32])


def test_nearest_of_nothing():
    with pytest.raises(ArrayError, match="no training masks"):
        nearest(disc(5, 5), np.zeros((0, 64, 64), bool))


KNOWN = {
    "cylinder": [0.567, 0.334, 0.229, 0.197, 0.195],
    "ellipsoid": [0.563, 0.663, 0.196, 0.369, 0.326],
    "nearest": [0.634, 0.144, 0.126, 0.178, 0.083],
}


@pytest.mark.reference
def test_baselines_of_the_real_test_cells(real_cells):
    """The known mean scores of the 137 test cells, to the third decimal."""
    from dataclasses import astuple

    from dispr.cells.folder import find_cells
    from dispr.cells.read import read_mask, read_obj
    from dispr.scores.library import training_cells
    from dispr.scores.shape import measure, score

    library = training_cells(real_cells)
    found = {name: [] for name in KNOWN}
    for cell in find_cells(real_cells, "test", need_obj=True):
        mask, truth = read_mask(cell.mask), read_obj(cell.obj) > 127
        measures = measure(truth)
        similar = read_obj(library.most_similar(cell.mask)) > 127
        bodies = {"cylinder": cylinder(mask), "ellipsoid": ellipsoid(mask), "nearest": similar}
        for name, body in bodies.items():
            found[name].append(astuple(score(body, truth, measures)))
    for name, known in KNOWN.items():
        assert np.mean(found[name], axis=0) == pytest.approx(known, abs=0.001), name


def ball(radius):
    z, y, x = np.mgrid[:64, :64, :64] - 32
    return z**2 + y**2 + x**2 <= radius**2


def test_one_plane_of_a_ball_is_closed_to_the_ball():
    body, truth = interpolate({32: ball(15)[32]}), ball(15)
    assert (body & truth).sum() / (body | truth).sum() > 0.94


def test_distances_are_interpolated_linearly():
    body = interpolate({32: disc(20, 20) > 0, 42: disc(10, 10) > 0})
    radii = np.sqrt(body.sum(axis=(1, 2)) / np.pi)
    assert radii[32:43] == pytest.approx(np.linspace(20, 10, 11), abs=0.5)
    assert radii[43:48] == pytest.approx(np.linspace(9, 5, 5), abs=0.6)
    assert not body[48:].any()


def test_empty_planes_end_the_shape():
    body = interpolate({28: disc(0.1, 0.1) * 0, 32: disc(15, 15) > 0, 36: disc(15, 15) > 0})
    assert not body[:29].any()
    assert body[32:37].sum() == 5 * (disc(15, 15) > 0).sum()


def test_more_planes_come_closer():
    truth = ball(20)
    scores = []
    for count in (1, 2, 3, 5, 9):
        planes = planes_of(truth, truth[32], count)
        assert len(planes) == count
        body = interpolate(planes)
        assert all((body[z] == truth[z]).all() for z in planes)
        scores.append((body & truth).sum() / (body | truth).sum())
    assert scores[2:] == sorted(scores[2:])
    assert scores[-1] > 0.95


def test_interpolation_needs_the_section():
    with pytest.raises(ArrayError, match="plane 32, the section, is needed"):
        interpolate({30: disc(9, 9) > 0})


def test_planes_lie_evenly_over_the_shape():
    obj = np.zeros((64, 64, 64), bool)
    obj[20:50, 10:20, 10:30] = True  # planes 20 to 49, in three parts of 10 with 34.5 in the middle
    section = np.zeros((64, 64), np.uint8)
    section[0, 0], section[1, 1] = 128, 127
    found = planes_of(obj, section, 3)
    assert sorted(found) == [24, 32, 44]
    for z in (24, 44):
        np.testing.assert_array_equal(found[z], obj[z])
    assert np.argwhere(found[32]).tolist() == [[0, 0]]
    assert sorted(planes_of(obj, section, 2)) == [32, 40]  # half way from 32 to 49
    assert sorted(planes_of(obj, section, 1)) == [32]
    assert sorted(planes_of(np.zeros_like(obj), section, 2)) == [32]


def test_towards_an_empty_plane_the_shape_shrinks_alike_above_and_below():
    y, x = np.mgrid[:64, :64] - 32
    disc, empty = y**2 + x**2 < 15**2, np.zeros((64, 64), bool)
    body = interpolate({24: empty, 32: disc, 40: empty})
    np.testing.assert_array_equal(body[32], disc)
    for k in range(1, 9):
        np.testing.assert_array_equal(body[32 - k], body[32 + k])
    areas = [int(body[32 + k].sum()) for k in range(8)]
    assert areas == sorted(areas, reverse=True)
    assert areas[7] < areas[0]
    assert not body[:24].any()
    assert not body[41:].any()
