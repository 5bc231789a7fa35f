"""Train the fast model on one GPU within a time budget.

python scripts/pack_cells.py red_blood_cells -o cells.npz
python scripts/train_on_gpu.py cells.npz -o runs/gpu --minutes 8

Two parts. The first trains diffusion and refiner as `dispr train` does, on known planes. The second
trains through the two steps of the sampler, to the energy score of what is drawn
(`dispr.training.ensemble`). Cells are simulated meanwhile on the processor's cores. Weights are
kept at fractions of the time, in half precision; scores of the validation cells go to `log.jsonl`.
The same script runs on a CPU in a tiny setting (`--tiny`).
"""

from __future__ import annotations

import dataclasses
import json
import math
import multiprocessing
import os
import sys
import time
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor, nn

from dispr.cells.augment import SECTION, AugmentConfig, augment
from dispr.cells.prepare import condition_tensor, occupancy
from dispr.diffusion.objective import cross_entropy, overlap_loss
from dispr.diffusion.streams import BalancedStream, generator
from dispr.model.config import ModelConfig
from dispr.model.weights import Weights, build_network, load_weights, save_weights
from dispr.network.planes import known_planes
from dispr.prediction.draw import draw_occupancy, sampling_process
from dispr.training.ema import MovingAverage
from dispr.training.ensemble import draw_twice, energy_score
from dispr.training.planes import DRAWS, choose_planes, spread_planes
from dispr.training.presets import get_preset

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


def make_batch(
    pool: Pool, step: int, size: int, exact: list[bool], share: float, seed: int
) -> dict:
    """Draw and vary cells: condition, occupancy and known planes, on the device."""
    rng = np.random.default_rng([seed, step])
    cells = pool.choose(size, share, rng)
    rows = torch.from_numpy(cells).to(pool.device, non_blocking=True)
    image, mask, obj = (store[rows].float() for store in (pool.image, pool.mask, pool.obj))
    streams = [generator("gpu", seed, step, k) for k in range(size)]
    image, mask, obj = augment(image, mask, obj, AUGMENT, streams, exact)
    chosen = np.zeros((size, obj.shape[1]), bool)
    draws = rng.random((size, DRAWS))
    for k, cell in enumerate(cells):
        chosen[k, choose_planes(*pool.extent[cell], obj.shape[1], draws[k])] = True
    target = occupancy(obj)
    shape = (target[:, 0] > 0.5).float()
    shape[:, SECTION] = (mask > 127).float()
    known = known_planes(shape, torch.from_numpy(chosen).to(pool.device, non_blocking=True))
    return {"condition": condition_tensor(image, mask), "target": target, "known": known}


def simulate_one(task: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from dispr.simulate.cell import check_types, simulate_cell

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
        shape = (-1, 1, 1, 1, 1)
        x0 = self.process.encode(coarse)
        x_t = self.signal[t].view(shape) * x0 + self.spread[t].view(shape) * noise
        denoised = cross_entropy(given(x_t, t), coarse).mean()
        n = len(grain)
        rows = slice(0, n)
        width = config.refine_noise * (t[rows].float() + 1) / len(self.signal)
        noisy = coarse[rows] + width.view(shape) * noise[rows]
        logit = network.refiner(noisy, given.features.rows(rows), batch["known"][rows], grain)
        refined = overlap_loss(logit, batch["target"][rows])["loss"].mean()
        return {"loss": denoised + refined, "coarse": denoised, "refined": refined}


def scores(
    network: nn.Module,
    config: ModelConfig,
    cells: dict,
    planes: int,
    device: torch.device,
    bf16: bool,
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
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
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


def begin(network: nn.Module, path: Path | None) -> None:
    """Take what fits from earlier weights; columns of new inputs begin at zero."""
    if path is None:
        return
    state, own = load_weights(path).state, network.state_dict()
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


@click.command()
@click.argument("cells", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True)
@click.option("--init", "initial", type=click.Path(path_type=Path), help="Weights to begin with.")
@click.option("--minutes", default=8.0, help="In all, from the start of the script.")
@click.option("--first-share", default=0.45, help="Of the time, for the first part.")
@click.option("--batch", default=96)
@click.option("--lr", default=5e-4)
@click.option("--second-lr", default=2e-4)
@click.option("--simulated", default=9000)
@click.option("--workers", default=13)
@click.option("--share", default=0.2, help="Of simulated cells.")
@click.option("--all-cells", is_flag=True, help="Train on the validation cells too.")
@click.option("--dropout", default=0.1)
@click.option("--eager", is_flag=True, help="Do not compile: better for short runs.")
@click.option("--seed", default=11)
@click.option("--tiny", is_flag=True, help="A few steps on few cells, to try the script.")
def main(
    cells: Path,
    out: Path,
    initial: Path | None,
    minutes: float,
    first_share: float,
    batch: int,
    lr: float,
    second_lr: float,
    simulated: int,
    workers: int,
    share: float,
    all_cells: bool,
    dropout: float,
    eager: bool,
    seed: int,
    tiny: bool,
) -> None:
    """Train on CELLS (of scripts/pack_cells.py)."""
    began = time.monotonic()

    def left() -> float:
        return minutes * 60 - (time.monotonic() - began)

    out.mkdir(parents=True, exist_ok=True)

    def note(**values: object) -> None:
        values = {"at": round(time.monotonic() - began, 1), **values}
        print(json.dumps(values), flush=True)
        with open(out / "log.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(values) + "\n")

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cuda = device.type == "cuda"
    if tiny:
        batch, simulated, workers = 4, 6, 1
    context = multiprocessing.get_context("spawn")
    os.environ["OMP_NUM_THREADS"] = "1"
    jobs = context.Pool(workers)
    arriving = jobs.imap(simulate_one, [(1000, i) for i in range(simulated)])
    packed = dict(np.load(cells))
    for_training = np.ones(len(packed["train"]), bool) if all_cells else packed["train"]
    real = {kind: packed[kind][for_training] for kind in ("image", "mask", "obj")}
    held = {kind: packed[kind][~packed["train"]] for kind in ("image", "mask", "obj")}
    if tiny:
        held = {kind: values[:3] for kind, values in held.items()}
    pool = Pool(real, simulated, device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    preset = get_preset("fast")
    config = preset.model
    network_config = dataclasses.replace(config.network, dropout=dropout)
    torch.manual_seed(seed)
    network = build_network(dataclasses.replace(config, network=network_config)).to(device)
    begin(network, initial)
    note(device=torch.cuda.get_device_name() if cuda else "cpu", cells=pool.own)
    judged = build_network(config).to(device).eval()

    if cuda:
        for part in network.modules():
            if isinstance(part, nn.Conv3d):
                part.to(memory_format=torch.channels_last_3d)
    average = MovingAverage(network, 0.999, warmup=True)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=lr, weight_decay=0.02, fused=cuda, betas=(0.9, 0.99)
    )
    diffusion = Diffusion(network, config, device)
    two = sampling_process(config)
    exact = [k < batch // 2 for k in range(batch)]
    sources = torch.Generator(device).manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=sources, device=device)

    edge, half = config.network.coarse, config.network.size // 2

    def fill() -> None:
        """Take in the simulated cells that are ready."""
        nonlocal arriving
        if arriving is None:
            return
        until = time.monotonic() + 0.02
        try:
            while time.monotonic() < until:
                pool.add(*arriving.next(timeout=0.001))
        except multiprocessing.TimeoutError:
            pass
        except StopIteration:
            arriving = None
            jobs.terminate()
            note(simulated=pool.count - pool.own)

    def first_step(step: int) -> dict[str, Tensor]:
        data = make_batch(pool, step, batch, exact, share, seed)
        u = torch.rand(batch, generator=sources, device=device)
        low = torch.arange(batch, device=device) % 2 == 0
        t = (1000 * torch.where(low, u * u, u)).long().clamp(max=999)
        noise, grain = normal(batch, 1, edge, edge, edge), normal(batch // 2, 1, half, half, half)
        with torch.autocast(device.type, torch.bfloat16):
            return diffusion(data, t, noise, grain)

    def second_step(step: int) -> dict[str, Tensor]:
        n = batch // 2
        keep = [k % 4 != 3 for k in range(n)]
        data = make_batch(pool, step, n, keep, share, seed)
        noises = {
            "start": normal(2 * n, 1, edge, edge, edge),
            "spread": normal(2 * n, 1, edge, edge, edge),
            "grain": normal(2 * n, 1, half, half, half),
        }
        with torch.autocast(device.type, torch.bfloat16):
            draws = draw_twice(network, two, data["condition"], data["known"], noises)
        fine = torch.tensor(keep, device=device, dtype=torch.float32)
        terms = energy_score(draws.float(), data["target"][:, 0], fine)
        return {key: value.mean() for key, value in terms.items()}

    def evaluate(name: str, all_planes: bool = False) -> None:
        judged.load_state_dict(average.state)
        for planes in (1, 2, 3, 5) if all_planes else (1, 3):
            note(part=name, planes=planes, **scores(judged, config, held, planes, device, cuda))

    def keep(name: str) -> None:
        about = {"script": "train_on_gpu.py", "at": name, "seed": seed, "began_with": str(initial)}
        state = {key: value.contiguous() for key, value in average.state.items()}
        path = out / f"{name}.safetensors"
        save_weights(path, Weights(config, state, about), dtype=torch.float16)

    def update(terms: dict[str, Tensor], rate: float, step: int) -> None:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        terms["loss"].backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update(network, step)

    def sync() -> None:
        if cuda:
            torch.cuda.synchronize()

    def pace(step_of, count: int, start: int) -> float:
        """Seconds a step, after one that warms up."""
        update(step_of(start), 1e-6, 0)
        sync()
        before = time.monotonic()
        for i in range(count):
            update(step_of(start + 1 + i), 1e-6, 0)
        sync()
        return (time.monotonic() - before) / count

    if cuda and not eager:
        while pool.count < pool.own + 64:
            fill()
        plain = pace(first_step, 5, -100 % 2**31)
        note(eager_seconds=round(plain, 4))
        try:
            torch._dynamo.config.cache_size_limit = 32
            for part in (network.encoder, network.denoiser, network.refiner):
                part.compile(dynamic=False)
            compiled = pace(first_step, 5, -200 % 2**31)
            note(compiled_seconds=round(compiled, 4))
            if compiled > plain:
                raise RuntimeError("compiling does not help")
        except Exception as error:
            note(compile_failed=str(error)[:300])
            for part in (network.encoder, network.denoiser, network.refiner):
                part._compiled_call_impl = None
        network.load_state_dict(average.state)

    total = left()
    end_first = total * (1 - first_share)
    phase_began = left()
    step, sums = 0, {}
    last = time.monotonic()

    def report(part: str, terms: dict[str, Tensor], every: int) -> None:
        nonlocal sums, last
        for key, value in terms.items():
            sums[key] = sums.get(key, 0) + value.detach()
        if (step + 1) % every == 0:
            rate = every / (time.monotonic() - last)
            note(
                part=part,
                step=step + 1,
                steps_per_second=round(rate, 3),
                pool=pool.count,
                **{key: round(float(value) / every, 5) for key, value in sums.items()},
            )
            sums, last = {}, time.monotonic()

    limit = 3 if tiny else 10**9
    next_look = left() - 60
    while left() > end_first and step < limit:
        fill()
        done = (phase_began - left()) / max(phase_began - end_first, 1e-9)
        rate = lr * min(1, (step + 1) / 200) * (0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi * done)))
        terms = first_step(step)
        update(terms, rate, step)
        report("first", terms, 2 if tiny else 100)
        step += 1
        if left() < next_look:
            evaluate("first")
            next_look = left() - 60
            last = time.monotonic()
    note(part="first", steps=step, samples=step * batch)
    evaluate("first", all_planes=True)
    keep("first")

    for part in network.modules():  # what is drawn must not vary by what is dropped
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    phase_began, end = left(), 16.0
    marks = [0.6]
    base = step
    next_look = left() - 45
    sums, last = {}, time.monotonic()
    while left() > end and step - base < limit:
        fill()
        done = (phase_began - left()) / max(phase_began - end, 1e-9)
        rate = second_lr * min(1, (step - base + 1) / 100) * max(1 - done, 0.0)
        terms = second_step(step)
        update(terms, rate, step)
        report("second", terms, 2 if tiny else 100)
        step += 1
        if marks and done > marks[0]:
            keep(f"second_{round(100 * marks.pop(0))}")
        if left() < next_look:
            evaluate("second")
            next_look = left() - 45
            last = time.monotonic()
    note(part="second", steps=step - base, samples=(step - base) * batch // 2)
    keep("second")
    evaluate("second", all_planes=True)
    jobs.terminate()
    note(part="speed", **speed(judged, config, held, device, cuda, 3 if tiny else 64))


def speed(
    network: nn.Module, config: ModelConfig, cells: dict, device: torch.device, bf16: bool, n: int
) -> dict[str, float]:
    """Time ensembles of five, of n cells at once."""
    rows = np.arange(n) % len(cells["image"])
    condition = condition_tensor(cells["image"][rows], cells["mask"][rows]).to(device)
    condition = condition.repeat_interleave(5, 0)
    streams = [BalancedStream("speed", i, k=k) for i in range(n) for k in range(5)]
    times = []
    for _ in range(2 if n < 10 else 5):
        if bf16:
            torch.cuda.synchronize()
        start = time.monotonic()
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            draw_occupancy(network, config, condition, streams)
        if bf16:
            torch.cuda.synchronize()
        times.append(time.monotonic() - start)
    return {"ensembles_per_second": round(n / min(times), 2)}


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # workers of the simulator are not waited for
