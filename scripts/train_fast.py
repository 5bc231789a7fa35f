"""Train the fast model within a time budget, on one GPU or on a CPU.

python scripts/pack_cells.py red_blood_cells -o cells.npz
python scripts/train_fast.py cells.npz -o runs/gpu --minutes 8

Two parts. The first trains diffusion and refiner as `dispr train` does, on known planes. The second
trains through the two steps of the sampler, to the energy score of what is drawn
(`dispr.training.ensemble`). Cells are simulated meanwhile on the processor's cores. Weights are
kept at fractions of the time, in half precision; scores of the validation cells go to `log.jsonl`.

A CPU does a thousandth of a GPU's steps, and goes on from earlier weights. `--refiner-share` then
gives a new refiner time to learn before the other parts of the network change by what it does not
know; `--near` trains most at the noise of the sampler's two steps; and with `--last-step` the
second part changes the last step and the refiner alone, for half of the arithmetic.

With `--follower` there is one part: beside weights that stay as they are, the network is trained
that lets their answers follow further known planes (`dispr.network.follower`).

The state is saved every minute, and on Ctrl-C and SIGTERM. The same command goes on from it with
what is left of the time; the simulated cells are made anew. No two runs end in the same weights:
how many steps there are is a matter of speed. The script runs on a CPU too, in a tiny setting
(`--tiny`).
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dispr.cli.main import run

# isort: split
# The command line has said how threads wait; torch asks for it when it is imported.
import numpy as np
import torch
from torch import Tensor, nn

from dispr.cells.arrays import SECTION
from dispr.cells.augment import AugmentConfig, augment
from dispr.cells.planes import DRAWS, choose_planes, spread_planes
from dispr.cells.prepare import condition_tensor, occupancy
from dispr.diffusion.objective import cross_entropy, overlap_loss
from dispr.diffusion.streams import BalancedStream, generator
from dispr.errors import ConfigError
from dispr.model.config import ModelConfig
from dispr.model.device import autocast, best_precision, find_device
from dispr.model.weights import Weights, build_network, load_weights, save_weights
from dispr.network.compiled import compile_parts
from dispr.network.memory_format import channels_last
from dispr.network.planes import known_planes
from dispr.prediction.draw import draw_occupancy, sampling_process
from dispr.records import changes
from dispr.training.checkpoint import load_checkpoint, save_checkpoint
from dispr.training.ema import MovingAverage
from dispr.training.ensemble import draw_twice, energy_score
from dispr.training.presets import get_preset
from dispr.training.settings import start_of
from dispr.training.stop import Stop

AUGMENT = AugmentConfig(
    flip=True,
    rotate=True,
    scale=0.1,
    shift=2.0,
    intensity=0.1,
    noise=0.02,
    exact=0.5,
    elastic=2.0,
)


class Pool:
    """Cells on the device: real ones, and simulated ones that arrive while it trains."""

    def __init__(self, real: dict[str, np.ndarray], room: int, device: torch.device) -> None:
        self.device = device
        self.own = len(real["image"])
        size = self.own + room
        shape = real["image"].shape[1:]
        self.image = torch.zeros((size, *shape), dtype=torch.uint8, device=device)
        self.mask = torch.zeros_like(self.image)
        self.obj = torch.zeros((size, *real["obj"].shape[1:]), dtype=torch.uint8, device=device)
        self.extent = np.zeros((size, 2), int)
        self.count = 0
        for i in range(self.own):
            self.add(*(real[kind][i] for kind in ("image", "mask", "obj")))

    def add(self, image: np.ndarray, mask: np.ndarray, obj: np.ndarray) -> None:
        i = self.count
        if i >= len(self.image):
            return
        for store, array in ((self.image, image), (self.mask, mask), (self.obj, obj)):
            store[i] = torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
        filled = np.flatnonzero((obj > 127).any((1, 2)))
        self.extent[i] = (filled[0], filled[-1]) if len(filled) else (SECTION, SECTION)
        self.count += 1

    def choose(self, number: int, share: float, rng: np.random.Generator) -> np.ndarray:
        guests = self.count - self.own
        simulated = rng.random(number) < (share if guests else 0.0)
        cells = rng.integers(0, self.own, number)
        return np.where(simulated, self.own + rng.integers(0, max(guests, 1), number), cells)


class Clock:
    """The time that a run has, in seconds, over all calls."""

    def __init__(self, seconds: float, used: float = 0.0) -> None:
        self.seconds = seconds
        self._began = time.monotonic() - used

    @property
    def used(self) -> float:
        return time.monotonic() - self._began


FOLLOWER_CHANNELS = 64
"""Channels of the follower."""

SETS = 4
"""Sets of planes of each cell that the follower is trained on."""


def make_batch(pool: Pool, step: int, exact: list[bool], settings: Settings) -> dict:
    """Draw and vary cells: condition, occupancy and known planes, on the device.

    For the follower there are `SETS` sets of known planes, one after the other.
    """
    seed, size = settings.seed, len(exact)
    rng = np.random.default_rng([seed, step])
    cells = pool.choose(size, settings.share, rng)
    rows = torch.from_numpy(cells).to(pool.device, non_blocking=True)
    image, mask, obj = (store[rows].float() for store in (pool.image, pool.mask, pool.obj))
    streams = [generator("gpu", seed, step, k) for k in range(size)]
    image, mask, obj = augment(image, mask, obj, AUGMENT, streams, exact)
    sets = SETS if settings.follower else 1
    chosen = np.zeros((sets * size, obj.shape[1]), bool)
    draws = rng.random((sets * size, DRAWS))
    if settings.follower:  # always further planes, and mostly few
        draws[:, 0] = 1 - draws[:, 0] / 2
        draws[:, 1] **= 2
    for k, draw in enumerate(draws):
        extent = pool.extent[cells[k % size]]
        numbers = [SECTION] if settings.section_only else choose_planes(*extent, obj.shape[1], draw)
        chosen[k, numbers] = True
    target = occupancy(obj)
    shape = (target[:, 0] > 0.5).float()
    shape[:, SECTION] = (mask > 127).float()
    planes = torch.from_numpy(chosen).to(pool.device, non_blocking=True)
    known = known_planes(shape.repeat(sets, 1, 1, 1), planes)
    return {"condition": condition_tensor(image, mask), "target": target, "known": known}


SIMULATED = 1000
"""Seed of the simulated cells."""


def simulate_one(task: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulate a cell from a seed and its number: image, mask and obj."""
    from dispr.simulation.cell import check_types, simulate_cell

    seed, index = task
    types = check_types(None)
    cell = simulate_cell(types[index % len(types)], seed, index)
    return cell.image, cell.mask, cell.obj


class Diffusion(nn.Module):
    """The first part's losses: denoiser on all samples, refiner on the first, exact ones."""

    def __init__(self, network: nn.Module, config: ModelConfig, device: torch.device) -> None:
        super().__init__()
        self.network = network
        process = sampling_process(config, config.diffusion.steps)
        left = torch.from_numpy(process.schedule.alphas_cumprod).float().to(device)
        self.signal, self.spread = left.sqrt(), (1 - left).sqrt()
        self.process = process

    def forward(self, batch: dict, t: Tensor, noise: Tensor, grain: Tensor) -> dict[str, Tensor]:
        network, config = self.network, self.network.config
        given = network.given(batch["condition"], None, batch["known"])
        coarse = torch.nn.functional.avg_pool3d(batch["target"], config.factor)
        denoised = cross_entropy(given(self.noisy(coarse, t, noise), t), coarse).mean()
        n = len(grain)
        rows = slice(0, n)
        width = config.refine_noise * (t[rows].float() + 1) / len(self.signal)
        noisy = coarse[rows] + width.view(-1, 1, 1, 1, 1) * noise[rows]
        logit = network.refiner(noisy, given.features.rows(rows), batch["known"][rows], grain)
        refined = overlap_loss(logit, batch["target"][rows])["loss"].mean()
        return {"loss": denoised + refined, "coarse": denoised, "refined": refined}

    def noisy(self, coarse: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Give x_t of coarse occupancies at the steps t."""
        shape = (-1, 1, 1, 1, 1)
        x0 = self.process.encode(coarse)
        return self.signal[t].view(shape) * x0 + self.spread[t].view(shape) * noise

    def follow(self, batch: dict, t: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """Give the follower's loss, and that of the answers which it corrects."""
        network, known = self.network, batch["known"]
        coarse = torch.nn.functional.avg_pool3d(batch["target"], network.config.factor)
        x_t = self.noisy(coarse, t, noise)
        with torch.no_grad():
            given = network.given(batch["condition"])
            logit = given(x_t, t)
        rows = torch.arange(len(known), device=t.device) % len(t)
        follow = network.follower.given(given.features.rows(rows), known)
        answer = follow(logit[rows], x_t[rows], t[rows])
        loss = cross_entropy(answer, coarse[rows]).mean()
        return {"loss": loss, "before": cross_entropy(logit, coarse).mean()}


def scores(
    network: nn.Module,
    config: ModelConfig,
    cells: dict,
    planes: int,
    device: torch.device,
    precision: str,
) -> dict[str, float]:
    """Score ensembles of five of the validation cells, with so many planes known."""
    rows: dict[str, list[float]] = {}
    drawn_each = 5
    for start in range(0, len(cells["image"]), 20):
        image, mask, obj = (cells[kind][start : start + 20] for kind in ("image", "mask", "obj"))
        n = len(image)
        truth = torch.from_numpy(obj).to(device) > 127
        chosen = np.zeros((n, obj.shape[1]), bool)
        for k in range(n):
            filled = np.flatnonzero((obj[k] > 127).any((1, 2)))
            chosen[k, spread_planes(filled[0], filled[-1], planes, SECTION)] = True
        shape = truth.float()
        shape[:, SECTION] = (torch.from_numpy(mask).to(device) > 127).float()
        known = known_planes(shape, torch.from_numpy(chosen).to(device))
        streams = [
            BalancedStream("validation", start + i, k=k)
            for i in range(n)
            for k in range(drawn_each)
        ]
        with autocast(device, precision):
            drawn = draw_occupancy(
                network,
                config,
                condition_tensor(image, mask).repeat_interleave(drawn_each, 0).to(device),
                streams,
                known=known.repeat_interleave(drawn_each, 0),
            )
        samples = (drawn > 0.5).view(n, drawn_each, *truth.shape[1:])
        consensus = samples.float().mean(1) > 0.5
        each = _iou(samples, truth[:, None].expand_as(samples))
        volume = truth.flatten(1).sum(1).float()
        sizes = samples.flatten(2).sum(2)
        logs = sizes.clamp(min=1).float().log()
        for key, values in (
            ("consensus", _iou(consensus, truth)),
            ("single", each.mean(1)),
            ("best", each.max(1).values),
            ("volume", (consensus.flatten(1).sum(1) - volume).abs() / volume),
            ("volume_single", ((sizes - volume[:, None]).abs() / volume[:, None]).mean(1)),
            ("spread", logs.std(1)),
            ("log_error", (logs.mean(1) - volume.log()).abs()),
        ):
            rows.setdefault(key, []).extend(values.tolist())
    return {key: round(float(np.mean(values)), 4) for key, values in rows.items()}


def _iou(a: Tensor, b: Tensor) -> Tensor:
    both = (a & b).flatten(-3).sum(-1).float()
    return both / (a | b).flatten(-3).sum(-1).clamp(min=1)


def begin(network: nn.Module, weights: Weights) -> None:
    """Take what fits from earlier weights; columns of new inputs begin at zero."""
    state, own = weights.state, network.state_dict()
    first = "denoiser.input_blocks.0.0.weight"
    for name, value in state.items():
        value = value.float()
        if name == first and name in own and own[name].shape != value.shape:
            features = network.config.features
            new = own[name].shape[1] - value.shape[1]
            zeros = value.new_zeros(len(value), new, *value.shape[2:])
            value = torch.cat([value[:, :features], zeros, value[:, features:]], dim=1)
        if name in own and own[name].shape == value.shape:
            own[name].copy_(value)


def falling(done: float, least: float) -> float:
    """Give what falls from 1 to a least value as half a cosine, by the share that is done."""
    return least + (1 - least) * 0.5 * (1 + math.cos(math.pi * done))


@dataclasses.dataclass(frozen=True)
class Settings:
    """What must be the same when a run is taken up."""

    minutes: float
    first_share: float
    refiner_share: float
    near: float
    last_step: bool
    section_only: bool
    follower: bool
    batch: int
    lr: float
    second_lr: float
    simulated: int
    share: float
    all_cells: bool
    dropout: float
    seed: int
    tiny: bool
    began_with: str


LAST = 16.0
"""Seconds before the end of the time at which training ends, for the last scores."""

TINY = {
    "encoder_channels": 8,
    "features": 8,
    "fine_channels": 8,
    "channels": 32,
    "channel_mult": (1, 1),
    "refiner_features": 8,
    "refiner_channels": 8,
}
"""The network of the tiny setting."""

TINY_STEPS = 3
"""Steps of each part in the tiny setting."""


class Training:
    """A run on its way: network, its average, optimiser and the cells."""

    def __init__(
        self,
        packed: dict[str, np.ndarray],
        out: Path,
        settings: Settings,
        initial: Weights | None,
        arriving: Any,
        clock: Clock,
        *,
        eager: bool,
        save_seconds: float,
        look_seconds: float = 60.0,
    ) -> None:
        self.out, self.settings, self.save_seconds = out, settings, save_seconds
        self.look_seconds = look_seconds
        self.device = find_device("auto")
        self.cuda = self.device.type == "cuda"
        self.precision = best_precision(self.device)
        self.arriving = arriving
        train, tiny = packed["train"], settings.tiny
        own = np.ones(len(train), bool) if settings.all_cells else train
        arrays = ("image", "mask", "obj")
        self.held = {kind: packed[kind][~train][: 1 if tiny else None] for kind in arrays}
        self.pool = Pool(
            {kind: packed[kind][own] for kind in arrays}, settings.simulated, self.device
        )
        self.about = {
            **json.loads(str(packed["about"])),
            "name": out.resolve().name,
            "script": "train_fast.py",
            "preset": "fast",
            "training": dataclasses.asdict(settings),
            "training_cells": packed["name"][own].tolist(),
            "extra_cells": settings.simulated,
            "extra_training_cells": [
                f"simulated_{SIMULATED}_{i}" for i in range(settings.simulated)
            ],
            "started_from": dict(initial.about) if initial else None,
        }
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
        torch.manual_seed(settings.seed)
        self.config = get_preset("fast").model
        changed = {
            "section_only": settings.section_only or settings.follower,
            "follower_channels": FOLLOWER_CHANNELS if settings.follower else 0,
            **(TINY if tiny else {}),
        }
        network = dataclasses.replace(self.config.network, **changed)
        self.config = dataclasses.replace(self.config, network=network)
        dropout = 0.0 if settings.follower else settings.dropout
        network = dataclasses.replace(self.config.network, dropout=dropout)
        self.network = build_network(dataclasses.replace(self.config, network=network))
        self.network = self.network.to(self.device)
        if initial:
            begin(self.network, initial)
        if settings.follower:
            self.network.requires_grad_(False)
            self.network.follower.requires_grad_(True)
        self.judged = build_network(self.config).to(self.device).eval()
        if self.cuda:
            channels_last(self.network)
        self.diffusion = Diffusion(self.network, self.config, self.device)
        self.two = sampling_process(self.config)
        self.sources = torch.Generator(self.device).manual_seed(settings.seed)
        self.clock = clock
        self.step, self.part = 0, "first"
        self.began, self.base, self.marks = 0.0, 0, [0.6]
        self.sums: dict[str, Tensor] = {}
        self.planes = (1,) if settings.section_only else (1, 2) if tiny else (1, 2, 3, 5)
        self._begin_anew()
        self.note(
            device=torch.cuda.get_device_name() if self.cuda else "cpu",
            precision=self.precision,
            cells=self.pool.own,
        )
        if self.cuda and not eager:
            self._compile()

    def _begin_anew(self) -> None:
        """Make what a run begins with beside its weights."""
        settings = self.settings
        self.average = MovingAverage(self.network, 0.999, warmup=True)
        self.optimizer = torch.optim.AdamW(
            [part for part in self.network.parameters() if part.requires_grad],
            lr=settings.lr,
            weight_decay=0.02,
            fused=self.cuda,
            betas=(0.9, 0.99),
        )

    def note(self, **values: object) -> None:
        """Write a line of the log, and print it."""
        values = {"at": round(self.clock.used, 1), **values}
        print(json.dumps(values), flush=True)
        with open(self.out / "log.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(values) + "\n")

    def save(self) -> None:
        """Write the whole state."""
        save_checkpoint(
            self.out,
            {
                "settings": dataclasses.asdict(self.settings),
                "used": self.clock.used,
                "part": self.part,
                "step": self.step,
                "began": self.began,
                "base": self.base,
                "marks": self.marks,
                "network": self.network.state_dict(),
                "average": self.average.state,
                "optimizer": self.optimizer.state_dict(),
                "sources": self.sources.get_state(),
            },
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a saved state."""
        self.clock = Clock(self.clock.seconds, state["used"] + self.clock.used)
        self.part, self.step, self.began = state["part"], state["step"], state["began"]
        self.base, self.marks = state["base"], state["marks"]
        self.network.load_state_dict(state["network"])
        self.average.load(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.sources.set_state(state["sources"])
        self.note(resumed=self.part, step=self.step)

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal noise."""
        return torch.randn(shape, generator=self.sources, device=self.device)

    def fill(self) -> None:
        """Take in the simulated cells that are ready."""
        if self.arriving is None:
            return
        until = time.monotonic() + 0.02
        try:
            while time.monotonic() < until:
                self.pool.add(*self.arriving.next(timeout=0.001))
        except multiprocessing.TimeoutError:
            pass
        except StopIteration:
            self.arriving = None
            self.note(simulated=self.pool.count - self.pool.own)

    def refiner_step(self, step: int) -> dict[str, Tensor]:
        """Give the loss of the refiner alone, whose features are not trained."""
        batch = self.settings.batch
        data = make_batch(self.pool, step, [True] * batch, self.settings)
        network, edge, half = (
            self.network,
            self.config.network.coarse,
            self.config.network.size // 2,
        )
        with autocast(self.device, self.precision):
            with torch.no_grad():
                features = network.encoder(data["condition"])
            coarse = torch.nn.functional.avg_pool3d(data["target"], network.config.factor)
            u = torch.rand(batch, 1, 1, 1, 1, generator=self.sources, device=self.device)
            noisy = coarse + network.config.refine_noise * u * self.normal(
                batch, 1, edge, edge, edge
            )
            grain = self.normal(batch, 1, half, half, half)
            logit = network.refiner(noisy, features, data["known"], grain)
            return {"loss": overlap_loss(logit, data["target"])["loss"].mean()}

    def times(self, batch: int) -> Tensor:
        """Draw diffusion steps: near those of the sampler, uniform, or low."""
        u, near = (torch.rand(batch, generator=self.sources, device=self.device) for _ in range(2))
        rows = torch.arange(batch, device=self.device)
        t = 1000 * torch.where(rows % 2 == 0, u * u, u)
        steps = torch.tensor(self.two.schedule.timesteps.tolist(), device=self.device)
        around = steps[rows % len(steps)] + 200 * (u - 0.5)
        return torch.where(near < self.settings.near, around, t).long().clamp(0, 999)

    def first_step(self, step: int) -> dict[str, Tensor]:
        """Give the losses of a step of the first part."""
        batch = self.settings.batch
        exact = [k < batch // 2 for k in range(batch)]
        data = make_batch(self.pool, step, exact, self.settings)
        t = self.times(batch)
        edge, half = self.config.network.coarse, self.config.network.size // 2
        noise = self.normal(batch, 1, edge, edge, edge)
        grain = self.normal(batch // 2, 1, half, half, half)
        with autocast(self.device, self.precision):
            return self.diffusion(data, t, noise, grain)

    def follower_step(self, step: int) -> dict[str, Tensor]:
        """Give the loss of the follower."""
        batch, edge = self.settings.batch, self.config.network.coarse
        exact = [k < batch // 2 for k in range(batch)]
        data = make_batch(self.pool, step, exact, self.settings)
        t, noise = self.times(batch), self.normal(batch, 1, edge, edge, edge)
        with autocast(self.device, self.precision):
            return self.diffusion.follow(data, t, noise)

    def second_step(self, step: int) -> dict[str, Tensor]:
        """Give the energy score of two draws of each cell."""
        settings, n = self.settings, self.settings.batch // 2
        fine = [k % 4 != 3 for k in range(n)]
        data = make_batch(self.pool, step, fine, self.settings)
        edge, half = self.config.network.coarse, self.config.network.size // 2
        noises = {
            "start": self.normal(2 * n, 1, edge, edge, edge),
            "spread": self.normal(2 * n, 1, edge, edge, edge),
            "grain": self.normal(2 * n, 1, half, half, half),
        }
        with autocast(self.device, self.precision):
            draws = draw_twice(
                self.network,
                self.two,
                data["condition"],
                data["known"],
                noises,
                last=settings.last_step,
            )
        kept = torch.tensor(fine, device=self.device, dtype=torch.float32)
        terms = energy_score(draws.float(), data["target"][:, 0], kept)
        return {key: value.mean() for key, value in terms.items()}

    def update(self, terms: dict[str, Tensor], rate: float) -> None:
        """Make a step of the optimiser."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        terms["loss"].backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.average.update(self.network, self.step)

    def evaluate(self, *planes: int) -> None:
        """Score the averaged weights on the validation cells, by the number of known planes."""
        self.judged.load_state_dict(self.average.state)
        for count in planes:
            found = scores(self.judged, self.config, self.held, count, self.device, self.precision)
            self.note(part=self.part, planes=count, **found)

    def keep(self, name: str) -> None:
        """Write the averaged weights, in half precision."""
        about = {**self.about, "at": name, "steps": self.step, "ema_rate": self.average.rate}
        state = {key: value.contiguous() for key, value in self.average.state.items()}
        path = self.out / f"{name}.safetensors"
        save_weights(path, Weights(self.config, state, about), dtype=torch.float16)

    def train_refiner(self, stop: Stop) -> bool:
        """Train the refiner before the first part; whether it came to its end."""
        settings = self.settings
        end = self.clock.seconds * settings.refiner_share

        def rate(done: float) -> float:
            return 3 * settings.lr * min(1, (self.step + 1) / 100) * (1 - 0.8 * done)

        if not self._train(self.refiner_step, rate, end, stop):
            return False
        self.keep("refiner")
        self.evaluate(*self.planes[:1])
        return True

    def train_first(self, stop: Stop) -> bool:
        """Train the first part; whether it came to its end."""
        settings, clock = self.settings, self.clock
        end = self.began + (clock.seconds - self.began) * settings.first_share

        def rate(done: float) -> float:
            return settings.lr * min(1, (self.step - self.base + 1) / 200) * falling(done, 0.2)

        if not self._train(self.first_step, rate, end, stop):
            return False
        self.note(part="first", steps=self.step, samples=self.step * settings.batch)
        self.keep("first")
        self.evaluate(*self.planes)
        return True

    def train_follower(self, stop: Stop) -> bool:
        """Train the follower; whether it came to its end."""
        settings = self.settings

        def rate(done: float) -> float:
            return settings.lr * min(1, (self.step + 1) / 200) * falling(done, 0.02)

        if not self._train(self.follower_step, rate, self.clock.seconds - LAST, stop):
            return False
        self.note(part="follower", steps=self.step, samples=self.step * settings.batch * SETS)
        self.keep("follower")
        self.evaluate(*self.planes)
        return True

    def train_second(self, stop: Stop) -> bool:
        """Train the second part; whether it came to its end."""
        settings = self.settings
        for part in self.network.modules():  # what is drawn must not vary by what is dropped
            if isinstance(part, nn.Dropout):
                part.p = 0.0

        def rate(done: float) -> float:
            return settings.second_lr * min(1, (self.step - self.base + 1) / 100) * (1 - done)

        if not self._train(self.second_step, rate, self.clock.seconds - LAST, stop):
            return False
        steps = self.step - self.base
        self.note(part="second", steps=steps, samples=steps * settings.batch // 2)
        self.keep("second")
        self.evaluate(*self.planes)
        return True

    def _train(
        self,
        step_of: Callable[[int], dict[str, Tensor]],
        rate_of: Callable[[float], float],
        end: float,
        stop: Stop,
    ) -> bool:
        """Make steps until the time of a part is used; whether it is."""
        clock, tiny = self.clock, self.settings.tiny
        look, saved = clock.used + self.look_seconds, clock.used
        every, counted, last = 2 if tiny else 100, 0, time.monotonic()
        self.sums = {}
        while True:
            limited = tiny and self.step - self.base >= TINY_STEPS
            if limited or (clock.used >= end and not tiny):
                return True
            if stop.asked:
                self.save()
                return False
            self.fill()
            done = (clock.used - self.began) / max(end - self.began, 1e-9)
            done = min(max(done, 0.0), 1.0) if not tiny else (self.step - self.base) / TINY_STEPS
            terms = step_of(self.step)
            self.update(terms, rate_of(done))
            self.step += 1
            counted += 1
            for key, value in terms.items():
                self.sums[key] = self.sums.get(key, 0) + value.detach()
            if counted == every:
                means = {key: round(float(value) / every, 5) for key, value in self.sums.items()}
                speed = round(every / (time.monotonic() - last), 3)
                self.note(
                    part=self.part,
                    step=self.step,
                    steps_per_second=speed,
                    pool=self.pool.count,
                    **means,
                )
                self.sums, counted, last = {}, 0, time.monotonic()
            if self.part == "second" and self.marks and done > self.marks[0]:
                self.keep(f"second_{round(100 * self.marks.pop(0))}")
            if clock.used > look and not tiny:
                self.evaluate(*self.planes[::2])
                look, last = clock.used + self.look_seconds, time.monotonic()
            if clock.used >= saved + self.save_seconds:
                self.save()
                saved = clock.used

    def go_on(self, part: str) -> None:
        """Begin another part."""
        self.part, self.began, self.base = part, self.clock.used, self.step
        self.save()

    def _compile(self) -> None:
        """Compile the network where that makes a step faster; its weights stay as they are."""
        before = copy.deepcopy(self.network.state_dict())
        while self.arriving is not None and self.pool.count < self.pool.own + 64:
            self.fill()
        plain = self._pace(5)
        self.note(eager_seconds=round(plain, 4))
        try:
            torch._dynamo.config.cache_size_limit = 32
            compile_parts(self.network)
            compiled = self._pace(5)
            self.note(compiled_seconds=round(compiled, 4))
            if compiled > plain:
                raise RuntimeError("compiling does not help")
        except Exception as error:
            self.note(compile_failed=str(error)[:300])
            for part in self.network.parts():
                part._compiled_call_impl = None
        self.network.load_state_dict(before)
        self._begin_anew()

    def _pace(self, count: int) -> float:
        """Seconds a step, after one that warms up."""
        first = 2**31 - 200
        self.update(self.first_step(first), 1e-6)
        torch.cuda.synchronize()
        before = time.monotonic()
        for i in range(count):
            self.update(self.first_step(first + 1 + i), 1e-6)
        torch.cuda.synchronize()
        return (time.monotonic() - before) / count

    def speed(self, n: int) -> dict[str, float]:
        """Time ensembles of five, of n cells at once."""
        rows = np.arange(n) % len(self.held["image"])
        condition = condition_tensor(self.held["image"][rows], self.held["mask"][rows])
        condition = condition.to(self.device).repeat_interleave(5, 0)
        streams = [BalancedStream("speed", i, k=k) for i in range(n) for k in range(5)]
        times = []
        for _ in range(5 if self.cuda else 2):
            if self.cuda:
                torch.cuda.synchronize()
            start = time.monotonic()
            with autocast(self.device, self.precision):
                draw_occupancy(self.judged, self.config, condition, streams)
            if self.cuda:
                torch.cuda.synchronize()
            times.append(time.monotonic() - start)
        return {"ensembles_per_second": round(n / min(times), 2)}


@click.command(context_settings={"show_default": True})
@click.argument("cells", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True)
@click.option("--init", "initial", type=click.Path(path_type=Path), help="Weights to begin with.")
@click.option("--minutes", default=8.0, help="In all, over all calls.")
@click.option("--first-share", default=0.45, help="Of the time, for the first part.")
@click.option("--refiner-share", default=0.0, help="Of the time, for the refiner alone, before.")
@click.option("--near", default=0.0, help="Share of samples near the sampler's diffusion steps.")
@click.option("--last-step", is_flag=True, help="Second part: train the sampler's last step alone.")
@click.option("--section-only", is_flag=True, help="Train on the section alone.")
@click.option("--follower", is_flag=True, help="Train the follower alone, beside --init.")
@click.option("--batch", default=96, help="Cells a step; half as many in the second part.")
@click.option("--lr", default=5e-4, help="Of the first part, at its beginning.")
@click.option("--second-lr", default=2e-4, help="Of the second part, at its beginning.")
@click.option("--simulated", default=9000, help="Cells to simulate.")
@click.option("--workers", default=13, help="Processes that simulate them.")
@click.option("--share", default=0.2, help="Of simulated cells.")
@click.option("--all-cells", is_flag=True, help="Train on the validation cells too.")
@click.option("--dropout", default=0.1, help="In the first part.")
@click.option("--eager", is_flag=True, help="Do not compile: better for short runs.")
@click.option("--seed", default=11)
@click.option("--save-seconds", default=60.0, help="Between checkpoints.")
@click.option("--look-seconds", default=60.0, help="Between scores of the validation cells.")
@click.option("--tiny", is_flag=True, help="A few steps on few cells, to try the script.")
def main(
    cells: Path,
    out: Path,
    initial: Path | None,
    workers: int,
    eager: bool,
    save_seconds: float,
    look_seconds: float,
    **options: Any,
) -> None:
    """Train on CELLS (of scripts/pack_cells.py)."""
    clock = Clock(60 * options["minutes"])
    if options["tiny"]:
        options |= {"batch": 2, "simulated": 2}
        workers = 1
    if options["follower"] and not initial:
        raise ConfigError("--follower needs the weights beside which it is trained; give --init.")
    weights = load_weights(initial) if initial else None
    start = start_of(weights)
    began_with = f"{start['weights']} ({start['sha256'][:8]})" if start else ""
    settings = Settings(**options, began_with=began_with)
    state = load_checkpoint(out)
    if state:
        other = ", ".join(changes(state["settings"], dataclasses.asdict(settings)))
        if other:
            raise ConfigError(
                f"{out} contains a run with other settings ({other}); choose another folder for a "
                "new run, or use the same settings to resume."
            )
        if state["part"] == "done":
            click.echo(f"{out} is done.")
            return
    out.mkdir(parents=True, exist_ok=True)
    with np.load(cells) as file:
        packed = dict(file)
    if "about" not in packed:
        raise ConfigError(f"{cells} is of an earlier version; pack the cells again.")
    os.environ["OMP_NUM_THREADS"] = "1"
    jobs = multiprocessing.get_context("spawn").Pool(workers)
    arriving = jobs.imap(simulate_one, [(SIMULATED, i) for i in range(settings.simulated)])
    training = Training(
        packed,
        out,
        settings,
        weights,
        arriving,
        clock,
        eager=eager,
        save_seconds=save_seconds,
        look_seconds=look_seconds,
    )
    if state:
        training.restore(state)
    else:
        first = "refiner" if settings.refiner_share else "first"
        training.go_on("follower" if settings.follower else first)
    with Stop() as stop:
        finished = True
        if training.part == "follower":
            finished = training.train_follower(stop)
            if finished:
                training.go_on("done")
        if training.part == "refiner":
            finished = training.train_refiner(stop)
            if finished:
                training.go_on("first" if settings.first_share else "second")
        if finished and training.part == "first":
            finished = training.train_first(stop)
            if finished:
                training.go_on("second")
        if finished and training.part == "second":
            finished = training.train_second(stop)
            if finished:
                training.note(part="speed", **training.speed(1 if settings.tiny else 64))
                training.go_on("done")
    jobs.terminate()
    if not finished:
        click.echo(f"Stopped at step {training.step}; repeat the command to go on.", err=True)
        sys.exit(130)


if __name__ == "__main__":
    run(main)
