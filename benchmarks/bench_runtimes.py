"""Whether the fast network is computed sooner when compiled: `torch.compile`, and OpenVINO.

OpenVINO takes part where it is installed (`pip install openvino`). Each part is computed for five
shapes at once, float32, and bfloat16 where the processor computes it; all are timed in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from bench_rounds import Case, Rounds, Row
from torch import Tensor, nn

import dispr
from dispr.model.device import autocast, best_precision

Call = Callable[[], np.ndarray]


class Denoiser(nn.Module):
    """One step of the diffusion."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, condition: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """Denoise x at the steps t."""
        return self.network.given(condition)(x, t)


class Refiner(Denoiser):
    """The last pass."""

    def forward(self, condition: Tensor, x: Tensor) -> Tensor:  # type: ignore[override]
        """Refine x."""
        return self.network.given(condition).refine(x)


def runtimes(rounds: Rounds, tiny: bool) -> list[Row]:
    """Time denoiser and refiner, each with the encoder, by every runtime there is."""
    torch.manual_seed(0)
    network = dispr.load(device=rounds.device).network
    shapes = 1 if tiny else 5
    condition = torch.rand(shapes, 2, 64, 64, device=rounds.device)
    x = torch.rand(shapes, 1, 16, 16, 16, device=rounds.device)
    t = torch.full((shapes,), 374, device=rounds.device)
    parts: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {
        "denoiser": (Denoiser(network), (condition, x, t)),
        "refiner": (Refiner(network), (condition, x)),
    }
    precisions = ["fp32"]
    if best_precision(torch.device(rounds.device)) == "bf16":
        precisions.append("bf16")
    rows = []
    for part, (module, inputs) in parts.items():
        for precision in precisions:
            calls = {"PyTorch": eager(module, inputs, precision, rounds.device)}
            if not tiny:  # compiling takes a minute
                calls |= compiled(module, inputs, precision, rounds.device)
            if rounds.device == "cpu":
                calls |= by_openvino(module, inputs, precision)
            right = calls["PyTorch"]()
            cases = []
            for name, call in calls.items():
                far = float(np.abs(call() - right).max())
                told = name if name == "PyTorch" else f"{name}; differs by {far:.0e} at most"
                cases.append(Case(told, call))
            rows += rounds.of(f"Compiled: {part}, {shapes} shapes, {precision}", cases)
    return rows


def eager(module: nn.Module, inputs: Sequence[Tensor], precision: str, device: str) -> Call:
    """Compute as DISPR does."""

    def call() -> np.ndarray:
        with torch.no_grad(), autocast(torch.device(device), precision):
            return module(*inputs).float().cpu().numpy()

    return call


def compiled(
    module: nn.Module, inputs: Sequence[Tensor], precision: str, device: str
) -> dict[str, Call]:
    """Compile by `torch.compile`, without and with frozen weights (constants, folded)."""
    options: dict[str, dict[str, Any]] = {
        "torch.compile": {},
        "torch.compile, frozen": {"freezing": True},
    }
    return {
        name: eager(torch.compile(module, options=option), inputs, precision, device)
        for name, option in options.items()
    }


def by_openvino(module: nn.Module, inputs: Sequence[Tensor], precision: str) -> dict[str, Call]:
    """Convert for OpenVINO; nothing where it is not installed."""
    try:
        import openvino
    except ImportError:
        return {}
    settings = {
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    with torch.no_grad():
        converted = openvino.convert_model(module, example_input=tuple(inputs))
    program = openvino.Core().compile_model(converted, "CPU", settings)
    arrays = [value.numpy() for value in inputs]
    version = openvino.__version__.partition("-")[0]
    return {f"OpenVINO {version}": lambda: program(arrays)[0]}
