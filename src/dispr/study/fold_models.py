"""One model for each fold, which has not seen the fold's test cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from dispr.cells.folder import CellFiles, find_cells
from dispr.model.weights import Weights, load_weights, save_weights
from dispr.prediction.calibrate import calibrate, with_intervals
from dispr.prediction.model import load
from dispr.simulate.folder import simulate_folder
from dispr.study.places import Places
from dispr.study.progress import Progress, counted
from dispr.study.settings import Plan
from dispr.training.presets import get_preset
from dispr.training.trainer import WEIGHTS, Trainer

SIMULATED = "simulated cells to begin with"
"""Name of these in the weights; it tells the leak check that they are not cells of the study."""

PRETRAINING_SEED = 1_000_000
"""Seed of the simulated cells, far from those of simulated cells that a study is made on."""

FEWEST_TO_CALIBRATE = 20


def pretrain(places: Places, plan: Plan, method: str, device: str, progress: Progress) -> Weights:
    """Train on simulated cells; weights that are there already are taken.

    Raises
    ------
    KeyboardInterrupt
        If a signal asked to stop; the same call goes on.
    FileError, ConfigError
        As `simulate_folder` and `Trainer`.
    """
    simulate_folder(
        places.simulated, plan.pretraining_cells, seed=PRETRAINING_SEED + plan.seed, test_fraction=0
    )
    files = find_cells(places.simulated, "train", need_obj=True)
    run = places.pretrained(method)
    steps, line = plan.pretraining_steps, f"pre-training, {method}"
    _train(files, run, plan, method, None, steps, SIMULATED, device, progress, line)
    return load_weights(run / WEIGHTS)


def train_fold(
    files: Sequence[CellFiles],
    run: Path,
    weights: Path,
    plan: Plan,
    method: str,
    initial: Weights | None,
    device: str,
    progress: Progress,
    line: str = "",
) -> None:
    """Train on the cells of a fold, and fit the intervals to those set aside for validation.

    Parameters
    ----------
    files : sequence of CellFiles
        Training cells of the fold.
    run, weights : Path
        Folder of the run, and the finished model; nothing is done where this is there.
    plan : Plan
        The study.
    method : str
        Preset.
    initial : Weights or None
        What to begin with.
    device : str
        As for `dispr train`.
    progress : callable
        Called with a line of work, how much is done, and how much there is.
    line : str
        What to call this in front of the lines of work.

    Raises
    ------
    KeyboardInterrupt
        If a signal asked to stop; the same call goes on.
    FileError, ConfigError
        As `Trainer`.
    """
    if weights.is_file():
        return
    _train(files, run, plan, method, initial, plan.steps, "study", device, progress, line)
    trained = load_weights(run / WEIGHTS)
    model = load(run / WEIGHTS, device, plan.precision)
    if not model.config.deterministic:
        known = set(trained.about["training_cells"])
        held = [file for file in files if file.name not in known]
        if len(held) >= FEWEST_TO_CALIBRATE:
            one = counted(progress, f"{line}: intervals", len(held))
            found = calibrate(model, held, seed=plan.seed, on_progress=one)
            trained = with_intervals(trained, found)
    save_weights(weights, trained)
    for checkpoint in run.glob("checkpoint.pt"):  # as large as eight models, and done with
        checkpoint.unlink()


def _train(
    files: Sequence[CellFiles],
    run: Path,
    plan: Plan,
    method: str,
    initial: Weights | None,
    steps: int,
    data: str,
    device: str,
    progress: Progress,
    line: str,
) -> None:
    preset = get_preset(method)
    training = dataclasses.replace(
        preset.training,
        steps=steps,
        lr_anneal_steps=steps,
        warmup_steps=min(preset.training.warmup_steps, steps // 10),
        batch_size=plan.batch_size,
        precision=plan.precision,  # type: ignore[arg-type]
        seed=plan.seed,
        validation_interval=0,
    )
    trainer = Trainer(
        files,
        run,
        preset.model,
        training,
        device=device,
        initial=initial,
        about={"preset": method, "data": data},
    )
    done = trainer.fit(lambda step, values: progress(f"{line}: training", step, steps))
    if not done:
        raise KeyboardInterrupt
