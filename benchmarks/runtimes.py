"""Whether another runtime computes the fast network sooner than PyTorch: OpenVINO, on one core.

    pip install openvino
    python benchmarks/runtimes.py

Prints the seconds that denoiser and refiner take for five shapes (with the encoder, which both take
along here), the least of several rounds, and how far the runtime's answers are from PyTorch's.
"""

import time
from collections.abc import Callable, Sequence

import click
import numpy as np
import torch
from tabulate import tabulate
from torch import Tensor, nn

import dispr
from dispr.cli.main import run
from dispr.errors import DisprError


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

    def forward(self, condition: Tensor, x: Tensor) -> Tensor:
        """Refine x."""
        return self.network.given(condition).refine(x)


@click.command()
@click.option("--rounds", default=8, show_default=True)
def main(rounds: int) -> None:
    """Compare PyTorch and OpenVINO in one run."""
    try:
        import openvino
    except ImportError as error:
        raise DisprError("OpenVINO is not installed; pip install openvino.") from error
    torch.set_num_threads(1)
    network = dispr.load().network
    condition, x = torch.rand(5, 2, 64, 64), torch.rand(5, 1, 16, 16, 16)
    core = openvino.Core()
    rows = []
    for name, module, inputs in (
        ("denoiser", Denoiser(network), (condition, x, torch.full((5,), 374))),
        ("refiner", Refiner(network), (condition, x)),
    ):
        for precision in ("fp32", "bf16"):
            torch_seconds, expected = by_torch(module, inputs, precision, rounds)
            seconds, answer = by_openvino(openvino, core, module, inputs, precision, rounds)
            far = float(np.abs(answer - expected).max())
            rows.append([name, precision, torch_seconds, seconds, torch_seconds / seconds, far])
    heads = ["part", "precision", "PyTorch, s", "OpenVINO, s", "ratio", "largest difference"]
    print(tabulate(rows, heads, tablefmt="github", floatfmt=("", "", ".2f", ".2f", ".2f", ".1e")))


def by_torch(
    module: nn.Module, inputs: Sequence[Tensor], precision: str, rounds: int
) -> tuple[float, np.ndarray]:
    """Give the seconds and the answer of PyTorch."""
    low = precision == "bf16"
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=low):
        return least(lambda: module(*inputs).float().numpy(), rounds)


def by_openvino(
    openvino: object,
    core: object,
    module: nn.Module,
    inputs: Sequence[Tensor],
    precision: str,
    rounds: int,
) -> tuple[float, np.ndarray]:
    """Give the seconds and the answer of OpenVINO."""
    settings = {
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    with torch.inference_mode():
        converted = openvino.convert_model(module, example_input=tuple(inputs))
    compiled = core.compile_model(converted, "CPU", settings)
    arrays = [value.numpy() for value in inputs]
    return least(lambda: compiled(arrays)[0], rounds)


def least(compute: Callable[[], np.ndarray], rounds: int) -> tuple[float, np.ndarray]:
    """Give the least seconds of several rounds, after one to warm up, and the answer."""
    answer = compute()
    found = []
    for _ in range(rounds):
        begin = time.perf_counter()
        compute()
        found.append(time.perf_counter() - begin)
    return min(found), answer


if __name__ == "__main__":
    run(main)
