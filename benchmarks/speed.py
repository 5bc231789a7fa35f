"""How fast the shipped model answers, beside the published sampler and the machine's own limit.

    python benchmarks/speed.py [--threads 2] [--precision fp32]

Prints, all measured in one run: seconds, memory and arithmetic (by torch's counter) for an ensemble
of 5 of one simulated cell once the model is loaded, the arithmetic of an untrained model of the
preset `fast` as it is now, seconds by number of steps, the rate of the hot convolutions beside that
of a large matrix product, and the ratio to the published sampler, of which one step of one shape is
timed (it takes 1000 steps a shape).
"""

import argparse
import resource
import statistics
import sys
import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import dispr
from dispr.model.config import ModelConfig
from dispr.model.weights import build_network
from dispr.prediction.model import Model
from dispr.simulation.cell import simulate_cell
from dispr.training.presets import get_preset

PUBLISHED_STEPS = 1000
ENSEMBLE = 5


def seconds(function, rounds=3) -> float:
    """Median time of a call after one to warm up."""
    function()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def operations(model, cell) -> float:
    """Count what an ensemble of one cell takes, in GFLOP."""
    with FlopCounterMode(display=False) as counter:
        model.predict(cell.image, cell.mask, ensemble=ENSEMBLE)
    return counter.get_total_flops() / 1e9


def peak_rate(dtype: torch.dtype) -> float:
    """Rate of a large matrix product in GFLOP/s."""
    n = 2048
    a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
    return 2 * n**3 / seconds(lambda: a @ b, 5) / 1e9


def convolution_rates(
    network: nn.Module, run, dtype: torch.dtype
) -> list[tuple[str, float, float]]:
    """Time each kind of 3D convolution that `run` calls: shape, GFLOP, GFLOP/s."""
    seen: dict[str, tuple[nn.Module, torch.Tensor]] = {}

    def note(module, inputs):
        x = inputs[0]
        shape = "x".join(map(str, x.shape))
        key = f"{shape} -> {module.out_channels}, kernel {module.kernel_size[0]}"
        seen.setdefault(key, (module, x.detach().to(dtype)))

    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv3d)]
    hooks = [m.register_forward_pre_hook(note) for m in convolutions]
    run()
    for hook in hooks:
        hook.remove()
    rates = []
    for key, (module, x) in seen.items():
        twin = nn.Conv3d(
            module.in_channels, module.out_channels, module.kernel_size, module.stride,
            module.padding, dtype=dtype,
        )  # fmt: skip
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            twin(x)
        with torch.inference_mode():
            took = seconds(lambda x=x, twin=twin: twin(x))
        work = counter.get_total_flops() / 1e9
        rates.append((key, work, work / took))
    return sorted(rates, key=lambda row: -row[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=0, help="0 for torch's default")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--weights", default=None)
    parser.add_argument("--no-published", action="store_true", help="leave the published step out")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[arguments.precision]
    begin = time.perf_counter()
    model = dispr.load(arguments.weights, device="cpu", precision=arguments.precision)
    print(f"{torch.get_num_threads()} threads, {arguments.precision}, torch {torch.__version__}")
    print(f"loading the weights: {time.perf_counter() - begin:.2f} s")
    cell = simulate_cell("0.00_discocyte", 0, 0)

    def predict(steps=None) -> None:
        model.predict(cell.image, cell.mask, ensemble=ENSEMBLE, steps=steps)

    ours = seconds(predict)
    # Kilobytes on Linux, bytes on macOS; of the whole process, torch included.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1e6 if sys.platform != "darwin" else 1e9
    )
    print(f"one cell, ensemble of {ENSEMBLE}: {ours:.2f} s; peak memory {memory:.2f} GB")
    print(f"arithmetic: {operations(model, cell):.1f} GFLOP for an ensemble of {ENSEMBLE}")
    preset = get_preset("fast").model
    untrained = Model(preset, build_network(preset))
    print(f"arithmetic of the preset fast: {operations(untrained, cell):.1f} GFLOP")
    for steps in (2, 4, 6, 8, 10, 20):
        print(f"  {steps:3d} steps: {seconds(lambda steps=steps: predict(steps)):.2f} s")

    peak = peak_rate(dtype)
    print(f"matrix product of 2048: {peak:.0f} GFLOP/s")
    rates = convolution_rates(model.network, predict, dtype)
    for key, work, rate in rates[:8]:
        print(f"  {key:42s} {work:7.2f} GFLOP at {rate:5.0f} GFLOP/s, {rate / peak:4.0%} of that")

    if not arguments.no_published:
        network = build_network(ModelConfig()).eval()
        x, t = torch.randn(1, 3, 64, 64, 64), torch.tensor([500])
        with torch.inference_mode():
            step = seconds(lambda: network(x, t), 1)
        published = step * PUBLISHED_STEPS * ENSEMBLE
        print(
            f"published sampler: {step:.1f} s a step, {published / 3600:.1f} h for an ensemble of "
            f"{ENSEMBLE}; {published / ours:,.0f} times as long"
        )


if __name__ == "__main__":
    main()
