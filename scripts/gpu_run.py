"""Use one GPU for a few minutes: measure what it gains, then train the release weights twice.

python scripts/pack_cells.py red_blood_cells -o cells.npz
python scripts/gpu_run.py cells.npz -o results --work work --minutes 12

First `benchmarks/bench.py` measures ensembles a second, their memory and where their time goes.
Then `scripts/train_fast.py` trains twice, with two seeds, for what is left of the time. After
each part its results are copied to one folder: six files, none above 16 MiB. What takes longer than
its time is stopped, and the next part begins. Mean, calibration and release follow from the results
on any machine: copy them to the folders of `scripts/release_weights.py`.

The published network is not trained: 12 minutes are some hundred of its steps, of 150,000.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import click

from dispr.cli.main import run
from dispr.errors import FileError

ROOT = Path(__file__).parents[1]

MEASURING = 1.6
"""Minutes of the benchmark, at most."""

END = 0.3
"""Minutes for the start of processes and for copies."""

LATE = 0.5
"""Minutes after its time after which a part is stopped."""

RESULTS = {
    "bench": ("bench.md", "profile.txt"),
    "one": ("first.safetensors", "log.jsonl"),
    "two": ("second.safetensors", "log.jsonl"),
}
"""Files of the parts that are kept."""


@click.command(context_settings={"show_default": True})
@click.argument("cells", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Results.")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Checkpoints.")
@click.option("--minutes", default=12.0, help="In all.")
@click.option("--seeds", default=(11, 12), nargs=2, help="Random seeds of the two runs.")
@click.option("--tiny", is_flag=True, help="Try the script with a few steps on a CPU.")
def main(
    cells: Path, out: Path, work: Path, minutes: float, seeds: tuple[int, int], tiny: bool
) -> None:
    """Measure and train on CELLS (of scripts/pack_cells.py)."""
    if not cells.is_file():
        raise FileError(f"{cells} does not exist; make it with scripts/pack_cells.py.")
    end = time.monotonic() + 60 * minutes
    out.mkdir(parents=True, exist_ok=True)
    bench = [ROOT / "benchmarks" / "bench.py", "--only", "gpu-ensembles", "-o", work / "bench"]
    bench.append("--no-compile")
    bench += ["--tiny"] if tiny else ["--device", "cuda", "--rounds", 2, "--seconds", 20]
    _part("bench", bench, work, out, MEASURING)
    for name, seed, parts in (("one", seeds[0], 2), ("two", seeds[1], 1)):
        left = max((end - time.monotonic()) / 60 / parts - END, 0.1)
        train = [ROOT / "scripts" / "train_fast.py", cells, "-o", work / name]
        train += ["--minutes", round(left, 2), "--seed", seed]
        _part(name, [*train, "--tiny"] if tiny else train, work, out, left + LATE)


def _part(name: str, command: list[object], work: Path, out: Path, minutes: float) -> None:
    """Run a part, and copy what it left."""
    start = time.monotonic()
    try:
        limit = 60 * minutes
        code = subprocess.run([sys.executable, *map(str, command)], timeout=limit).returncode
        told = f"ended with exit code {code}"
    except subprocess.TimeoutExpired:
        told = "was stopped"
    click.echo(f"{name} {told} after {time.monotonic() - start:.0f} s.", err=True)
    for file in RESULTS[name]:
        if (work / name / file).is_file():
            shutil.copy(work / name / file, out / f"{name}_{file}")


if __name__ == "__main__":
    run(main)
