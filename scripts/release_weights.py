"""Make the weights that ship with the package, from the data to the file.

python scripts/release_weights.py red_blood_cells -o runs/release

Trains on the real cells, goes on with simulated cells among them, calibrates the intervals on the
validation part of the real training cells, and puts the weights into the package. Each part is
left out where it is done already, so that the same command goes on after an interruption.
"""

import subprocess
import sys
from pathlib import Path

import click

from dispr.cli.main import run


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the runs."
)
@click.option("--simulated", default=3000, show_default=True, help="Cells to simulate.")
@click.option("--steps", default=4200, show_default=True, help="Steps on the real cells.")
@click.option("--mixed-steps", default=6000, show_default=True, help="Steps on both, thereafter.")
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
    seed: int,
    device: str,
    precision: str,
    ship: bool,
) -> None:
    """Train the release weights on the cells of DATA."""
    common = ["--preset", "fast", "--device", device, "--precision", precision]
    first, second, cells = out / "real", out / "mixed", out / "simulated"
    dispr("simulate", "-o", cells, "-n", simulated, "--seed", 1000, "--test-fraction", 0)
    dispr("train", data, "-o", first, *common, "--seed", seed, "--steps", steps)
    begin = ["--init", first / "weights.safetensors", "--lr", 3e-4, "--seed", seed + 1]
    mix = ["--extra", cells, "--extra-share", 0.2]
    dispr("train", data, "-o", second, *common, *begin, *mix, "--steps", mixed_steps)
    weights, released = second / "weights.safetensors", out / "released.safetensors"
    dispr("calibrate", weights, data, "-o", released, "--device", device, "--precision", precision)
    if ship:
        script = Path(__file__).with_name("ship_weights.py")
        check([sys.executable, script, released, "--name", "fast"])


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
