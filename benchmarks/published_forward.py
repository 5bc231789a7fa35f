"""One forward pass of the published network at 64^3: ours against a plain re-statement.

    python benchmarks/published_forward.py [--rounds 3] [--threads 2]

Each is timed in a process of its own, in turn, so that memory is its own and noise of the machine
falls on both. Prints seconds, peak memory, the ratio, and the rate of a 2048 x 2048 float32 matrix
product in the same run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

GFLOP = 789


def measure(kind: str, threads: int) -> None:
    """Time one pass after one to warm up, and print it with the peak memory as JSON."""
    import resource

    import torch

    from dispr.network.config import UNetConfig
    from dispr.network.unet import UNet

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = UNet(UNetConfig()).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    x, t = torch.randn(1, 3, 64, 64, 64), torch.tensor([500])
    a = torch.randn(2048, 2048)
    if kind == "plain":
        sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "network"))
        from plain_unet import plain_unet

        state = network.state_dict()

        def run() -> torch.Tensor:
            return plain_unet(state, x, t, network.config)

    else:

        def run() -> torch.Tensor:
            return network(x, t)

    with torch.inference_mode():
        product = min(timed(lambda: a @ a) for _ in range(5))
        run()
        seconds = timed(run)
        check = float(run().double().norm())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rate = 2 * 2048**3 / product / 1e9
    print(json.dumps({"seconds": seconds, "peak": peak, "rate": rate, "check": check}))


def timed(run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", choices=["plain", "ours"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        measure(arguments.one, arguments.threads)
        return
    results: dict[str, list[dict[str, float]]] = {"plain": [], "ours": []}
    for _ in range(arguments.rounds):
        for kind, found in results.items():
            command = [sys.executable, __file__, "--one", kind, "--threads", arguments.threads]
            output = subprocess.run(
                [str(part) for part in command], check=True, capture_output=True, text=True
            ).stdout
            found.append(json.loads(output))
    best = {kind: min(run["seconds"] for run in found) for kind, found in results.items()}
    rate = max(run["rate"] for found in results.values() for run in found)
    print(f"float32 matrix product, 2048 x 2048: {rate:.0f} GFLOP/s on {arguments.threads} threads")
    for kind, found in results.items():
        peak = min(run["peak"] for run in found)
        print(
            f"{kind:>6}: {best[kind]:.2f} s, {GFLOP / best[kind]:.0f} GFLOP/s, "
            f"peak memory {peak:.2f} GiB, norm of the output {found[0]['check']:.6g}"
        )
    print(f"ours is {best['plain'] / best['ours']:.2f} times as fast")


if __name__ == "__main__":
    main()
