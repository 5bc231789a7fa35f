import numpy as np
import pytest

from dispr.scores.baselines import cylinder, ellipsoid, nearest


def disc(a, b, angle=0.0):
    y, x = np.mgrid[:64, :64] - 32
    u, v = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    return ((u / a) ** 2 + (v / b) ** 2 <= 1).astype(np.uint8) * 255


def test_cylinder():
    body = cylinder(disc(16, 16))
    planes = np.flatnonzero(body.any(axis=(1, 2)))
    assert planes.mean() == 32
    assert len(planes) == pytest.approx(16, abs=1)
    assert (body[32] == (disc(16, 16) > 0)).all()


@pytest.mark.parametrize("angle", [0.0, 0.5, 2.0])
def test_ellipsoid(angle):
    mask = disc(20, 12, angle)
    body = ellipsoid(mask)
    assert body.sum() == pytest.approx(4 / 3 * np.pi * 20 * 12 * 16, rel=0.03)
    overlap = (body[32] & (mask > 0)).sum() / (body[32] | (mask > 0)).sum()
    assert overlap > 0.93


def test_crumbs_of_a_mask_do_not_move_the_ellipsoid():
    mask = disc(15, 15)
    before = ellipsoid(mask)
    mask[2:4, 60:62] = 255
    assert (ellipsoid(mask) == before).all()


def test_nearest():
    library = np.stack([disc(10, 10), disc(16, 12), disc(20, 20)]) > 0
    assert nearest(disc(15, 13), library) == 1


def test_baselines_of_the_real_test_cells(real_cells):
    """The known scores of the 137 test cells: IoU, then volume error (means)."""
    from dispr.cells.folder import find_cells
    from dispr.cells.read import read_mask, read_obj
    from dispr.scores.shape import iou, relative_error

    cells = find_cells(real_cells, "test", need_obj=True)
    found = {cylinder: [], ellipsoid: []}
    for cell in cells:
        mask, truth = read_mask(cell.mask), read_obj(cell.obj) > 127
        for make, scores in found.items():
            body = make(mask)
            scores.append([iou(body, truth), relative_error(body.sum(), truth.sum())])
    assert np.mean(found[cylinder], axis=0) == pytest.approx([0.567, 0.334], abs=0.005)
    assert np.mean(found[ellipsoid], axis=0) == pytest.approx([0.563, 0.663], abs=0.005)
