"""How fast everything is: one suite, on a CPU or a GPU, as JSON and one table.

    python benchmarks/bench.py                        # make bench: minutes
    python benchmarks/bench.py --device cuda          # make bench-gpu
    python benchmarks/bench.py --only predictions growth --most-cells 5000

Writes `bench.json`, `bench.md` and `growth.png` to `build/bench/cpu` or `build/bench/cuda`. Each
figure is the median of the rounds (two to five, until the time of a group is over), with the range.
The cases of a group are run in turn, so that what else the machine does falls on all of them, and
the ratio to the first is that within a round (`bench_rounds.py`). On a CPU all is done by one
thread by default: where others use the cores, two threads mostly wait for each other.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from dispr.cli.main import COMMANDS  # which says how threads wait, before torch is imported

# isort: split
import bench_gpu
import bench_networks
import bench_predictions
import bench_runtimes
import bench_work
import torch
from bench_growth import growth, plot
from bench_rounds import Rounds, Row, peak_of
from bench_table import markdown

from dispr._version import __version__
from dispr.files import atomic_path
from dispr.records import write_json

assert COMMANDS

Group = Callable[[Rounds, bool], list[Row]]

GROUPS: dict[str, Group] = {
    "machine": bench_networks.machine,
    "published": bench_networks.published,
    "fast": bench_networks.fast,
    "deterministic": bench_networks.deterministic,
    "predictions": bench_predictions.ensembles,
    "batches": bench_predictions.batches,
    "threads": bench_predictions.threads,
    "light": bench_work.light,
    "starts": bench_work.starts,
    "shapes": bench_work.shapes,
    "folders": bench_work.folders,
    "training": bench_work.training,
}
"""What is measured by default, in this order; `growth` comes last."""

ON_REQUEST: dict[str, Group] = {"runtimes": bench_runtimes.runtimes}
"""What is measured only where it is asked for: compiling takes minutes."""

ON_GPU: dict[str, Group] = {
    "gpu-published": bench_gpu.published,
    "gpu-ensembles": bench_gpu.ensembles,
}
"""What is measured on a GPU alone."""


def about(options: argparse.Namespace) -> dict[str, str]:
    """Describe the machine, the versions and the command."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    machine = processor
    if options.device == "cuda":
        machine = f"{torch.cuda.get_device_name()}, {processor}"
    return {
        "command": re.sub(
            r" (-o|--out)[ =]\S+", "", " ".join(["python benchmarks/bench.py", *sys.argv[1:]])
        ),
        "device": options.device,
        "date": date.today().isoformat(),
        "machine": machine,
        "threads": f"{torch.get_num_threads()} thread{'s' if torch.get_num_threads() > 1 else ''}",
        "versions": f"DISPR {__version__}, PyTorch {torch.__version__}, "
        f"Python {platform.python_version()}, {platform.system()}",
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all groups that were asked for."""
    most = 1 if options.tiny else options.rounds
    rounds = Rounds(options.seconds, most, options.device, warm=not options.tiny)
    usual = [*GROUPS, "growth", *(ON_GPU if options.device == "cuda" else ())]
    chosen = options.only or usual
    rows: list[Row] = []
    for name, group in {**GROUPS, **ON_GPU, **ON_REQUEST}.items():
        if name in chosen or name == "machine":  # which shares of the peak are of
            begin = time.perf_counter()
            rows += group(rounds, options.tiny)
            print(f"{name}: {time.perf_counter() - begin:.0f} s", flush=True)
    begin = time.perf_counter()
    grown = growth(rounds, options.tiny, options.most_cells) if "growth" in chosen else []
    if grown:
        print(f"growth: {time.perf_counter() - begin:.0f} s", flush=True)
    best = peak_of([row for row in rows if row.group.startswith("Machine")])
    return {
        "about": about(options),
        "peak_gflops": best,
        "rows": [row.as_dict() for row in rows],
        "growth": [one.as_dict() for one in grown],
    }


def write(result: dict[str, Any], folder: Path) -> None:
    """Write the results."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "bench.json", result)
    with atomic_path(folder / "bench.md") as path:
        path.write_text(markdown(result), encoding="utf-8")
    if result["growth"]:
        from bench_growth import Growth

        try:
            plot([Growth(**one) for one in result["growth"]], folder / "growth.png")
        except ImportError:
            print("growth.png is not drawn, since matplotlib is not installed.")


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument(
        "--only", nargs="+", choices=(*GROUPS, *ON_GPU, *ON_REQUEST, "growth"), metavar="GROUP"
    )
    parser.add_argument("--seconds", type=float, default=25, help="time of a group, about")
    parser.add_argument("--rounds", type=int, default=5, help="most rounds of a group")
    parser.add_argument(
        "--most-cells", type=int, default=100, help="grow to so many, of 1 to 20,000 (an hour)"
    )
    parser.add_argument("--no-compile", action="store_true", help="leave compiled networks out")
    parser.add_argument("--tiny", action="store_true", help="try the suite itself: seconds")
    parser.add_argument("-o", "--out", type=Path, help="folder to write")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.exit(2, "Error: PyTorch finds no CUDA GPU on this machine; use make bench.\n")
    torch.set_num_threads(options.threads)
    bench_gpu.compiling = not options.no_compile
    result = measure(options)
    out = options.out or Path("build/bench") / options.device
    write(result, out)
    if options.device == "cuda":
        print(bench_gpu.profiled(options.device, out, options.tiny))
    print(f"{out / 'bench.md'}, {out / 'bench.json'}")


if __name__ == "__main__":
    main()
