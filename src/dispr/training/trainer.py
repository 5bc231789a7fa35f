"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dispr._version import __version__
from dispr.cells.classes import CLASSES, parse_name
from dispr.cells.dataset import CellDataset, validation_split
from dispr.cells.folder import CellFiles
from dispr.checksums import guard
from dispr.diffusion.samplers import get_sampler
from dispr.diffusion.streams import generator
from dispr.diffusion.timesteps import TIMESTEP_SAMPLERS
from dispr.errors import ConfigError, DisprError, FileError
from dispr.familiarity.statistics import FEWEST, fit_familiarity
from dispr.memory import Room
from dispr.model.config import ModelConfig, to_dict
from dispr.model.device import check_precision, find_device, plain_torch
from dispr.model.frame import frame_of, frame_to_dict
from dispr.model.weights import Weights, build_network, fill_network, save_weights
from dispr.network.compiled import compile_parts
from dispr.network.memory_format import channels_last
from dispr.prediction.draw import sampling_process
from dispr.prediction.section import cell_digest
from dispr.training.checkpoint import NAME as CHECKPOINT
from dispr.training.checkpoint import load_checkpoint, save_checkpoint
from dispr.training.config import TrainingConfig
from dispr.training.ema import MovingAverage
from dispr.training.frame import find_frame
from dispr.training.log import RunLog
from dispr.training.means import Means
from dispr.training.objective import Objective
from dispr.training.samples import Samples, make_samples
from dispr.training.settings import CONTENTS, contents, difference, start_of, training_settings
from dispr.training.stop import Stop
from dispr.training.validate import validate

WEIGHTS = "weights.safetensors"
BEST = "weights_best.safetensors"
"""The weights with the best score on the validation cells so far (`dispr.training.validate`)."""

OVERFLOWS = 40
"""Steps in a row that overflow in half precision, after which training has diverged."""

OnStep = Callable[[int, dict[str, float]], None]


class Trainer:
    """A run: a model on its way, in a folder that holds its checkpoint, weights and logs.

    Parameters
    ----------
    files : sequence of CellFiles
        Cells with objects; a part is set aside for validation.
    extra : sequence of CellFiles
        More cells, to train on beside them (see `TrainingConfig.extra_share`).
    run : Path
        Folder of the run. A run found there is taken up where its checkpoint left it.
    model, training : ModelConfig, TrainingConfig
        What to train, and how.
    device : str
        "auto", "cpu", "cuda" or "cuda:1".
    initial : Weights or str, optional
        Begin with these instead of fresh weights. The name of a file that is gone is enough for a
        run that began with it.
    tensorboard : bool
        Write TensorBoard event files too.
    about : dict, optional
        Remarks to keep in the weights.
    frame_um : float, optional
        Edge in um of the square that the cells are seen in, 64 pixels; by default what their files
        say (`dispr.training.frame`).
    cells : str, optional
        What the cells are, in the plural, for people.
    compiled : bool
        Compile the network (`torch.compile`): a minute or more, in each call, for faster steps.

    Raises
    ------
    ConfigError
        If the folder holds a run with other settings, or the settings do not fit the cells.
    FileError
        If a file cannot be read or written.
    """

    @plain_torch()
    def __init__(
        self,
        files: Sequence[CellFiles],
        run: Path,
        model: ModelConfig,
        training: TrainingConfig,
        *,
        extra: Sequence[CellFiles] = (),
        device: str = "auto",
        initial: Weights | str | None = None,
        tensorboard: bool = False,
        about: dict[str, Any] | None = None,
        frame_um: float | None = None,
        cells: str | None = None,
        compiled: bool = False,
    ) -> None:
        precision = check_precision(training.precision, find_device(device))
        training = replace(training, precision=precision)  # type: ignore[arg-type]
        self.run, self.model, self.training = Path(run), model, training
        self.accelerator = make_accelerator(device)
        self.device: torch.device = self.accelerator.device
        world = self.accelerator.num_processes
        if training.batch_size % world:
            raise ConfigError(
                f"batch_size {training.batch_size} cannot be divided among {world} processes."
            )
        self.local = training.batch_size // world
        # Not of the run's seed: runs are then compared on the same cells, and one that begins with
        # the weights of another is not validated on cells that these were trained on.
        train_files, validation_files = validation_split(files, training.validation_fraction)
        if not train_files:
            raise ConfigError("there are no training cells.")
        self.cells = CellDataset([*train_files, *extra])
        self.extra = len(extra)
        self.validation_cells = CellDataset(validation_files)
        self._check()
        weights = initial if isinstance(initial, Weights) else None
        state = load_checkpoint(self.run)
        started_from = dict(weights.about) if weights else (state or {}).get("started_from")
        before = frame_of(started_from) if started_from else None
        own = range(len(train_files))
        self.frame = find_frame([self.cells[i] for i in own], train_files, frame_um, cells, before)
        self.settings = {
            "model": to_dict(model),
            "training": training_settings(training),
            "start": start_of(initial),
            "cells": [file.name for file in train_files],
            "extra_cells": [file.name for file in extra],
            CONTENTS: contents((self.cells, self.validation_cells)),
        }
        self.about = {
            "dispr": __version__,
            "training": to_dict(training),
            "training_cells": self.settings["cells"],
            "extra_cells": len(extra),
            "extra_training_cells": self.settings["extra_cells"],
            "started_from": started_from,
            **(about or {}),
        }

        torch.manual_seed(training.seed)
        self.network = build_network(model).to(self.device)
        if weights is not None:
            fill_network(self.network, weights.state, weights.path or "the initial weights")
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            channels_last(self.network)
        if compiled:
            compile_parts(self.network)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=training.lr,
            weight_decay=training.weight_decay,
            fused=on_gpu,
        )
        self.averages = [
            MovingAverage(self.network, rate, warmup=training.ema_warmup)
            for rate in training.ema_rates
        ]
        self.timesteps = TIMESTEP_SAMPLERS[training.schedule_sampler](
            model.diffusion.steps if model.diffusion else 1
        )
        self.objective = self.accelerator.prepare(
            Objective(self.network, model, training.precision)
        )
        # fp16 has a narrow range: losses are scaled up, and steps that overflow are left out.
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=training.precision == "fp16")
        self.means = Means(model.diffusion.steps if model.diffusion else 0)
        self.overflows = 0
        self._room = _room_of(self.network, world)
        self._shapes = Room("shapes", "train on another device, or with --validation-interval 0")
        self.step = 0
        if state is not None:
            try:
                self._restore(state)
            except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
                raise FileError(
                    f"{self.run / CHECKPOINT} is damaged; remove it to restart the run."
                ) from error
        self.log: RunLog | None = None
        if self.accelerator.is_main_process:
            guard(self.run)
            self.log = RunLog(self.run, self.step, tensorboard=tensorboard)
        self.best = self.log.best("validation", "score") if self.log else (-math.inf, 0)
        """Best score on the validation cells, and its step; 0 if there is none yet."""

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.training.steps

    @plain_torch()
    def fit(self, *on_step: OnStep, on_stop: Callable[[], Any] | None = None) -> bool:
        """Train to the last step, or until Ctrl-C or SIGTERM, which save a checkpoint first.

        Parameters
        ----------
        *on_step : callable
            Called after each step with the number of steps done and all numbers that were logged
            at it (means of the losses since the last log, learning rate, cells per second; at a
            validation its scores): empty where none were. Each process calls its own.
        on_stop : callable, optional
            Called when a signal asks to stop; the step under way is finished first.

        Returns
        -------
        bool
            Whether all steps are done.
        """
        training = self.training
        saved = self.step
        began, seen = time.monotonic(), 0
        self.network.train()
        with Stop(on_stop) as stop:
            if self.log and self._to_validate() and self.step not in self.log.steps("validation"):
                self._validate()  # a run that was stopped after its checkpoint lacks it
            while not self.finished and not self._any(stop.asked):
                self._one_step()
                seen += training.batch_size
                values: dict[str, float] = {}
                save = self.step % training.save_interval == 0 or self.finished
                keep = training.keep_every and self.step % training.keep_every == 0
                judge = self._to_validate()
                if self.step % training.log_interval == 0 or save or keep or judge:
                    values = self._log(seen / (time.monotonic() - began))
                if keep and self.accelerator.is_main_process:
                    self.write_weights(f"_{self.step:06d}")
                if save:
                    self.save()
                    saved = self.step
                if judge:
                    values |= self._validate()
                    began, seen = time.monotonic(), 0
                for told in on_step:
                    told(self.step, values)
            if self.means:
                self._log(seen / (time.monotonic() - began))
            if saved != self.step:
                self.save()
        if self.log:
            self.log.close()
        self.accelerator.wait_for_everyone()
        return self.finished

    def save(self) -> None:
        """Write the averaged weights, and then the checkpoint: where it is, they are."""
        if not self.accelerator.is_main_process:
            return
        self.write_weights()
        save_checkpoint(
            self.run,
            {
                "step": self.step,
                "settings": self.settings,
                "started_from": self.about["started_from"],
                "network": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "averages": [average.state for average in self.averages],
                "timesteps": self.timesteps.state_dict(),
                "scaler": self.scaler.state_dict(),
            },
        )

    def write_weights(self, mark: str = "") -> None:
        """Write the averaged weights; `mark` is put after their names."""
        for i, average in enumerate(self.averages):
            name = "weights" if i == 0 else f"weights_ema_{average.rate}"
            self._write(f"{name}{mark}.safetensors", average)

    def _write(self, name: str, average: MovingAverage, **more: Any) -> None:
        frame = {"frame": frame_to_dict(self.frame)} if self.frame else {}
        about = {**frame, **self.about, **self._looks, "steps": self.step, **more}
        about["ema_rate"] = average.rate
        save_weights(self.run / name, Weights(self.model, average.state, about))

    @cached_property
    def _looks(self) -> dict[str, Any]:
        """Give what tells cells that are unlike the training cells, where these are enough."""
        cells = [self.cells[i] for i in range(len(self.cells) - self.extra)]
        if len(cells) < FEWEST:
            return {}
        images, masks = (np.stack([getattr(c, kind) for c in cells]) for kind in ("image", "mask"))
        reference = fit_familiarity(images, masks, [cell.name for cell in cells])
        return {"familiarity": reference.to_dict()}

    def _check(self) -> None:
        """Find out before the first step what would end the run at a later one."""
        training, model = self.training, self.model
        if not model.deterministic:
            get_sampler(training.validation_sampler or model.sampler)
            sampling_process(model, training.validation_steps or None)
        held = {cell_digest(c.image, c.mask): c.name for c in self.validation_cells}
        own = len(self.cells) - self.extra
        for cells in (self.cells, self.validation_cells):
            for i, cell in enumerate(cells):
                same = held.get(cell_digest(cell.image, cell.mask)) if i >= own else None
                if cells is self.cells and same is not None:
                    raise ConfigError(
                        f"the extra cell {cells.files[i].image} is {same}, which is set aside for "
                        "validation; use extra cells that are not in the data set."
                    )
                if model.num_classes and parse_name(cell.name).cell_class is None:
                    raise ConfigError(
                        f"the name of {cell.name} does not state its class, which a model with "
                        f"classes needs: one of {', '.join(CLASSES)}."
                    )

    def _restore(self, state: dict[str, Any]) -> None:
        self.step = int(state["step"])
        other = difference(state["settings"], self.step, self.settings, self.training.steps)
        if other:
            raise ConfigError(
                f"{self.run} contains a run with other settings ({other}); choose another folder "
                "for a new run, or use the same settings to resume."
            )
        self.settings["start"] = state["settings"].get("start", self.settings["start"])
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        for average, saved in zip(self.averages, state["averages"], strict=True):
            average.load(saved)
        self.timesteps.load_state_dict(state["timesteps"])
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])

    def _one_step(self) -> Tensor:
        """Make a step; give the norm of its gradient."""
        training = self.training
        for group in self.optimizer.param_groups:
            group["lr"] = training.learning_rate(self.step)
        micro = min(training.microbatch or self.local, self.local)
        t, weight, terms = self._room.fit(micro, self._gradients)
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), training.grad_clip or math.inf)
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)  # leaves the step out if a gradient overflowed
        self.scaler.update()
        self.optimizer.zero_grad()
        if self.scaler.get_scale() < scale:
            self.overflows += 1
        else:
            self.overflows = 0
            for average in self.averages:
                average.update(self.network, self.step)
            if self.timesteps.learns:
                self.timesteps.update(self._gather(t), self._gather(terms["loss"]))
            # As in the published log, of what is minimised.
            self.means.add({key: value * weight for key, value in terms.items()}, t)
            self.means.add_value("gradient_norm", norm)
        self.step += 1
        if self.overflows >= OVERFLOWS:
            raise DisprError(
                f"{OVERFLOWS} steps in a row overflowed in half precision, up to step {self.step} "
                f"of {self.run}: training diverged. Restart in another folder with a lower "
                "learning rate, or in bf16 or fp32."
            )
        return norm

    def _gradients(self, micro: int) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Compute the gradients of a step, so many samples at a time.

        Returns
        -------
        t, weight : Tensor
            Diffusion steps and weights of the samples, (local,).
        terms : dict of str to Tensor
            Terms of their losses, (local,) each.
        """
        training, accelerator = self.training, self.accelerator
        rank, world = accelerator.process_index, accelerator.num_processes
        self.optimizer.zero_grad()  # of a try that ran out of memory
        # Dropout is all that still draws from the global generator.
        torch.manual_seed(generator("dropout", training.seed, self.step, rank).initial_seed())
        # Samples are dealt out in turn: process r takes places r, r + world, ...
        first = self.step * training.batch_size
        numbers = range(first + rank, first + training.batch_size, world)
        parts, steps, weights = [], [], []
        for start in range(0, self.local, micro):
            samples = make_samples(
                self.cells,
                numbers[start : start + micro],
                self.model,
                training,
                self.timesteps,
                self.device,
                self.extra,
            )
            parts.append(self._backward(samples, is_last=start + micro >= self.local))
            steps.append(samples.t)
            weights.append(samples.weight)
        terms = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
        return torch.cat(steps), torch.cat(weights), terms

    def _log(self, speed: float) -> dict[str, float]:
        """Write a line of means since the last; refuse to go on with what has diverged."""
        means = self.means.take(lambda values: self.accelerator.reduce(values, "sum"))
        self._check_finite(means.get("loss"))
        rates = {"lr": self.training.learning_rate(self.step - 1), "cells_per_second": speed}
        if self.log:
            self.log.add("train", self.step, {**means, **rates})
        return {key: value for key, value in (means | rates).items() if value is not None}

    def _backward(self, samples: Samples, *, is_last: bool) -> dict[str, Tensor]:
        """Add the gradients of a microbatch; processes exchange theirs after the last."""

        def run() -> dict[str, Tensor]:
            values = self.objective(
                samples.condition,
                samples.target,
                samples.t,
                samples.noise,
                samples.labels,
                samples.refined,
                samples.known,
                samples.grain,
            )
            loss = (values["loss"] * samples.weight).sum() / self.local
            self.accelerator.backward(self.scaler.scale(loss))
            return {key: value.detach() for key, value in values.items()}

        if is_last:
            return run()
        with self.accelerator.no_sync(self.objective):
            return run()

    def _gather(self, values: Tensor) -> Tensor:
        """Collect values of all processes in the order of the samples' numbers."""
        gathered = self.accelerator.gather(values)
        return gathered.view(self.accelerator.num_processes, self.local).T.flatten().cpu()

    def _any(self, asked: bool) -> bool:
        """Tell whether any process was asked to stop, so that all leave at the same step."""
        if self.accelerator.num_processes == 1:
            return asked
        flag = torch.tensor([float(asked)], device=self.device)
        return bool(self.accelerator.reduce(flag, "sum") > 0)

    def _check_finite(self, loss: float | None) -> None:
        if loss is not None and not math.isfinite(loss):
            raise DisprError(
                f"The loss is NaN at step {self.step} of {self.run}; restart in another folder "
                "with a lower learning rate."
            )

    def _to_validate(self) -> bool:
        """Tell whether the weights of this step are to be validated."""
        interval = self.training.validation_interval
        return self.step > 0 and interval > 0 and (self.step % interval == 0 or self.finished)

    def _validate(self) -> dict[str, float]:
        if not (self.log and len(self.validation_cells) and self.training.validation_cells):
            return {}
        scores = validate(
            self.averages[0].state,
            self.model,
            self.validation_cells,
            self.device,
            most=self.training.validation_cells,
            samples=self.training.validation_samples,
            sampler=self.training.validation_sampler,
            steps=self.training.validation_steps,
            precision=self.training.precision,
            room=self._shapes,
        )
        if scores["score"] > self.best[0]:
            self.best = (scores["score"], self.step)
            self._write(BEST, self.averages[0], validation=scores)
        self.log.add("validation", self.step, scores)
        return {f"validation_{key}": value for key, value in scores.items()}


def _room_of(network: nn.Module, processes: int) -> Room:
    """Make what a step is computed in: in parts where the memory is full and the result allows."""
    modules = list(network.modules())
    # The class that batch normalisations of all dimensions share.
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in modules):
        whole = "its batch normalisation would give another result in parts"
        return Room("cells", "lower --batch-size, or train on another device", whole=whole)
    if processes > 1:
        whole = "processes cannot change that on their own"
        return Room("cells", "lower --microbatch or --batch-size", whole=whole)
    result = "with the same result"
    if any(isinstance(module, nn.Dropout) and module.p > 0 for module in modules):
        result += " but for dropout"
    return Room("cells", "train a smaller network, or on another device", result)


def make_accelerator(device: str) -> Any:
    """Make what places the training on devices and processes.

    Raises
    ------
    ConfigError
        If the device is not there.
    """
    from accelerate import Accelerator

    place = find_device(device)
    if place.index is not None:
        torch.cuda.set_device(place)
    return Accelerator(
        cpu=place.type == "cpu", mixed_precision="no"
    )  # that is ours: its choice is for good
