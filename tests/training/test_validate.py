"""Scores on the validation cells are of what the model draws, and tell the best weights."""

import csv
import dataclasses

import pytest
import torch
from small import CASCADE, OCCUPANCY

from dispr.cells.dataset import CellDataset
from dispr.cells.folder import find_cells
from dispr.diffusion.config import DiffusionConfig
from dispr.model.config import ModelConfig
from dispr.model.weights import build_network, load_weights
from dispr.network.config import UNetConfig
from dispr.training import trainer as training_loop
from dispr.training import validate as module
from dispr.training.config import TrainingConfig
from dispr.training.trainer import Trainer
from dispr.training.validate import validate

UNET = ModelConfig(
    UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic"),
    DiffusionConfig(steps=50),
    sampling_steps="2",
)
FAST = ModelConfig(
    dataclasses.replace(CASCADE, planes=True),
    dataclasses.replace(OCCUPANCY, low=0.0, high=1.0),
    sampling_steps="2",
    balanced=True,
)
CPU = torch.device("cpu")


@pytest.fixture
def cells(cells_folder):
    return CellDataset(find_cells(cells_folder, split="train", need_obj=True)[:2])


def test_scores_are_those_of_the_ensemble(cells, monkeypatch):
    """Two of three samples are the truth, one is empty; of the other cell all are too large."""
    truth = torch.stack([torch.as_tensor(cell.obj) > 127 for cell in cells])
    larger = torch.nn.functional.max_pool3d(truth[1][None].float(), 3, 1, 1)[0]
    drawn = [truth[0].float(), truth[0].float(), torch.zeros_like(truth[0]).float(), *[larger] * 3]
    monkeypatch.setattr(module, "draw_occupancy", lambda *_, **__: torch.stack(drawn))
    monkeypatch.setattr(module, "SHAPES", 6)
    state = build_network(UNET).state_dict()
    scores = validate(state, UNET, cells, CPU, most=2, samples=3)
    share = float(truth[1].sum() / larger.sum())
    assert scores["consensus_iou"] == pytest.approx((1 + share) / 2)
    assert scores["best_iou"] == pytest.approx((1 + share) / 2)
    assert scores["single_iou"] == pytest.approx((2 / 3 + share) / 2)
    assert scores["volume_error"] == pytest.approx((1 / share - 1) / 2)
    assert scores["score"] == scores["consensus_iou"] - scores["volume_error"]


@pytest.mark.parametrize("model", [UNET, FAST], ids=["unet", "fast"])
def test_scores_compare_along_a_run(cells, model):
    """Steps and noise are fixed: the same weights have the same scores, others another loss."""
    torch.manual_seed(0)
    network = build_network(model)
    first, second = (
        validate(network.state_dict(), model, cells, CPU, most=2, samples=2) for _ in range(2)
    )
    assert first == second
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.05)
    other = validate(network.state_dict(), model, cells, CPU, most=2, samples=2)
    assert other["loss"] != first["loss"]


def test_loss_of_a_cascade_is_not_scaled_by_the_share_of_its_refiner(cells):
    state = build_network(FAST).state_dict()
    losses = [
        validate(
            state,
            dataclasses.replace(
                FAST, network=dataclasses.replace(FAST.network, refine_share=share)
            ),
            cells,
            CPU,
            most=2,
            samples=1,
        )["loss"]
        for share in (1, 0.125)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_precision_is_that_of_the_run(cells, monkeypatch):
    seen = []

    def draw(network, config, condition, streams, **_):
        seen.append(torch.is_autocast_enabled("cpu"))
        return torch.zeros(len(condition), 64, 64, 64)

    def objective(network, config, precision):
        seen.append(precision)
        return lambda *_: {"loss": torch.ones(1)}

    monkeypatch.setattr(module, "draw_occupancy", draw)
    monkeypatch.setattr(module, "Objective", objective)
    state = build_network(UNET).state_dict()
    for precision in ("fp32", "bf16"):
        validate(state, UNET, cells, CPU, most=1, samples=1, precision=precision)
    assert seen == [False, "fp32", True, "bf16"]


def test_the_best_weights_are_kept_and_numbered_ones_if_asked_for(
    cells_folder, tmp_path, monkeypatch
):
    scores = {2: 0.3, 4: 0.6, 6: 0.5, 8: 0.55, 10: 0.7}
    asked = []

    def made_up(*_, **settings):
        asked.append(settings)
        return {"consensus_iou": 0.8, "score": scores[2 * len(asked)]}

    monkeypatch.setattr(training_loop, "validate", made_up)
    training = TrainingConfig(
        steps=6,
        ema_rates=(0.5,),
        validation_fraction=0.2,
        validation_interval=2,
        save_interval=3,
        keep_every=4,
    )
    files = find_cells(cells_folder, split="train", need_obj=True)

    def run(steps):
        longer = dataclasses.replace(training, steps=steps)
        trainer = Trainer(files, tmp_path, UNET, longer, device="cpu")
        assert trainer.fit()
        return trainer

    assert run(6).best == (0.6, 4)
    best = load_weights(tmp_path / "weights_best.safetensors")
    kept = load_weights(tmp_path / "weights_000004.safetensors")
    last = load_weights(tmp_path / "weights.safetensors")
    assert [w.about["steps"] for w in (best, kept, last)] == [4, 4, 6]
    assert best.about["validation"]["score"] == 0.6
    assert all(torch.equal(best.state[name], kept.state[name]) for name in kept.state)
    assert any(not torch.equal(best.state[name], last.state[name]) for name in last.state)
    assert run(8).best == (0.6, 4)  # what was best before the run was taken up stays the best
    assert load_weights(tmp_path / "weights_best.safetensors").about["steps"] == 4
    assert run(10).best == (0.7, 10)
    assert load_weights(tmp_path / "weights_best.safetensors").about["steps"] == 10
    with open(tmp_path / "validation_log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["score"]) for row in rows] == list(scores.values())
    assert {path.name for path in tmp_path.glob("weights_0*")} == {
        "weights_000004.safetensors",
        "weights_000008.safetensors",
    }
    assert all(a["samples"] == 5 and a["precision"] == "fp32" for a in asked)
