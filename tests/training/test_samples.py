"""Samples of a batch: decided by the seed and their numbers, and what is known of each."""

import dataclasses

import pytest
import torch

from dispr.cells.augment import AugmentConfig
from dispr.cells.dataset import CellDataset
from dispr.cells.folder import find_cells
from dispr.diffusion.timesteps import UniformTimesteps
from dispr.model.config import ModelConfig
from dispr.training.config import TrainingConfig
from dispr.training.presets import get_preset
from dispr.training.samples import known_of, make_samples

FAST = get_preset("fast").model
DEVICE = torch.device("cpu")
TRAINING = TrainingConfig(augment=AugmentConfig(noise=0.1), batch_size=4)


@pytest.fixture(scope="module")
def cells(cells_folder):
    return CellDataset(find_cells(cells_folder, split="train", need_obj=True))


def samples(cells, numbers, seed=0, model=FAST):
    training = dataclasses.replace(TRAINING, seed=seed)
    return make_samples(cells, numbers, model, training, UniformTimesteps(1000), DEVICE)


def differs(a, b, name):
    return not torch.equal(getattr(a, name), getattr(b, name))


def test_the_seed_and_the_numbers_decide_everything(cells):
    torch.manual_seed(1)
    first = samples(cells, [5, 6, 11])
    torch.manual_seed(2)
    again = samples(cells, [11, 6, 5])
    for name in ("condition", "target", "t", "noise", "refined", "known"):
        assert torch.equal(getattr(first, name), getattr(again, name).flip(0)), name
    other = samples(cells, [5, 6, 11], seed=1)
    for name in ("condition", "t", "noise"):
        assert differs(first, other, name), name
    # Two samples of one batch are two draws.
    assert (first.noise[0] != first.noise[1]).any()
    assert first.t[0] != first.t[1]


def test_steps_are_spread_over_the_schedule(cells):
    found = samples(cells, list(range(40)), model=ModelConfig()).t
    assert found.min() < 150
    assert found.max() > 850


def test_an_epoch_has_every_cell_once(cells):
    plain = dataclasses.replace(TRAINING, augment=AugmentConfig())
    batch = make_samples(cells, list(range(6)), ModelConfig(), plain, UniformTimesteps(50), DEVICE)
    volumes = sorted(batch.target.flatten(1).sum(1).tolist())
    assert volumes == sorted(float((cell.obj > 127).sum()) for cell in cells)
    # The condition is the mask, and the image inside it, of the same cell.
    for condition, target in zip(batch.condition, batch.target, strict=True):
        inside = condition[0] > 0.5
        assert torch.equal(inside, target[0, 32] > 0.5)
        assert (condition[1] <= condition[0]).all()
        assert (condition[1][condition[0] == 0] == 0).all()


def test_what_is_known_of_a_cell():
    mask = torch.zeros(1, 64, 64)
    mask[:, :10] = 255
    mask[:, 10:12] = 127
    target = torch.zeros(1, 1, 64, 64, 64)
    target[:, :, :, 30:] = 1
    target[:, :, 40, 50:] = 0.5
    chosen = torch.zeros(1, 64, dtype=torch.bool)
    chosen[0, [32, 40]] = True
    (known,) = known_of(mask, target, chosen)
    assert (known[32, :10] == 1).all()
    assert (known[32, 10:] == 0).all()
    assert (known[40, 30:50] == 1).all()
    assert (known[40, :30] == 0).all()
    assert (known[40, 50:] == 0).all()
    others = torch.tensor([z for z in range(64) if z not in (32, 40)])
    assert (known[others] == -1).all()


def test_the_section_is_all_that_is_known_of_a_network_that_is_given_it_only(cells):
    network = dataclasses.replace(FAST.network, section_only=True)
    batch = samples(cells, list(range(12)), model=dataclasses.replace(FAST, network=network))
    known = (batch.known >= 0).all(dim=2).all(dim=2)
    assert known[:, 32].all()
    assert known.sum() == 12


@pytest.mark.parametrize(
    "changed",
    [{}, {"section_only": True, "follower_channels": 32}],
    ids=["denoiser", "follower"],
)
def test_the_section_is_known_of_all_and_more_of_some(cells, changed):
    network = dataclasses.replace(FAST.network, **changed)
    batch = samples(cells, list(range(24)), model=dataclasses.replace(FAST, network=network))
    planes = (batch.known >= 0).all(dim=(2)).all(dim=2)
    assert planes[:, 32].all()
    count = planes.sum(1)
    assert (count == 1).float().mean() == pytest.approx(0.5, abs=0.25)
    assert count.max() > 2
    for known, target in zip(batch.known, batch.target, strict=True):
        shape = (target[0] > 0.5).float()
        shape[32] = known[32]
        assert torch.equal(known[known >= 0], shape[known >= 0])
