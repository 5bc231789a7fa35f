import time

import pytest
import torch

from dispr.cells.augment import AugmentConfig, augment
from dispr.cells.dataset import CellDataset
from dispr.cells.folder import find_cells
from dispr.errors import ConfigError

EVERYTHING = AugmentConfig(True, True, True, 0.1, 2, 0.2, 0.02)


@pytest.fixture
def batch(make_cell):
    """Four cells of different orientation as float tensors; none mirror-symmetric in Z."""
    cells = [make_cell(seed=i, z=12 + 2 * i, y=20, x=10 + 3 * i) for i in range(4)]
    image, mask, obj = (
        torch.stack([torch.from_numpy(c[k]) for c in cells]).float()
        for k in ("image", "mask", "obj")
    )
    obj[:, 40:] *= 0.25
    obj[:, 32, 20:24] *= 0.5  # not mirror-symmetric in the plane either
    mask[:] = obj[:, 32]
    return image, mask, obj


def seeded(n, first=0):
    return [torch.Generator().manual_seed(first + i) for i in range(n)]


def iou(a, b):
    a, b = a > 127.5, b > 127.5
    return ((a & b).sum() / (a | b).sum()).item()


def test_nothing_asked_nothing_done(batch):
    out = augment(*batch, AugmentConfig(), seeded(4))
    assert all(a is b for a, b in zip(out, batch, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_the_mask_stays_plane_32(batch, seed):
    _, mask, obj = augment(*batch, EVERYTHING, seeded(4, 10 * seed))
    assert torch.equal(mask, obj[:, 32])


@pytest.mark.reference
def test_the_mask_of_a_real_cell_stays_plane_32(real_cells):
    ds = CellDataset(find_cells(real_cells, "test")[::30])
    given = ds.batch(range(len(ds)))
    arrays = [given[k].float() for k in ("image", "mask", "obj")]
    _, mask, obj = augment(*arrays, EVERYTHING, seeded(len(ds)))
    assert min(iou(m, o[32]) for m, o in zip(mask, obj, strict=True)) > 0.95
    assert (mask - arrays[1]).abs().max() > 100


def test_the_image_moves_with_the_mask(batch):
    _, mask, obj = batch
    config = AugmentConfig(flip=True, rotate=True, scale=0.1, shift=3)
    image, moved, _ = augment(mask.clone(), mask, obj, config, seeded(4))
    assert torch.equal(image, moved)
    assert iou(moved, mask) < 0.9


def test_rotation_preserves_volume(batch):
    obj = batch[2]
    turned = augment(*batch, AugmentConfig(rotate=True), seeded(4))[2]
    ratio = turned.sum((1, 2, 3)) / obj.sum((1, 2, 3))
    assert ratio.sub(1).abs().max() < 0.02
    # A long cell turned by any angle covers itself only in part.
    assert iou(turned[0], obj[0]) < 0.9


def test_scaling_scales_all_three_axes(batch):
    obj = batch[2]
    config = AugmentConfig(scale=0.2)
    scaled = augment(*batch, config, seeded(4))[2]
    signed = [torch.rand(9, generator=g, dtype=torch.float64)[4] * 2 - 1 for g in seeded(4)]
    for i, s in enumerate(signed):
        factor = 1 + 0.2 * s.item()
        assert abs(factor - 1) > 0.01
        assert scaled[i].sum() / obj[i].sum() == pytest.approx(factor**3, rel=0.03)
        extents = [((o > 127.5).any(2).any(1)).sum().item() for o in (obj[i], scaled[i])]
        assert extents[1] == pytest.approx(extents[0] * factor, abs=2)


def test_shift_moves_by_whole_voxels_and_parts(batch):
    config = AugmentConfig(shift=4)
    moved = augment(*batch, config, seeded(4))[1]
    for i, g in enumerate(seeded(4)):
        shift = (torch.rand(9, generator=g, dtype=torch.float64)[5:7] * 2 - 1) * 4
        for axis in (0, 1):
            at = torch.arange(64.0)
            centre = [(m.sum(1 - axis) * at).sum() / m.sum() for m in (batch[1][i], moved[i])]
            assert (centre[1] - centre[0]).item() == pytest.approx(shift[axis].item(), abs=0.1)


def test_flips_are_exact(batch):
    image, mask, obj = batch
    seen = set()
    for seed in range(0, 40, 4):
        out = augment(*batch, AugmentConfig(flip=True), seeded(4, seed))
        for i in range(4):
            dims = [d for d in ([], [0], [1], [0, 1]) if torch.equal(out[1][i], mask[i].flip(d))]
            fits = [d for d in dims if torch.equal(out[0][i], image[i].flip(d))]
            assert len(fits) == 1
            assert torch.equal(out[2][i], obj[i].flip([d + 1 for d in fits[0]]))
            seen.add(tuple(fits[0]))
    assert len(seen) == 4


def test_exact_cells_are_moved_and_not_interpolated(batch):
    config = AugmentConfig(flip=True, rotate=True, scale=0.1, shift=3)
    exact = [True, False, True, False]
    out = augment(*batch, config, seeded(4), exact)
    for i in range(4):
        found = [
            (turns, flip, y, x)
            for turns in range(4)
            for flip in (False, True)
            for y in (-2, 0, 2)
            for x in (-2, 0, 2)
            if (as_moved(batch[2][i], turns, flip, y, x) - out[2][i]).abs().max() < 0.1
        ]
        assert bool(found) == exact[i]
        if found:
            moved = as_moved(batch[1][i], *found[0])
            assert (moved - out[1][i]).abs().max() < 0.1
            assert found[0] != (0, False, 0, 0)  # by the luck of this seed


def as_moved(planes, turns, flip, y, x):
    planes = planes.flip(-1) if flip else planes
    return planes.rot90(turns, (-2, -1)).roll((y, x), (-2, -1))


def test_flip_z_turns_over_about_the_section(batch):
    image, mask, obj = batch
    obj[:, 0] = 9
    turned = 0
    for seed in range(0, 16, 4):
        out = augment(image, mask, obj, AugmentConfig(flip_z=True), seeded(4, seed))
        assert torch.equal(out[0], image)
        assert torch.equal(out[1], mask)
        for i in range(4):
            if not torch.equal(out[2][i], obj[i]):
                turned += 1
                assert all(torch.equal(out[2][i, z], obj[i, 64 - z]) for z in range(1, 64))
                assert not out[2][i, 0].any()
    assert 4 <= turned <= 12


def test_a_cell_is_varied_alike_in_any_batch(batch):
    whole = augment(*batch, EVERYTHING, seeded(4))
    for chosen in ([2], [3, 1]):
        part = augment(*(t[chosen] for t in batch), EVERYTHING, [seeded(4)[i] for i in chosen])
        for a, b in zip(part, whole, strict=True):
            assert torch.equal(a, b[chosen])
    other = augment(*batch, EVERYTHING, seeded(4, first=50))
    assert not torch.equal(other[2], whole[2])


def test_noise_and_intensity_touch_the_image_alone_and_stay_in_range(batch):
    image = batch[0].clone()
    image[:, :8], image[:, 8:16] = 0, 255
    config = AugmentConfig(intensity=0.5, noise=0.1)
    out, mask, obj = augment(image, *batch[1:], config, seeded(4))
    assert mask is batch[1]
    assert obj is batch[2]
    assert out.min() == 0
    assert out.max() == 255
    assert torch.isfinite(out).all()
    grey = torch.full_like(image, 128)
    noise = augment(grey, *batch[1:], AugmentConfig(noise=0.05), seeded(4))[0] - 128
    assert noise.std().item() == pytest.approx(0.05 * 255, rel=0.05)
    bright = augment(grey, *batch[1:], AugmentConfig(intensity=0.3), seeded(4))[0]
    assert bright.flatten(1).std(1).max() == 0
    assert bright.flatten(1).mean(1).std() > 5


def test_interpolation_does_not_leave_the_range(batch):
    """Cubic convolution overshoots at edges as sharp as these."""
    obj = torch.zeros_like(batch[2])
    obj[:, 20:40, 20:40, 20:40] = 255
    flat = obj[:, 32].clone()
    config = AugmentConfig(scale=0.3, rotate=True, shift=3.0)
    for out in augment(flat, flat, obj, config, seeded(4)):
        assert (out.min(), out.max()) == (0, 255)


def test_gain_and_gamma(batch):
    """The logarithm of the image is multiplied by gamma and raised by that of the gain."""
    image = torch.zeros_like(batch[0])
    image[:, :, 0], image[:, :, 1], image[:, :, 2] = 40, 80, 120
    out = augment(image, *batch[1:], AugmentConfig(intensity=0.3), seeded(4))[0]
    before, after = (torch.log(values[:, 0, :3] / 255) for values in (image, out))
    gamma = (after[:, 1] - after[:, 0]) / (before[:, 1] - before[:, 0])
    torch.testing.assert_close(
        (after[:, 2] - after[:, 1]) / (before[:, 2] - before[:, 1]), gamma, rtol=1e-4, atol=1e-4
    )
    gain = after[:, 0] - gamma * before[:, 0]
    for found in (gamma.log(), gain):
        assert found.abs().max() <= 0.3 + 1e-4
        assert found.std() > 0.02
    assert not torch.allclose(gamma.log(), gain, atol=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [{"flip": 1}, {"scale": -0.1}, {"scale": 2}, {"shift": float("nan")}, {"noise": True}],
)
def test_settings_are_checked(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        AugmentConfig(**wrong)


def test_one_generator_a_cell(batch):
    with pytest.raises(ValueError, match="4 random generators"):
        augment(*batch, EVERYTHING, seeded(3))


def test_it_is_fast(batch):
    given = [torch.cat([t, t]) for t in batch]
    times = []
    for _ in range(5):
        start = time.process_time()
        augment(*given, EVERYTHING, seeded(8))
        times.append(time.process_time() - start)
    assert min(times) < 0.3
