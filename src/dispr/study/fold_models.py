"""One model for each fold, which has not seen the fold's test cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dispr.cells.folder import CellFiles, find_cells
from dispr.model.weights import Weights, load_weights, save_weights
from dispr.prediction.calibrate import calibrate, with_intervals
from dispr.prediction.model import load
from dispr.progress import Progress
from dispr.simulation.folder import simulate_folder
from dispr.study.places import Places
from dispr.study.settings import Plan
from dispr.training.presets import get_preset
from dispr.training.trainer import WEIGHTS, Trainer

SIMULATED = "simulated cells to begin with"
"""Name of these in the weights; it tells the leak check that they are not cells of the study."""

PRETRAINING_SEED = 1_000_000
"""Seed of the simulated cells, far from those of simulated cells that a study is made on."""

FEWEST_TO_CALIBRATE = 20


@dataclass(frozen=True)
class FoldModels:
    """The models of a study that one method makes.

    Training is taken up where it was stopped: a signal that asks to stop ends it with
    KeyboardInterrupt. Files and settings are refused as by `Trainer`.

    Attributes
    ----------
    plan : Plan
        The study.
    method : str
        Preset.
    device : str
        As for `dispr train`.
    progress : Progress
        Told of the steps.
    """

    plan: Plan
    method: str
    device: str
    progress: Progress

    def pretrain(self, places: Places) -> Weights | None:
        """Train on simulated cells; None if the plan has no such steps."""
        plan, run = self.plan, places.pretrained(self.method)
        if not plan.pretraining_steps:
            return None
        seed = PRETRAINING_SEED + plan.seed
        simulate_folder(places.simulated, plan.pretraining_cells, seed=seed, test_fraction=0)
        files = find_cells(places.simulated, "train", need_obj=True)
        line = f"pre-training, {self.method}"
        self._train(files, run, None, plan.pretraining_steps, SIMULATED, line)
        return load_weights(run / WEIGHTS)

    def train_fold(
        self, files: Sequence[CellFiles], weights: Path, initial: Weights | None, line: str = ""
    ) -> None:
        """Train on the cells of a fold, and fit the intervals to those set aside for validation.

        Parameters
        ----------
        files : sequence of CellFiles
            Training cells of the fold.
        weights : Path
            The finished model; nothing is done where it is there. The folder of the run is beside.
        initial : Weights or None
            What to begin with.
        line : str
            What to call this in front of the lines of work.
        """
        if weights.is_file():
            return
        run = weights.with_suffix("")
        self._train(files, run, initial, self.plan.steps, "study", line)
        trained = load_weights(run / WEIGHTS)
        model = load(run / WEIGHTS, self.device, self.plan.precision)
        if not model.config.deterministic:
            known = set(trained.about["training_cells"])
            held = [file for file in files if file.name not in known]
            if len(held) >= FEWEST_TO_CALIBRATE:
                told = self.progress.within(f"{line}, intervals")
                found = calibrate(model, held, seed=self.plan.seed, progress=told)
                trained = with_intervals(trained, found)
        save_weights(weights, trained)
        for checkpoint in run.glob("checkpoint.pt"):  # as large as eight models, and done with
            checkpoint.unlink()

    def _train(
        self,
        files: Sequence[CellFiles],
        run: Path,
        initial: Weights | None,
        steps: int,
        data: str,
        line: str,
    ) -> None:
        preset = get_preset(self.method)
        training = dataclasses.replace(
            preset.training,
            steps=steps,
            lr_anneal_steps=steps,
            warmup_steps=min(preset.training.warmup_steps, steps // 10),
            batch_size=self.plan.batch_size,
            precision=self.plan.precision,  # type: ignore[arg-type]
            seed=self.plan.seed,
            validation_interval=0,
        )
        about = {"preset": self.method, "data": data}
        trainer = Trainer(
            files, run, preset.model, training, device=self.device, initial=initial, about=about
        )
        if not trainer.fit(lambda step, _: self.progress.show(f"{line}: training", step, steps)):
            raise KeyboardInterrupt
