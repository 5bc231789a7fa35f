"""Make the weights that ship with the package, from the data to the file.

python scripts/release_weights.py red_blood_cells -o runs/release

Simulates cells, trains on them, goes on with the real ones, calibrates the intervals on the
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
@click.option("--simulated", default=6000, show_default=True, help="Cells to simulate.")
@click.option("--pretrain-steps", default=1200, show_default=True, help="0 for no pre-training.")
@click.option("--steps", default=3000, show_default=True, help="Steps on the real cells.")
@click.option("--seed", default=0, show_default=True, help="Of the training.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--precision", default="bf16", show_default=True, help="fp32 or bf16.")
@click.option("--ship/--no-ship", default=True, show_default=True, help="Put into the package.")
def main(
    data: Path,
    out: Path,
    simulated: int,
    pretrain_steps: int,
    steps: int,
    seed: int,
    device: str,
    precision: str,
    ship: bool,
) -> None:
    """Train the release weights on the cells of DATA."""
    common = ["--preset", "fast", "--seed", seed, "--device", device, "--precision", precision]
    begin: list[object] = []
    if pretrain_steps:
        cells, before = out / "simulated", out / "pretrained"
        dispr("simulate", "-o", cells, "-n", simulated, "--seed", 1000, "--test-fraction", 0)
        arguments = ["train", cells, "-o", before, *common, "--steps", pretrain_steps]
        dispr(*arguments, "--lr-anneal-steps", 0)
        begin = ["--init", before / "weights.safetensors"]
    dispr("train", data, "-o", out / "fast", *common, "--steps", steps, *begin)
    weights, released = out / "fast" / "weights.safetensors", out / "released.safetensors"
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
