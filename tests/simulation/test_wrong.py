import numpy as np

from dispr.simulation.cell import simulate
from dispr.simulation.wrong import resized, wrong_inputs


def pairs():
    cells = list(simulate(4, seed=2))
    return np.stack([c.image for c in cells]), np.stack([c.mask for c in cells])


def test_every_kind_is_an_input_and_not_the_cell():
    images, masks = pairs()
    made = wrong_inputs(images, masks)
    assert len(made) == 12
    for kind, (wrong, marked) in made.items():
        assert wrong.shape == marked.shape == (4, 64, 64), kind
        assert wrong.dtype == marked.dtype == np.uint8, kind
        assert (marked > 127).any(axis=(1, 2)).all(), kind
        assert not (np.array_equal(wrong, images) and np.array_equal(marked, masks)), kind


def test_a_seed_gives_the_same_inputs():
    first, second = (wrong_inputs(*pairs(), seed=3) for _ in range(2))
    other = wrong_inputs(*pairs(), seed=4)
    for kind in first:
        np.testing.assert_array_equal(first[kind], second[kind])
    assert not np.array_equal(first["nucleus"], other["nucleus"])


def test_scale():
    images, masks = pairs()
    _, small = resized(images[0], masks[0], 0.5)
    assert (small > 127).sum() / (masks[0] > 127).sum() == np.clip(
        (small > 127).sum() / (masks[0] > 127).sum(), 0.2, 0.3
    )


def test_another_mask_is_never_ones_own():
    images, masks = pairs()
    _, marked = wrong_inputs(images, masks)["another cell's mask"]
    for mine, other in zip(masks, marked, strict=True):
        assert not np.array_equal(mine, other)
