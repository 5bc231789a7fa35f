"""Make the weights that ship with the package, from the data to the file.

python scripts/release_weights.py red_blood_cells -o runs/release

Packs the real cells, trains twice on a GPU (`scripts/train_fast.py`), takes the mean of what the
first run had at the end of its first part and of what the second run ended in, calibrates the
intervals on the validation part of the real training cells, and puts the weights into the package.
Each part is left out where it is done already, so that the same command goes on after an
interruption. Where the GPU is another machine's, run the two trainings there, with the commands
that `--show` prints, and copy their folders to the same place.
"""

import runpy
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from dispr.cli.main import run
from dispr.errors import ConfigError

SCRIPTS = Path(__file__).parent


@click.command(context_settings={"show_default": True})
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the runs."
)
@click.option("--init", type=click.Path(path_type=Path), help="Weights to start both runs from.")
@click.option("--minutes", default=8.0, help="Minutes of training for each run.")
@click.option("--seeds", default=(11, 12), nargs=2, help="Random seeds of the two runs.")
@click.option("--first-weight", default=0.75, help="Weight of the first run in the mean, 0 to 1.")
@click.option("--device", default="auto", help="Device of the calibration: auto, cpu or cuda.")
@click.option("--precision", default="fp32", help="Precision of the calibration: fp32 or bf16.")
@click.option("--ship/--no-ship", default=True, help="Add the weights to the package.")
@click.option("--show", is_flag=True, help="Only print the commands of the two trainings.")
@click.option(
    "--tiny", is_flag=True, help="Test the script with a few steps on a CPU; nothing is shipped."
)
def main(
    data: Path,
    out: Path,
    init: Path | None,
    minutes: float,
    seeds: tuple[int, int],
    first_weight: float,
    device: str,
    precision: str,
    ship: bool,
    show: bool,
    tiny: bool,
) -> None:
    """Train the release weights on the cells of DATA."""
    if not 0 <= first_weight <= 1:
        raise ConfigError(f"first-weight must be from 0 to 1, not {first_weight}.")
    cells = out / "cells.npz"
    trainings = []
    for name, seed in zip(("one", "two"), seeds, strict=True):
        command = [sys.executable, SCRIPTS / "train_fast.py", cells, "-o", out / name]
        command += ["--minutes", minutes, "--seed", seed]
        command += ["--init", init] if init else []
        trainings.append([*command, "--tiny"] if tiny else command)
    if show:
        for training in trainings:
            click.echo(shlex.join(map(str, training)))
        return
    if not cells.exists():
        out.mkdir(parents=True, exist_ok=True)
        check([sys.executable, SCRIPTS / "pack_cells.py", data, "-o", cells])
    for training in trainings:
        check(training)
    mean, released = out / "mean.safetensors", out / "released.safetensors"
    parts = [out / "one" / "first.safetensors", out / "two" / "second.safetensors"]
    save_mean = runpy.run_path(str(SCRIPTS / "mean_weights.py"))["save_mean"]
    save_mean(parts, [first_weight, 1 - first_weight], mean, "fast")
    command = [sys.executable, "-m", "dispr", "calibrate", mean, data, "-o", released]
    check([*command, "--device", device, "--precision", precision])
    if ship and not tiny:
        check([sys.executable, SCRIPTS / "ship_weights.py", released, "--name", "fast"])


def check(command: Sequence[object]) -> None:
    """Run a command; end with its exit code if it fails."""
    code = subprocess.run([str(part) for part in command]).returncode
    if code:
        sys.exit(code)


if __name__ == "__main__":
    run(main)
