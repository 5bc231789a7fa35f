"""Training under the published flags, and the checkpoint that it leaves."""

import dataclasses
import signal

import pytest
import torch

from dispr.cells.folder import find_cells
from dispr.diffusion.config import DiffusionConfig
from dispr.errors import ConfigError, FileError
from dispr.model.config import ModelConfig
from dispr.model.published import PublishedFlags
from dispr.model.published_checkpoint import load_published, save_published
from dispr.model.weights import build_network, load_weights
from dispr.network.config import UNetConfig
from dispr.training import published
from dispr.training.config import TrainingConfig
from dispr.training.published import PublishedTrainer, set_loss_scale, training_config

FLAGS = PublishedFlags(lr=1e-2, ema_rate="0.5,0.9", save_interval=100, log_interval=1)

# Folded by 8, a network of 8^3 voxels: the smallest of the published family takes seconds a step.
MODEL = ModelConfig(
    UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic"),
    DiffusionConfig(steps=50),
    target="any",
)


@pytest.fixture
def make_trainer(cells_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "model_config", lambda flags: MODEL)
    files = find_cells(cells_folder, split="train", need_obj=True)

    def make(flags=FLAGS, steps=2):
        return PublishedTrainer(files, tmp_path / "run", flags, steps=steps, device="cpu")

    return make


def test_defaults_are_published():
    config = training_config(PublishedFlags())
    assert config == TrainingConfig(
        steps=60000,
        batch_size=1,
        lr=1e-4,
        weight_decay=0,
        ema_rates=(0.9999,),
        validation_fraction=0,
        validation_interval=0,
        save_interval=5000,
        log_interval=100,
    )


@pytest.mark.parametrize(
    ("flags", "setting"),
    [
        ({"microbatch": -1}, {"microbatch": 0}),
        ({"microbatch": 2, "batch_size": 4}, {"microbatch": 2, "batch_size": 4}),
        ({"ema_rate": "0.99, 0.9999"}, {"ema_rates": (0.99, 0.9999)}),
        ({"use_fp16": True}, {"precision": "fp16"}),
        ({"schedule_sampler": "loss-second-moment"}, {"schedule_sampler": "loss-second-moment"}),
        ({"weight_decay": 0.05}, {"weight_decay": 0.05}),
        ({"lr_anneal_steps": 70000}, {"lr_anneal_steps": 70000, "steps": 70000}),
    ],
)
def test_training_flags(flags, setting):
    expected = dataclasses.replace(training_config(PublishedFlags()), **setting)
    assert training_config(PublishedFlags(**flags)) == expected


def test_the_end_is_the_earlier_of_steps_and_annealing():
    flags = PublishedFlags(lr_anneal_steps=100)
    assert training_config(flags, steps=10).steps == 10
    assert training_config(flags, steps=1000).steps == 100
    assert training_config(PublishedFlags(), steps=7).steps == 7


@pytest.mark.parametrize(
    "flags", [{"ema_rate": "fast"}, {"ema_rate": ""}, {"lr": 0.0}, {"fp16_scale_growth": -1.0}]
)
def test_invalid_flags_are_one_sentence(flags):
    with pytest.raises(ConfigError, match=r"^[^\n]+\.$"):
        training_config(PublishedFlags(**flags))


def test_saved_model_holds_the_averaged_weights(make_trainer, tmp_path):
    trainer = make_trainer()
    assert len(trainer.cells) == 6
    assert trainer.fit()
    for pt, own in [
        ("savedmodel.pt", "weights.safetensors"),
        ("savedmodel_ema_0.9.pt", "weights_ema_0.9.safetensors"),
    ]:
        saved = load_published(tmp_path / "run" / pt, MODEL)
        expected = load_weights(tmp_path / "run" / own).state
        assert saved.keys() == expected.keys()
        assert all(torch.equal(saved[name], expected[name]) for name in expected)
    raw = trainer.network.state_dict()
    assert any(not torch.equal(saved[name], raw[name]) for name in raw)


def test_numbered_checkpoints_are_kept_if_asked_for(cells_folder, make_trainer, tmp_path):
    files = find_cells(cells_folder, split="train", need_obj=True)
    run = tmp_path / "kept"
    trainer = PublishedTrainer(files, run, FLAGS, steps=3, keep_every=2, device="cpu")
    states = {}

    def note(step, values):
        states[step] = {k: v.clone() for k, v in trainer.averages[0].state.items()}

    assert trainer.fit(note)
    kept = {path.name for path in run.glob("*.pt")}
    assert kept == {
        "checkpoint.pt",
        "savedmodel.pt",
        "savedmodel000002.pt",
        "savedmodel_ema_0.9.pt",
        "savedmodel_ema_0.9_000002.pt",
    }
    saved = load_published(run / "savedmodel000002.pt", MODEL)
    assert all(torch.equal(saved[name], states[2][name]) for name in saved)
    assert load_weights(run / "weights_000002.safetensors").about["steps"] == 2


def test_interruption_leaves_the_saved_model_and_can_go_on(make_trainer, tmp_path):
    def interrupt(step, values):
        if step == 1:
            signal.raise_signal(signal.SIGINT)

    assert not make_trainer(steps=3).fit(interrupt)
    first = load_published(tmp_path / "run" / "savedmodel.pt", MODEL)
    again = make_trainer(steps=3)
    assert again.step == 1
    assert again.fit()
    second = load_published(tmp_path / "run" / "savedmodel.pt", MODEL)
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_resume_checkpoint_is_where_training_begins(make_trainer, tmp_path):
    torch.manual_seed(5)
    state = build_network(MODEL).state_dict()
    save_published(tmp_path / "begin.pt", state)
    flags = dataclasses.replace(FLAGS, resume_checkpoint=str(tmp_path / "begin.pt"))
    trainer = make_trainer(flags)
    assert all(torch.equal(trainer.network.state_dict()[name], state[name]) for name in state)
    assert all(torch.equal(trainer.averages[0].state[name], state[name]) for name in state)
    assert trainer.fit()
    other = {name: value + 1 for name, value in state.items()}
    save_published(tmp_path / "other.pt", other)
    changed = dataclasses.replace(FLAGS, resume_checkpoint=str(tmp_path / "other.pt"))
    with pytest.raises(ConfigError, match=r"started from begin\.pt, and other\.pt is different"):
        make_trainer(changed)
    with pytest.raises(ConfigError, match=r"started from begin\.pt, not fresh"):
        make_trainer(FLAGS)
    (tmp_path / "begin.pt").unlink()
    assert make_trainer(flags).step == 2


def test_resume_checkpoint_that_is_none_is_refused(make_trainer):
    with pytest.raises(FileError, match=r"nowhere\.pt does not exist"):
        make_trainer(dataclasses.replace(FLAGS, resume_checkpoint="nowhere.pt"))


def test_loss_scale_changes_as_published():
    scaler = torch.amp.GradScaler("cpu")
    set_loss_scale(scaler, 0.5, begin=True)
    parameter = torch.nn.Parameter(torch.ones(()))
    optimizer = torch.optim.SGD([parameter], lr=0.1)

    def step(loss):
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return torch.log2(torch.tensor(scaler.get_scale())).item()

    assert step(parameter * 1) == pytest.approx(20.5)
    assert step(parameter * 1) == pytest.approx(21.0)
    assert step(parameter * float("inf")) == pytest.approx(20.0)
    set_loss_scale(scaler, 1.0, begin=False)
    assert step(parameter * 1) == pytest.approx(21.0)
