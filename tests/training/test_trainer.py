import csv
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import warnings

import pytest
import torch
from small import CASCADE, OCCUPANCY

from dispr.cells.augment import AugmentConfig
from dispr.cells.folder import find_cells
from dispr.cells.prepare import occupancy
from dispr.diffusion.config import DiffusionConfig
from dispr.errors import ConfigError, DisprError, DisprWarning, FileError
from dispr.familiarity.reference import familiarity_of
from dispr.model.config import ModelConfig
from dispr.model.seen import digest_of, seen_cells
from dispr.model.weights import load_weights
from dispr.network.config import UNetConfig
from dispr.network.planes import UNKNOWN
from dispr.network.shape_decoder import ShapeDecoderConfig
from dispr.network.shapr import ShaprConfig
from dispr.prediction.model import load
from dispr.simulation.folder import simulate_folder
from dispr.training.config import TrainingConfig
from dispr.training.samples import cell_of, make_samples
from dispr.training.trainer import Trainer, _room_of

# Folded by 8, a network of 8^3 voxels: a step takes milliseconds.
NETWORK = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")
DIFFUSION = DiffusionConfig(steps=50)
TRAINING = TrainingConfig(
    steps=6,
    batch_size=2,
    lr=1e-3,
    ema_rates=(0.5, 0.9),
    augment=AugmentConfig(flip=True, rotate=True, noise=0.1),
    grad_clip=1.0,
    validation_fraction=0.2,
    validation_interval=3,
    validation_cells=2,
    validation_samples=1,
    validation_sampler="dpm-solver",
    validation_steps="2",
    log_interval=1,
)


FAST = ModelConfig(
    dataclasses.replace(CASCADE, refine_share=0.5),
    dataclasses.replace(OCCUPANCY, low=-1.0, high=1.0),
)


def make_trainer(cells_folder, run, training=TRAINING, model=None, **options):
    model = model or ModelConfig(network=NETWORK, diffusion=DIFFUSION)
    files = find_cells(cells_folder, split="train", need_obj=True)
    return Trainer(files, run, model, training, device="cpu", **options)


def weights_of(run, name="weights.safetensors"):
    return load_weights(run / name).state


def assert_equal(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


def test_the_network_of_a_run_is_compiled_on_request(cells_folder, tmp_path, monkeypatch):
    """In place, so that its parameters keep their names; here by a compiler that does nothing."""
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda part, **_: compiled.append(part))
    training = dataclasses.replace(TRAINING, steps=2, validation_interval=0)
    make_trainer(cells_folder, tmp_path / "plain", training).fit()
    assert not compiled
    trainer = make_trainer(cells_folder, tmp_path / "compiled", training, compiled=True)
    assert compiled == [trainer.network]
    trainer.fit()
    assert_equal(weights_of(tmp_path / "compiled"), weights_of(tmp_path / "plain"))


@pytest.mark.parametrize("schedule_sampler", ["uniform", "loss-second-moment"])
def test_interrupted_run_ends_in_the_same_weights(cells_folder, tmp_path, schedule_sampler):
    training = dataclasses.replace(TRAINING, schedule_sampler=schedule_sampler)
    network = dataclasses.replace(NETWORK, dropout=0.1)
    model = ModelConfig(network=network, diffusion=dataclasses.replace(DIFFUSION, steps=25))
    assert make_trainer(cells_folder, tmp_path / "whole", training, model).fit()

    class Killed(Exception):
        pass

    def kill(step, values):
        if step == 4:
            raise Killed

    first = make_trainer(
        cells_folder, tmp_path / "cut", dataclasses.replace(training, save_interval=2), model
    )
    with pytest.raises(Killed):
        first.fit(kill)
    second = make_trainer(cells_folder, tmp_path / "cut", training, model)
    assert second.step == 4
    assert second.fit()
    for name in ("weights.safetensors", "weights_ema_0.9.safetensors"):
        assert_equal(weights_of(tmp_path / "whole", name), weights_of(tmp_path / "cut", name))


@pytest.mark.parametrize("model", [None, FAST], ids=["unet", "cascade"])
def test_microbatches_do_not_change_the_result(cells_folder, tmp_path, model):
    make_trainer(cells_folder, tmp_path / "a", model=model).fit()
    single = dataclasses.replace(TRAINING, microbatch=1)
    make_trainer(cells_folder, tmp_path / "b", single, model).fit()
    a, b = weights_of(tmp_path / "a"), weights_of(tmp_path / "b")
    close = [torch.isclose(a[key], b[key], atol=2e-4, rtol=1e-3).flatten() for key in a]
    # Adam takes steps of full length even where a gradient is but rounding, such as that of a bias
    # which normalisation takes away.
    assert torch.cat(close).float().mean() > 0.999


class Full:
    """A memory in which a network takes at most so many cells at once."""

    def __init__(self, trainer, most):
        self.most = most
        trainer.network.register_forward_hook(self)

    def __call__(self, module, given, output):
        output.register_hook(self.back)

    def back(self, gradient):
        if len(gradient) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")


def test_a_step_in_parts_where_the_memory_is_full(cells_folder, tmp_path):
    training = dataclasses.replace(TRAINING, batch_size=4, validation_interval=0, steps=1)
    gradients = []
    for most in (4, 1):
        trainer = make_trainer(cells_folder, tmp_path / str(most), training)
        Full(trainer, most)
        for parameter in trainer.network.parameters():  # what a failed try left is not counted
            parameter.grad = torch.ones_like(parameter)
        if most == 1:
            told = "4 cells at once; from now on, 1 or fewer"
            with pytest.warns(DisprWarning, match=told) as warned:
                trainer._room.fit(4, trainer._gradients)
            assert [one.category for one in warned].count(DisprWarning) == 1
        else:
            trainer._room.fit(4, trainer._gradients)
        gradients.append([p.grad.clone() for p in trainer.network.parameters()])
        with warnings.catch_warnings():
            warnings.simplefilter("error", DisprWarning)
            assert trainer.fit()
    for one, other in zip(*gradients, strict=True):
        scale = float(one.abs().max())
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * max(scale, 1e-3))


def test_batch_normalisation_is_not_parted(cells_folder, tmp_path):
    training = dataclasses.replace(TRAINING, validation_interval=0)
    model = ModelConfig(ShaprConfig(), None)
    trainer = make_trainer(cells_folder, tmp_path, training, model)
    Full(trainer, 1)
    with pytest.raises(DisprError, match=r"2 of the cells at once, and its batch normalisation"):
        trainer.fit()


def test_processes_do_not_part_steps_on_their_own():
    room = _room_of(torch.nn.Linear(1, 1), 2)
    with pytest.raises(DisprError, match="lower --microbatch"):
        room.fit(2, lambda count: (_ for _ in ()).throw(torch.OutOfMemoryError()))


def test_parts_of_a_step_draw_their_own_dropout():
    assert _room_of(torch.nn.Dropout(0.1), 1).result.endswith("but for dropout")
    assert _room_of(torch.nn.Dropout(0.0), 1).result == "with the same result"


PAPER = ["--preset", "paper", "--network-patch", 8, "--network-pooling", "isotropic"]
PAPER += ["--network-attention-levels", "", "--schedule-sampler", "loss-second-moment"]
FLAGS = ["--preset", "fast", "--network-coarse", 8, "--network-encoder-channels", 8]
FLAGS += ["--network-channels", 32, "--network-features", 8, "--network-fine-channels", 8]


@pytest.mark.parametrize("preset", [PAPER, FLAGS], ids=["paper", "fast"])
def test_two_processes_match_one(cells_folder, tmp_path, preset, dispr):
    arguments = ["train", cells_folder, *preset, "--network-channel-mult", "1,1"]
    arguments += ["--steps", 4, "--batch-size", 2, "--validation-interval", 0, "--device", "cpu"]
    arguments += ["--ema-rates", "0.5", "--diffusion-steps", 50, "--lr", 1e-4]
    done = dispr(*arguments, "-o", tmp_path / "1")
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", 2]
    command += ["--standalone", "-m", "dispr", *arguments, "-o", tmp_path / "2"]
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=300)
    one, two = weights_of(tmp_path / "1"), weights_of(tmp_path / "2")
    for key in one:
        torch.testing.assert_close(one[key], two[key], atol=1e-5, rtol=1e-4)


def test_training_lowers_the_loss_and_logs(cells_folder, tmp_path):
    training = dataclasses.replace(
        TRAINING, steps=40, batch_size=4, augment=AugmentConfig(), validation_interval=15
    )
    # The noise of 8^3 voxels does not fit through this network's channels; a shape does.
    diffusion = DiffusionConfig(steps=50, prediction="x0", variance="fixed-small")
    model = ModelConfig(dataclasses.replace(NETWORK, out_channels=1), diffusion)
    make_trainer(cells_folder, tmp_path, training, model).fit()
    with open(tmp_path / "train_log.csv", newline="") as file:
        losses = [float(row["mse"]) for row in csv.DictReader(file)]
    assert len(losses) == 40
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    with open(tmp_path / "validation_log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [15, 30, 40]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_cascade_trains(cells_folder, tmp_path):
    """Also in a run that is taken up."""
    training = dataclasses.replace(
        TRAINING, steps=26, lr=3e-3, augment=AugmentConfig(), validation_interval=0
    )
    make_trainer(cells_folder, tmp_path, dataclasses.replace(training, steps=12), FAST).fit()
    make_trainer(cells_folder, tmp_path, training, FAST).fit()
    with open(tmp_path / "train_log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 26
    for term in ("coarse", "refined"):
        losses = [float(row[term]) for row in rows]
        assert sum(losses[-5:]) < 0.8 * sum(losses[:5]), term
    assert float(rows[0]["loss"]) == pytest.approx(
        float(rows[0]["coarse"]) + float(rows[0]["refined"]), rel=1e-4
    )


def test_interrupted_cascade_ends_in_the_same_weights(cells_folder, tmp_path):
    training = dataclasses.replace(TRAINING, steps=4, validation_interval=0)
    make_trainer(cells_folder, tmp_path / "whole", training, FAST).fit()
    short = dataclasses.replace(training, steps=2)
    make_trainer(cells_folder, tmp_path / "cut", short, FAST).fit()
    make_trainer(cells_folder, tmp_path / "cut", training, FAST).fit()
    assert_equal(weights_of(tmp_path / "whole"), weights_of(tmp_path / "cut"))


def test_known_planes_are_trained_on(cells_folder, tmp_path):
    """Random sets of them; denoiser and refiner learn of them, also in a run that is taken up."""
    network = dataclasses.replace(FAST.network, planes=True)
    model = dataclasses.replace(FAST, network=network, balanced=True)
    training = dataclasses.replace(TRAINING, validation_interval=0)
    trainer = make_trainer(cells_folder, tmp_path / "whole", training, model)
    fresh = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    samples = make_samples(
        trainer.cells, range(8), model, training, trainer.timesteps, trainer.device
    )
    known = (samples.known != UNKNOWN).flatten(2).all(2)
    assert known[:, 32].all()
    assert (known.sum(1) > 1).any()
    shape = samples.target[:, 0] > 0.5
    others = known.clone()
    others[:, 32] = False
    assert ((samples.known > 0.5) == shape)[others].all()
    trainer.fit()
    trained = trainer.network.state_dict()
    first = "denoiser.input_blocks.0.0.weight"
    given = slice(network.features, network.features + 2 * network.factor)
    assert not torch.equal(trained[first][:, given], fresh[first][:, given])
    for name in ("refiner.known.weight", "refiner.grain.weight"):
        assert not torch.equal(trained[name], fresh[name]), name

    half = dataclasses.replace(training, steps=3)
    make_trainer(cells_folder, tmp_path / "cut", half, model).fit()
    make_trainer(cells_folder, tmp_path / "cut", training, model).fit()
    assert_equal(weights_of(tmp_path / "whole"), weights_of(tmp_path / "cut"))
    drawn = load(tmp_path / "cut" / "weights.safetensors", device="cpu").predict(
        *(getattr(trainer.cells[0], kind) for kind in ("image", "mask")),
        ensemble=2,
        planes={40: trainer.cells[0].obj[40]},
    )
    assert (drawn.samples[:, 40] == (trainer.cells[0].obj[40] > 127)).all()


def test_refiner_learns_from_its_share_alone(cells_folder, tmp_path):
    """Half of the samples train the refiner, the same ones whatever the batch."""
    trainer = make_trainer(cells_folder, tmp_path, model=FAST)
    chosen = [
        make_samples(
            trainer.cells, numbers, FAST, TRAINING, trainer.timesteps, trainer.device
        ).refined.tolist()
        for numbers in ([0, 1, 2, 3], [2, 3])
    ]
    assert chosen == [[True, False, False, True], [False, True]]


def test_refiner_work_is_dealt_round_among_processes(cells_folder, tmp_path):
    """Process r takes samples r, r + world, ...: each has its turn at those of the refiner."""
    network = dataclasses.replace(FAST.network, refine_share=0.25)
    model = dataclasses.replace(FAST, network=network)
    trainer = make_trainer(cells_folder, tmp_path, model=model)
    refined = make_samples(
        trainer.cells, range(16), model, TRAINING, trainer.timesteps, trainer.device
    ).refined
    assert refined.view(4, 4).sum(1).tolist() == [1] * 4
    for world in (2, 4):
        assert refined.view(-1, world).sum(0).tolist() == [4 // world] * world


def test_refiner_learns_from_volumes_that_are_not_interpolated(cells_folder, tmp_path):
    augment = AugmentConfig(rotate=True, scale=0.1, exact=1e-9)
    training = dataclasses.replace(TRAINING, augment=augment)
    trainer = make_trainer(cells_folder, tmp_path, training, FAST)
    for number in range(4):
        samples = make_samples(
            trainer.cells, [number], FAST, training, trainer.timesteps, trainer.device
        )
        own = [
            occupancy(torch.rot90(torch.as_tensor(cell.obj), turns, (1, 2)))
            for cell in (trainer.cells[i] for i in range(len(trainer.cells)))
            for turns in range(4)
        ]
        assert any(torch.equal(samples.target, one) for one in own) == (number in (0, 3))


def test_extra_cells_are_trained_on_beside_ones_own(cells_folder, tmp_path):
    """In their share, all in turn, and never to validate on."""
    extra = find_cells(cells_folder, split="test", need_obj=True)
    training = dataclasses.replace(TRAINING, extra_share=0.2)
    trainer = make_trainer(cells_folder, tmp_path / "mixed", training, extra=extra)
    own = [file.name for file in trainer.cells.files[: -len(extra)]]
    seen = [
        name
        for number in range(12)
        for name in trainer.cells.batch([cell_of(number, len(own), len(extra), 0.2, 0)])["names"]
    ]
    # Five of one's own and one guest an epoch.
    assert len(own) == 5
    assert len(extra) == 2
    assert all(sorted(set(seen[i : i + 6]) & set(own)) == sorted(own) for i in (0, 6))
    guests = [name for name in seen if name not in own]
    assert sorted(guests) == sorted(file.name for file in extra)
    assert not {file.name for file in trainer.validation_cells.files} & set(seen)
    trainer.fit()
    make_trainer(cells_folder, tmp_path / "alone", training).fit()
    mixed, alone = weights_of(tmp_path / "mixed"), weights_of(tmp_path / "alone")
    assert any(not torch.equal(mixed[key], alone[key]) for key in mixed)
    about = load_weights(tmp_path / "mixed" / "weights.safetensors").about
    assert about["extra_training_cells"] == [file.name for file in extra]
    assert seen_cells(about)[0] == {*own, *(file.name for file in extra)}
    with pytest.raises(ConfigError, match=r"\(different extra cells\)"):
        make_trainer(cells_folder, tmp_path / "mixed", training, extra=extra[::-1])


def test_a_validation_cell_among_the_extra_ones_is_refused(cells_folder, tmp_path):
    held = make_trainer(cells_folder, tmp_path / "run").validation_cells.files[0]
    (tmp_path / "more" / "image").mkdir(parents=True)
    copies = {}
    for kind in ("image", "mask", "obj"):
        copies[kind] = tmp_path / "more" / kind / "renamed.tif"
        copies[kind].parent.mkdir(exist_ok=True)
        shutil.copy(getattr(held, kind), copies[kind])
    extra = [dataclasses.replace(held, name="renamed", **copies)]
    with pytest.raises(ConfigError, match=rf"renamed\.tif is {held.name}, .* for validation"):
        make_trainer(cells_folder, tmp_path / "run", extra=extra)


def test_validation_cells_do_not_depend_on_the_seed(cells_folder, tmp_path):
    def validated(seed):
        training = dataclasses.replace(TRAINING, seed=seed)
        cells = make_trainer(cells_folder, tmp_path / str(seed), training).validation_cells
        return [file.name for file in cells.files]

    assert all(validated(0) == validated(seed) for seed in range(1, 5))


@pytest.mark.parametrize(
    "network",
    [dataclasses.replace(NETWORK, in_channels=2, out_channels=1), ShapeDecoderConfig(channels=4)],
)
def test_deterministic_networks_train(cells_folder, tmp_path, network):
    model = ModelConfig(network=network, diffusion=None)
    training = dataclasses.replace(TRAINING, steps=12, lr=3e-3, augment=AugmentConfig())
    make_trainer(cells_folder, tmp_path, training, model).fit()
    with open(tmp_path / "train_log.csv", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert sum(losses[-3:]) < 0.95 * sum(losses[:3])


def test_other_settings_are_refused(cells_folder, tmp_path):
    make_trainer(cells_folder, tmp_path).fit()
    with pytest.raises(ConfigError, match=r"training\.lr was 0\.001 and is now 0\.1"):
        make_trainer(cells_folder, tmp_path, dataclasses.replace(TRAINING, lr=0.1))


def test_longer_run_goes_on(cells_folder, tmp_path):
    make_trainer(cells_folder, tmp_path).fit()
    longer = make_trainer(cells_folder, tmp_path, dataclasses.replace(TRAINING, steps=8))
    assert longer.step == 6
    assert longer.fit()


def test_another_start_is_another_setting(cells_folder, tmp_path):
    short = dataclasses.replace(TRAINING, steps=1, validation_interval=0)
    make_trainer(cells_folder, tmp_path / "first", short).fit()
    make_trainer(cells_folder, tmp_path / "other", dataclasses.replace(short, seed=1)).fit()
    first, other = (load_weights(tmp_path / n / "weights.safetensors") for n in ("first", "other"))
    run, fresh = tmp_path / "run", tmp_path / "fresh"
    make_trainer(cells_folder, run, short, initial=first).fit()
    make_trainer(cells_folder, fresh, short).fit()
    made = r"it started from weights\.safetensors, not fresh weights"
    with pytest.raises(ConfigError, match=made):
        make_trainer(cells_folder, run, short)
    with pytest.raises(ConfigError, match=r"weights\.safetensors is different"):
        make_trainer(cells_folder, run, short, initial=other)
    with pytest.raises(ConfigError, match=r"from weights\.safetensors, not from b\.safetensors"):
        make_trainer(cells_folder, run, short, initial="b.safetensors")
    with pytest.raises(ConfigError, match=r"started from fresh weights, not w"):
        make_trainer(cells_folder, fresh, short, initial=first)
    longer = dataclasses.replace(short, steps=2)
    again = make_trainer(cells_folder, run, longer, initial="weights.safetensors")
    assert again.step == 1
    assert again.fit()
    about = load_weights(run / "weights.safetensors").about
    assert about["started_from"]["training_cells"] == first.about["training_cells"]
    assert make_trainer(cells_folder, run, longer, initial=first).finished


def test_cells_that_were_changed_are_another_setting(cells_folder, tmp_path):
    cells = tmp_path / "cells"
    shutil.copytree(cells_folder, cells)
    short = dataclasses.replace(TRAINING, steps=1, validation_interval=0)
    make_trainer(cells, tmp_path / "run", short).fit()
    masks = sorted((cells / "train" / "mask").iterdir())
    shutil.copyfile(masks[1], masks[0])
    longer = dataclasses.replace(short, steps=2)
    with pytest.raises(ConfigError, match="contents of cells"):
        make_trainer(cells, tmp_path / "run", longer)
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    del state["settings"]["contents_of_cells"]  # an earlier version's
    torch.save(state, tmp_path / "run" / "checkpoint.pt")
    (tmp_path / "run" / "dispr_checksums.txt").unlink()
    assert make_trainer(cells, tmp_path / "run", longer).fit()


def test_steps_alone_extend_a_run_whose_rate_falls_to_its_end(cells_folder, tmp_path):
    training = dataclasses.replace(TRAINING, lr_anneal_steps=6, validation_interval=0)
    make_trainer(cells_folder, tmp_path, training).fit()
    longer = dataclasses.replace(training, steps=8, lr_anneal_steps=8)
    trainer = make_trainer(cells_folder, tmp_path, longer)
    assert (trainer.step, trainer.finished) == (6, False)
    assert trainer.fit()
    with open(tmp_path / "train_log.csv", newline="") as file:
        rates = [float(row["lr"]) for row in csv.DictReader(file)]
    assert rates[-3:] == pytest.approx([1e-3 / 6, 1e-3 * 2 / 8, 1e-3 / 8], rel=1e-5)
    with pytest.raises(ConfigError, match=r"lr_anneal_steps was that of steps and is now 8"):
        make_trainer(cells_folder, tmp_path, dataclasses.replace(longer, steps=9))


def test_a_finished_run_of_an_earlier_version_goes_on(cells_folder, tmp_path):
    """Its checkpoint tells no start, and its decay as a number."""
    training = dataclasses.replace(TRAINING, lr_anneal_steps=6, validation_interval=0)
    make_trainer(cells_folder, tmp_path, training).fit()
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del state["settings"]["start"], state["started_from"]
    state["settings"]["training"]["lr_anneal_steps"] = 6
    torch.save(state, tmp_path / "checkpoint.pt")
    log = tmp_path / "train_log.csv"
    log.write_text("step,loss,lr\n5,1,1\n6,0.5,1\n")
    (tmp_path / "dispr_checksums.txt").unlink()  # earlier versions wrote none
    longer = dataclasses.replace(training, steps=8, lr_anneal_steps=8)
    assert make_trainer(cells_folder, tmp_path, longer).fit()
    with open(log, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["5", "6", "7", "8"]
    assert [row["loss"] for row in rows[:2]] == ["1", "0.5"]
    assert rows[0]["loss_q0"] == ""
    assert float(rows[-1]["gradient_norm"]) > 0


def test_the_log_has_means_since_the_last_line_and_by_quarters(cells_folder, tmp_path):
    single = dataclasses.replace(TRAINING, steps=8, validation_interval=0)
    make_trainer(cells_folder, tmp_path / "single", single).fit()
    grouped = dataclasses.replace(single, log_interval=4)
    make_trainer(cells_folder, tmp_path / "grouped", grouped).fit()

    def rows(run):
        with open(tmp_path / run / "train_log.csv", newline="") as file:
            return list(csv.DictReader(file))

    one, four = rows("single"), rows("grouped")
    assert [row["step"] for row in four] == ["4", "8"]
    quarters = [f"loss_q{i}" for i in range(4)]
    trainer = make_trainer(cells_folder, tmp_path / "empty", single)
    for i, row in enumerate(four):
        part = one[4 * i : 4 * i + 4]
        for key in ("loss", "mse", "vb", "gradient_norm"):
            mean = sum(float(other[key]) for other in part) / 4
            assert float(row[key]) == pytest.approx(mean, rel=1e-4)
        numbers = range(8 * i, 8 * i + 8)
        samples = make_samples(
            trainer.cells, numbers, trainer.model, single, trainer.timesteps, trainer.device
        )
        count = [int((samples.t * 4 // 50 == quarter).sum()) for quarter in range(4)]
        assert [bool(row[quarter]) for quarter in quarters] == [n > 0 for n in count]
        total = sum(n * float(row[q]) for n, q in zip(count, quarters, strict=True) if n)
        assert total / 8 == pytest.approx(float(row["loss"]), rel=1e-4)


def test_automatic_precision_is_settled_and_recorded(cells_folder, tmp_path, monkeypatch):
    training = dataclasses.replace(TRAINING, precision="auto")
    monkeypatch.setattr("dispr.model.device.best_precision", lambda device: "bf16")
    trainer = make_trainer(cells_folder, tmp_path, training)
    assert trainer.objective.precision == "bf16"
    assert trainer.settings["training"]["precision"] == "bf16"
    assert trainer.about["training"]["precision"] == "bf16"


def test_damaged_checkpoint_is_one_sentence(cells_folder, tmp_path):
    make_trainer(cells_folder, tmp_path).fit()
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(FileError, match=r"checkpoint\.pt is damaged"):
        make_trainer(cells_folder, tmp_path)


@pytest.mark.parametrize("stopped_at", [3, 6])
def test_validation_after_a_checkpoint_is_made_up_for(
    cells_folder, tmp_path, monkeypatch, stopped_at
):
    training = dataclasses.replace(TRAINING, save_interval=3)
    make_trainer(cells_folder, tmp_path / "whole", training).fit()
    trainer = make_trainer(cells_folder, tmp_path / "cut", training)
    validated = Trainer._validate

    def stop(self):
        if self.step == stopped_at:
            raise KeyboardInterrupt
        return validated(self)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_validate", stop)
        trainer.fit()
    for _ in range(2):  # the second time there is nothing to do
        again = make_trainer(cells_folder, tmp_path / "cut", training)
        assert again.fit()
    for name in ("validation_log.csv", "weights_best.safetensors", "weights.safetensors"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_signal_saves_and_stops(cells_folder, tmp_path):
    trainer = make_trainer(cells_folder, tmp_path)

    def interrupt(step, values):
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    assert not trainer.fit(interrupt)
    assert make_trainer(cells_folder, tmp_path).step == 2


def test_weights_tell_how_they_were_made(cells_folder, tmp_path):
    make_trainer(cells_folder, tmp_path).fit()
    weights = load_weights(tmp_path / "weights.safetensors")
    assert weights.config == ModelConfig(network=NETWORK, diffusion=DIFFUSION)
    assert weights.about["steps"] == 6
    assert weights.about["training"]["lr"] == 1e-3
    assert "0.00_discocyte000000" in json.dumps(weights.about["training_cells"])


def test_classes_need_names_that_tell_them(cells_folder, tmp_path):
    network = dataclasses.replace(NETWORK, num_classes=6)
    model = ModelConfig(network=network, diffusion=DIFFUSION)
    assert make_trainer(cells_folder, tmp_path / "told", model=model).fit()
    renamed = [
        dataclasses.replace(file, name=f"cell{i}")
        for i, file in enumerate(find_cells(cells_folder, split="train", need_obj=True))
    ]
    with pytest.raises(ConfigError, match="does not state its class"):
        Trainer(renamed, tmp_path / "untold", model, TRAINING, device="cpu")


def test_half_precision_scales_its_gradients_back(cells_folder, tmp_path, monkeypatch):
    """With a loss scale the steps stay the same, and one that overflows is left out."""
    monkeypatch.setattr("dispr.training.trainer.check_precision", lambda name, _: name)
    norms = {}
    for precision in ("fp32", "fp16"):
        training = dataclasses.replace(
            TRAINING, precision=precision, validation_interval=0, steps=2
        )
        trainer = make_trainer(cells_folder, tmp_path / precision, training)
        assert trainer.scaler.is_enabled() == (precision == "fp16")
        # The arithmetic itself stays float32, which any CPU has.
        trainer.objective.precision = "fp32"
        norms[precision] = [float(trainer._one_step()) for _ in range(2)]
    assert norms["fp16"] == pytest.approx(norms["fp32"], rel=1e-3)

    before = [p.detach().clone() for p in trainer.network.parameters()]
    averages = [
        {name: value.clone() for name, value in average.state.items()}
        for average in trainer.averages
    ]
    scale = trainer.scaler.get_scale()
    monkeypatch.setattr(trainer.scaler, "scale", lambda loss: loss * float("inf"))
    trainer._one_step()
    assert trainer.scaler.get_scale() < scale
    for a, b in zip(before, trainer.network.parameters(), strict=True):
        assert torch.equal(a, b)
    for kept, average in zip(averages, trainer.averages, strict=True):
        assert_equal(kept, average.state)


def test_divergence_in_half_precision_is_reported(cells_folder, tmp_path, monkeypatch):
    """A step that overflows is left out; where all do, there is nothing to go on with."""
    monkeypatch.setattr("dispr.training.trainer.check_precision", lambda name, _: name)
    monkeypatch.setattr("dispr.training.trainer.OVERFLOWS", 3)
    training = dataclasses.replace(TRAINING, precision="fp16", validation_interval=0)
    trainer = make_trainer(cells_folder, tmp_path, training)
    trainer.objective.precision = "fp32"
    plain = trainer.scaler.scale
    overflowing = iter([True, True, False, True, True, True])
    monkeypatch.setattr(
        trainer.scaler,
        "scale",
        lambda loss: plain(loss) * (float("inf") if next(overflowing) else 1.0),
    )
    with pytest.raises(
        DisprError, match=r"3 steps in a row overflowed .* up to step 6 .* diverged"
    ):
        trainer.fit()
    with open(tmp_path / "train_log.csv", newline="") as file:
        logged = [bool(row["loss"]) for row in csv.DictReader(file)]
    assert logged == [False, False, True, False, False]
    assert not (tmp_path / "weights.safetensors").exists()


def test_bad_cells_and_settings_are_found_before_the_first_step(cells_folder, tmp_path):
    for change in ({"validation_sampler": "euler"}, {"validation_steps": "1001"}):
        with pytest.raises(ConfigError):
            make_trainer(cells_folder, tmp_path / "a", dataclasses.replace(TRAINING, **change))
    shutil.copytree(cells_folder, tmp_path / "cells")
    last = sorted((tmp_path / "cells" / "train" / "obj").iterdir())[-1]
    last.write_bytes(last.read_bytes()[:500])
    with pytest.raises(FileError, match=last.name):
        make_trainer(tmp_path / "cells", tmp_path / "b")


def test_files_of_the_user_stay(cells_folder, tmp_path):
    (tmp_path / "my_log.csv").write_text("a,b\n1,2\n")
    make_trainer(cells_folder, tmp_path)
    assert (tmp_path / "my_log.csv").read_text() == "a,b\n1,2\n"


def test_weights_know_what_the_training_cells_look_like(tmp_path):
    simulate_folder(tmp_path / "cells", 70, test_fraction=0)
    files = find_cells(tmp_path / "cells")
    training = dataclasses.replace(TRAINING, steps=1, validation_interval=0)
    for count, known in ((70, True), (20, False)):
        Trainer(
            files[:count], tmp_path / str(count), ModelConfig(NETWORK, DIFFUSION), training
        ).fit()
        weights = load_weights(tmp_path / str(count) / "weights.safetensors")
        reference = familiarity_of(weights.about)
        assert (reference is not None) == known
        if reference:
            assert reference.digest == digest_of(weights.about["training_cells"])
