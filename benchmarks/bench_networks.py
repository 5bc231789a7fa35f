"""Time the networks, beside what the machine can do at best.

The published network is timed beside a plain re-statement of it (`tests/network/plain_unet.py`).
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from bench_rounds import Case, Rounds, Row
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import dispr
from dispr.model.config import ModelConfig
from dispr.model.weights import build_network
from dispr.network.config import UNetConfig
from dispr.network.unet import UNet
from dispr.training.objective import Objective
from dispr.training.presets import get_preset

SHAPES = 5


def gflop(network: nn.Module, call: Callable[[nn.Module, str], object]) -> float:
    """Count the arithmetic of a call in 1e9 operations, without computing it (by torch's counter).

    The call is given a network without values, and the device ("meta") that its inputs are on.
    """
    hollow = copy.deepcopy(network).to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call(hollow, "meta")
    return counter.get_total_flops() / 1e9


def machine(rounds: Rounds, tiny: bool) -> list[Row]:
    """Time a large matrix product and a large convolution: the best of the machine."""
    n, edge = (128, 8) if tiny else (2048, 32)
    a = torch.randn(n, n, device=rounds.device)
    x = torch.randn(1, 64, edge, edge, edge, device=rounds.device)
    convolution = nn.Conv3d(64, 64, 3, padding=1).to(rounds.device)

    def convolve() -> Tensor:
        with torch.inference_mode():
            return convolution(x)

    work = gflop(convolution, lambda m, place: m(torch.empty(x.shape, device=place)))
    return rounds.of(
        "Machine, float32",
        [
            Case(f"matrix product of {n} x {n}", lambda: a @ a, gflop=2 * n**3 / 1e9),
            Case(f"3D convolution, 64 channels, {edge}^3 voxels", convolve, gflop=work),
        ],
    )


def plain() -> Callable[..., Tensor]:
    """Give the plain re-statement of the published network."""
    folder = str(Path(__file__).parents[1] / "tests" / "network")
    sys.path.insert(0, folder)
    try:
        from plain_unet import plain_unet
    finally:
        sys.path.remove(folder)
    return plain_unet


def published_network(size: int, device: str) -> UNet:
    """Make the published network, with parameters that let no layer do nothing.

    Below the sizes that are measured it has two levels only, to try the suite.
    """
    torch.manual_seed(0)
    config = UNetConfig(size=size)
    if size < 32:
        config = UNetConfig(size=size, channel_mult=(1, 1), attention_levels=(1,))
    network = UNet(config).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.02)
    return network.to(device)


def published(rounds: Rounds, tiny: bool) -> list[Row]:
    """Time a forward pass and a training step of the published network, and of the plain one.

    Volumes are smaller than the 64^3 voxels of the method, where the plain network alone would take
    a minute: the pass of that size is DISPR's.
    """
    again = plain()
    forwards, steps = [], []
    for what, size in (("forward", 48), ("step", 32), ("forward", 64)):
        edge = 16 if tiny else size
        network = published_network(edge, rounds.device)
        x = torch.randn(1, 3, edge, edge, edge, device=rounds.device)
        t = torch.tensor([500], device=rounds.device)
        work = gflop(network, partial(_hollow_pass, shape=x.shape))
        state = dict(network.named_parameters())
        ours, theirs = partial(network, x, t), partial(again, state, x, t, network.config)
        runs = {"plain re-statement": theirs, "DISPR": ours}
        if size == 64:
            del runs["plain re-statement"]
        for name, run in runs.items():
            if what == "forward":
                told = f"{name}, {size}^3 voxels"
                forwards.append(Case(told, forward(run), gflop=work))
            else:
                steps.append(Case(name, step(network, run), gflop=3 * work))
    return [
        *rounds.of("Published network, forward pass", forwards, warm=False),
        *rounds.of("Published network, training step, 32^3 voxels", steps),
    ]


def _hollow_pass(network: nn.Module, place: str, shape: torch.Size) -> None:
    network(torch.empty(shape, device=place), torch.zeros(1, device=place))


def forward(run: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Compute without gradients."""

    def call() -> Tensor:
        with torch.inference_mode():
            return run()

    return call


def step(network: nn.Module, run: Callable[[], Tensor]) -> Callable[[], None]:
    """Make a training step of what `run` computes: forward, backward, AdamW."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.0)

    def call() -> None:
        optimizer.zero_grad()
        run().square().mean().backward()
        optimizer.step()

    return call


def fast(rounds: Rounds, tiny: bool) -> list[Row]:
    """Time the parts of the shipped network for an ensemble, and training steps."""
    shapes = 1 if tiny else SHAPES
    network = dispr.load(device=rounds.device).network
    condition = torch.rand(shapes, 2, 64, 64, device=rounds.device)
    x = torch.rand(shapes, 1, 16, 16, 16, device=rounds.device)
    t = torch.full((shapes,), 374, device=rounds.device)
    with torch.inference_mode():
        given = network.given(condition)

    def parts(m: nn.Module, place: str) -> Callable[[str], Tensor]:
        known = m.given(torch.empty(condition.shape, device=place))
        empty = torch.empty(x.shape, device=place)
        runs = {
            "denoiser": lambda: known(empty, t.to(place)),
            "refiner": lambda: known.refine(empty),
        }
        return lambda part: runs[part]()

    encoder = gflop(network, lambda m, place: m.given(torch.empty(condition.shape, device=place)))
    work = {
        part: gflop(network, lambda m, place, part=part: parts(m, place)(part)) - encoder
        for part in ("denoiser", "refiner")
    }
    title = f"Shipped network, {shapes} shapes at once"
    rows = rounds.of(
        title,
        [
            Case("denoiser, one step", forward(lambda: given(x, t)), gflop=work["denoiser"]),
            Case("refiner", forward(lambda: given.refine(x)), gflop=work["refiner"]),
            Case("encoder", forward(lambda: network.encoder(condition)), gflop=encoder),
        ],
    )
    return rows + rounds.of(
        "Training step, a cell",
        [
            training_case(name, get_preset(name).model, 1 if tiny else 4, rounds.device)
            for name in ("fast", "decoder", "shapr")
        ],
    )


def training_case(name: str, model: ModelConfig, cells: int, device: str) -> Case:
    """Make a training step of a preset on a fixed batch: its own loss, backward, AdamW."""
    torch.manual_seed(0)
    network = build_network(model).to(device)
    objective = Objective(network, model, "fp32").train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5)
    condition = torch.rand(cells, 2, 64, 64, device=device)
    target = (torch.rand(cells, 1, 64, 64, 64, device=device) > 0.5).float()
    t = torch.full((cells,), 374, device=device)
    noise = None if model.deterministic else torch.randn(cells, *model.noise_shape, device=device)
    refined = None
    if model.network.refine_share:  # one sample of the batch; in training one of eight
        refined = torch.arange(cells, device=device) == 0
    known = grain = None
    if model.network.planes:
        known = torch.rand(cells, 64, 64, 64, device=device)
        grain = torch.randn(cells, 1, 32, 32, 32, device=device)

    def call() -> None:
        optimizer.zero_grad()
        terms = objective(condition, target, t, noise, None, refined, known, grain)
        terms["loss"].mean().backward()
        optimizer.step()

    return Case(f"`{name}`, batch of {cells}", call, count=cells)


def deterministic(rounds: Rounds, tiny: bool) -> list[Row]:
    """Time a forward pass of the deterministic networks, SHAPR among them."""
    cells = 1 if tiny else SHAPES
    condition = torch.rand(cells, 2, 64, 64, device=rounds.device)
    cases = []
    for name in ("shapr", "decoder", "regression"):
        network = build_network(get_preset(name).model).to(rounds.device).eval()
        work = gflop(
            network, lambda m, place: m.regress(torch.empty(condition.shape, device=place))
        )
        call = forward(lambda network=network: network.regress(condition))
        cases.append(Case(f"`{name}`", call, count=cells, gflop=work))
    return rounds.of("Deterministic networks, a shape", cases)
