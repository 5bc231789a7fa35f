"""What a step does to the weights, by the numbers of the optimiser."""

import csv
import dataclasses

import pytest
import torch

from dispr.cells.augment import AugmentConfig
from dispr.cells.folder import find_cells
from dispr.diffusion.config import DiffusionConfig
from dispr.model.config import ModelConfig
from dispr.model.weights import load_weights
from dispr.network.config import UNetConfig
from dispr.training.config import TrainingConfig
from dispr.training.trainer import Trainer

MODEL = ModelConfig(
    UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic"),
    DiffusionConfig(steps=50),
)
TRAINING = TrainingConfig(
    steps=1,
    batch_size=2,
    lr=1e-3,
    ema_rates=(0.75,),
    augment=AugmentConfig(),
    validation_fraction=0.0,
    validation_interval=0,
    log_interval=1,
)


@pytest.fixture
def make(cells_folder, tmp_path):
    files = find_cells(cells_folder, split="train", need_obj=True)

    def trainer(name="run", **changes):
        training = dataclasses.replace(TRAINING, **changes)
        return Trainer(files, tmp_path / name, MODEL, training, device="cpu")

    return trainer


def moments(trainer):
    """Give the norm of the first moments: a tenth of the first gradient's."""
    found = [state["exp_avg"].square().sum() for state in trainer.optimizer.state.values()]
    return float(torch.stack(found).sum().sqrt())


def logged(trainer):
    with open(trainer.run / "train_log.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_settings_reach_the_optimiser(make):
    trainer = make(weight_decay=0.03, warmup_steps=4, lr_anneal_steps=10, steps=2)
    trainer.fit()
    (group,) = trainer.optimizer.param_groups
    assert group["weight_decay"] == 0.03
    assert group["lr"] == pytest.approx(1e-3 * (2 / 4) * (9 / 10))
    assert [float(row["lr"]) for row in logged(trainer)] == pytest.approx([2.5e-4, 4.5e-4])


def test_gradients_are_clipped_where_asked(make):
    free, clipped = make("free"), make("clipped", grad_clip=1e-3)
    for trainer in (free, clipped):
        trainer.fit()
    norm = float(logged(free)[0]["gradient_norm"])
    assert norm > 1e-2
    assert moments(free) == pytest.approx(0.1 * norm, rel=1e-3)
    assert moments(clipped) == pytest.approx(0.1 * 1e-3, rel=1e-3)
    assert float(logged(clipped)[0]["gradient_norm"]) == pytest.approx(norm, rel=1e-3)


def test_losses_are_weighted(make, monkeypatch):
    plain, weighted = make("plain"), make("weighted")
    monkeypatch.setattr(weighted.timesteps, "weights", lambda p: 3 / (len(p) * p), raising=False)
    for trainer in (plain, weighted):
        trainer.fit()
    assert moments(weighted) == pytest.approx(3 * moments(plain), rel=1e-3)


def test_weights_are_the_moving_average(make):
    trainer = make(steps=2)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    seen = []
    trainer.fit(
        lambda step, values: seen.append(
            {name: value.clone() for name, value in trainer.network.state_dict().items()}
        )
    )
    weights = load_weights(trainer.run / "weights.safetensors")
    assert weights.about["steps"] == 2
    assert weights.about["ema_rate"] == 0.75
    for name, value in weights.state.items():
        first = 0.75 * before[name] + 0.25 * seen[0][name]
        torch.testing.assert_close(value, 0.75 * first + 0.25 * seen[1][name])
    assert any((seen[1][name] != before[name]).any() for name in before)


def test_averages_warm_up_with_the_steps(make):
    trainer = make(steps=2, ema_warmup=True)
    seen = []
    trainer.fit(
        lambda step, values: seen.append(trainer.network.state_dict()["out.2.bias"].clone())
    )
    # It begins with 0; 1/10 is kept after the first step, 2/11 after the second.
    expected = 2 / 11 * (0.9 * seen[0]) + 9 / 11 * seen[1]
    found = load_weights(trainer.run / "weights.safetensors").state["out.2.bias"]
    torch.testing.assert_close(found, expected)


def test_a_run_is_taken_up_with_all_its_state(make):
    settings = {"schedule_sampler": "loss-second-moment", "save_interval": 1}
    first = make(steps=2, **settings)
    first.fit()
    assert int(first.timesteps.counts.sum()) == 4
    assert float(first.timesteps.losses.sum()) > 0
    again = make(steps=4, **settings)
    assert again.step == 2
    assert torch.equal(again.timesteps.losses, first.timesteps.losses)
    assert torch.equal(again.timesteps.counts, first.timesteps.counts)
    for old, new in zip(
        first.optimizer.state.values(), again.optimizer.state.values(), strict=True
    ):
        assert torch.equal(old["exp_avg"], new["exp_avg"])
        assert torch.equal(old["exp_avg_sq"], new["exp_avg_sq"])
        assert float(new["step"]) == 2
    for name, value in first.averages[0].state.items():
        assert torch.equal(value, again.averages[0].state[name])
        assert torch.equal(first.network.state_dict()[name], again.network.state_dict()[name])
