"""Make the weights that ship with the package, from the data to the file.

python scripts/release_weights.py red_blood_cells -o runs/release

Trains on the real cells, goes on with simulated cells among them, and then with little noise
(details) for the most part. Takes the mean of the weights at half of the last part and at its end,
calibrates the intervals on the validation part of the real training cells, and puts the weights
into the package. Each part is left out where it is done already, so that the same command goes on
after an interruption.
"""

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import torch

from dispr.cli.main import run
from dispr.model.weights import load_weights, save_weights
from dispr.training.trainer import WEIGHTS


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the runs."
)
@click.option("--simulated", default=3000, show_default=True, help="Cells to simulate.")
@click.option("--steps", default=4200, show_default=True, help="Steps on the real cells.")
@click.option("--mixed-steps", default=6000, show_default=True, help="Steps on both, thereafter.")
@click.option("--detail-steps", default=3000, show_default=True, help="Steps of the last part.")
@click.option("--seed", default=0, show_default=True, help="Of the training.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--precision", default="bf16", show_default=True, help="fp32 or bf16.")
@click.option("--ship/--no-ship", default=True, show_default=True, help="Put into the package.")
def main(
    data: Path,
    out: Path,
    simulated: int,
    steps: int,
    mixed_steps: int,
    detail_steps: int,
    seed: int,
    device: str,
    precision: str,
    ship: bool,
) -> None:
    """Train the release weights on the cells of DATA."""
    common = ["--preset", "fast", "--device", device, "--precision", precision]
    first, second, third, cells = (out / name for name in ("real", "mixed", "detail", "simulated"))
    dispr("simulate", "-o", cells, "-n", simulated, "--seed", 1000, "--test-fraction", 0)
    dispr("train", data, "-o", first, *common, "--seed", seed, "--steps", steps)
    begin = ["--init", first / WEIGHTS, "--lr", 3e-4, "--seed", seed + 1]
    mix = ["--extra", cells, "--extra-share", 0.2]
    dispr("train", data, "-o", second, *common, *begin, *mix, "--steps", mixed_steps)
    begin = ["--init", second / WEIGHTS, "--lr", 3e-4, "--seed", seed + 2]
    last = [*begin, *mix, "--schedule-sampler", "low-noise", "--lr-anneal-steps", detail_steps]
    half, weights, released = (out / f"{name}.safetensors" for name in ("half", "mean", "released"))
    if not half.exists():
        dispr("train", data, "-o", third, *common, *last, "--steps", detail_steps // 2)
        shutil.copy(third / WEIGHTS, half)
    dispr("train", data, "-o", third, *common, *last, "--steps", detail_steps)
    save_mean([half, third / WEIGHTS], weights)
    dispr("calibrate", weights, data, "-o", released, "--device", device, "--precision", precision)
    if ship:
        script = Path(__file__).with_name("ship_weights.py")
        check([sys.executable, script, released, "--name", "fast"])


def save_mean(paths: Sequence[Path], out: Path) -> None:
    """Write the mean of the parameters of models, with the settings and remarks of the last."""
    models = [load_weights(path) for path in paths]
    state = {
        name: torch.stack([model.state[name].float() for model in models]).mean(0)
        for name in models[-1].state
    }
    about = {**models[-1].about, "mean_of_steps": [model.about["steps"] for model in models]}
    save_weights(out, dataclasses.replace(models[-1], state=state, about=about))


def dispr(*arguments: object) -> None:
    """Run a command of dispr; end with its exit code if it fails."""
    check([sys.executable, "-m", "dispr", *arguments])


def check(command: list[object]) -> None:
    """Run a command; end with its exit code if it fails."""
    code = subprocess.run([str(part) for part in command]).returncode
    if code:
        sys.exit(code)


if __name__ == "__main__":
    run(main)
