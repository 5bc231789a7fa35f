"""The training within a time budget, in its tiny setting: all parts, and resumed."""

import dataclasses
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dispr.errors import ConfigError
from dispr.model.frame import frame_of
from dispr.model.seen import seen_cells
from dispr.model.weights import load_weights
from dispr.prediction.model import load
from dispr.training.checkpoint import load_checkpoint

SCRIPTS = Path(__file__).parents[2] / "scripts"


def call(monkeypatch, script, *arguments):
    path = SCRIPTS / script
    monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(path), run_name="__main__")
    return end.value.code


@pytest.fixture
def packed(cells_folder, tmp_path, monkeypatch):
    path = tmp_path / "cells.npz"
    assert call(monkeypatch, "pack_cells.py", cells_folder, "-o", path) == 0
    return path


@pytest.fixture
def module():
    return runpy.run_path(str(SCRIPTS / "train_fast.py"))


class Asked:
    """A stop that is asked for after so many looks."""

    def __init__(self, looks=1000):
        self.looks = looks

    @property
    def asked(self):
        self.looks -= 1
        return self.looks < 0


@pytest.fixture
def make(module, packed, tmp_path):
    settings = module["Settings"](
        minutes=1.0,
        first_share=0.5,
        refiner_share=0.0,
        near=0.0,
        last_step=False,
        section_only=False,
        follower=False,
        batch=2,
        lr=1e-3,
        second_lr=1e-3,
        simulated=0,
        share=0.0,
        all_cells=False,
        dropout=0.1,
        seed=1,
        tiny=True,
        began_with="",
    )

    def training(name, **changed):
        out = tmp_path / name
        out.mkdir(exist_ok=True)
        cells = dict(np.load(packed))
        clock = module["Clock"](60.0)
        made = module["Training"](
            cells,
            out,
            dataclasses.replace(settings, **changed),
            None,
            None,
            clock,
            eager=True,
            save_seconds=1e9,
        )
        made.planes = ()  # scores take longer than steps
        return made

    return training


def test_a_stopped_run_goes_on_to_the_same_weights(make, module, tmp_path, monkeypatch):
    # Dropout is drawn from the global generator, which is not taken up.
    monkeypatch.setattr(torch.nn.functional, "dropout", lambda x, *_, **__: x)
    whole = make("whole")
    whole.go_on("first")
    assert whole.train_first(Asked())
    whole.go_on("second")
    assert whole.train_second(Asked())

    cut = make("cut")
    cut.go_on("first")
    assert not cut.train_first(Asked(looks=2))
    assert cut.step == 2
    again = make("cut")
    again.restore(load_checkpoint(tmp_path / "cut"))
    assert (again.part, again.step) == ("first", 2)
    assert again.clock.used >= cut.clock.used - 60
    assert again.train_first(Asked())
    again.go_on("second")
    assert not again.train_second(Asked(looks=1))
    last = make("cut")
    last.restore(load_checkpoint(tmp_path / "cut"))
    assert (last.part, last.step, last.base) == ("second", 4, 3)
    assert last.train_second(Asked())
    for name in ("first", "second"):
        one, two = (
            load_weights(tmp_path / run / f"{name}.safetensors") for run in ("whole", "cut")
        )
        assert one.about["steps"] == two.about["steps"]
        for key, value in one.state.items():
            torch.testing.assert_close(two.state[key], value, atol=1e-6, rtol=1e-3)


def test_the_refiner_can_learn_before_the_rest(make):
    run = make("run", refiner_share=0.2)
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    run.go_on("refiner")
    assert run.train_refiner(Asked())
    changed = {
        name for name, value in run.network.named_parameters() if (value != before[name]).any()
    }
    assert changed
    assert {name.split(".")[0] for name in changed} == {"refiner"}


def test_the_second_part_can_leave_all_but_the_last_step(make):
    run = make("run", last_step=True)
    torch.nn.init.normal_(run.network.denoiser.out[2].weight)  # zero at first: passes no gradient
    torch.nn.init.normal_(run.network.refiner.out[2].weight)
    run.update(run.second_step(0), 0.0)
    reached = {
        name.split(".")[0]
        for name, value in run.network.named_parameters()
        if value.grad is not None and value.grad.abs().sum() > 0
    }
    assert reached == {"denoiser", "refiner"}


def test_diffusion_steps_can_lie_near_those_of_the_sampler(make):
    t = make("near", near=1.0).times(4000)
    assert ((t - 249).abs().minimum((t - 749).abs()) <= 100).all()
    assert 0.4 < (t > 500).float().mean() < 0.6
    t = make("far").times(4000)
    assert ((t >= 380) & (t < 620)).float().mean() > 0.1


def test_what_it_leaves_predicts_and_names_its_cells(make, packed, tmp_path):
    training = make("run")
    training.planes = (2,)
    training.go_on("first")
    before = {key: value.clone() for key, value in training.network.state_dict().items()}
    assert training.train_first(Asked())
    after = training.network.state_dict()
    features = training.config.network.features
    first = "denoiser.input_blocks.0.0.weight"
    known = slice(features, features + 2 * training.config.network.factor)
    assert not torch.equal(after[first][:, known], before[first][:, known])
    assert after["refiner.known.weight"].ne(before["refiner.known.weight"]).any()

    weights = load_weights(tmp_path / "run" / "first.safetensors")
    cells = np.load(packed)
    trained = set(cells["name"][cells["train"]].tolist())
    assert set(weights.about["training_cells"]) == trained
    assert seen_cells(weights.about)[0] == trained
    assert frame_of(weights.about) is not None
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").open()]
    assert {"part", "planes", "consensus", "best", "volume"} <= set(lines[-1])
    model = load(tmp_path / "run" / "first.safetensors", device="cpu")
    drawn = model.predict(cells["image"][0], cells["mask"][0], ensemble=1, seed=0)
    assert (drawn.samples[0, 32] == (cells["mask"][0] > 127)).all()


@pytest.mark.parametrize("fails", [False, True])
def test_trying_to_compile_leaves_the_run_as_it_was(make, monkeypatch, fails):
    """As on a GPU, with what this machine has none of left out."""

    def compile_part(part, **_):
        if fails:
            raise RuntimeError("no compiler")

    training = make("run")
    before = {key: value.clone() for key, value in training.network.state_dict().items()}
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.nn.Module, "compile", compile_part)
    parameters = list(training.network.parameters())
    training.first_step = lambda step: {
        "loss": torch.stack([value.square().sum() for value in parameters]).sum()
    }
    training._compile()
    for state in (training.network.state_dict(), training.average.state):
        assert all(torch.equal(state[key], value) for key, value in before.items())
    assert not training.optimizer.state
    assert training.step == 0
    lines = [json.loads(line) for line in (training.out / "log.jsonl").open()]
    assert ("compile_failed" in lines[-1]) or ("compiled_seconds" in lines[-1])
    assert ("no compiler" in json.dumps(lines)) == fails


def test_other_settings_are_refused(make, packed, tmp_path, monkeypatch, capsys):
    make("run").go_on("first")
    code = call(monkeypatch, "train_fast.py", packed, "-o", tmp_path / "run", "--tiny")
    assert code == 2
    assert "contains a run with other settings (minutes was 1.0 and is now 8.0" in (
        capsys.readouterr().err
    )


def test_cells_of_an_earlier_packing_are_refused(module, packed, tmp_path):
    cells = dict(np.load(packed))
    del cells["about"]
    np.savez(tmp_path / "old.npz", **cells)
    with pytest.raises(ConfigError, match=r"old\.npz is of an earlier version; pack"):
        module["main"].main(
            [str(tmp_path / "old.npz"), "-o", str(tmp_path / "run"), "--tiny"],
            standalone_mode=False,
        )


def test_a_follower_is_trained_beside_weights_that_stay(make, tmp_path):
    run = make("run", follower=True)
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    run.go_on("follower")
    assert run.train_follower(Asked())
    kept = load_weights(tmp_path / "run" / "follower.safetensors")
    changed = {name for name, value in before.items() if (kept.state[name] != value.half()).any()}
    assert changed
    assert {name.split(".")[0] for name in changed} == {"follower"}
    assert kept.config.network.sees_planes


def test_a_follower_learns_from_further_planes_only(make, module):
    run = make("run", follower=True)
    batch = module["make_batch"](run.pool, 0, [True, False], run.settings)
    planes = (batch["known"] >= 0).all(dim=(2)).all(dim=2)
    assert len(planes) == module["SETS"] * len(batch["condition"])
    assert planes[:, 32].all()
    assert (planes.sum(1) > 1).all()
    sets = batch["known"].unflatten(0, (module["SETS"], -1))
    torch.testing.assert_close(sets[0, :, 32], sets[1, :, 32])
    assert (sets[0] != sets[1]).any()


def test_a_follower_needs_weights(monkeypatch, packed, tmp_path, capsys):
    out = tmp_path / "run"
    assert call(monkeypatch, "train_fast.py", packed, "-o", out, "--follower", "--tiny") == 2
    assert "give --init" in capsys.readouterr().err
    assert not out.exists()
