"""Take the weighted mean of weights of one model, such as parts or runs of a training.

python scripts/mean_weights.py first.safetensors 0.75 second.safetensors 0.25 -o mean.safetensors
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click
import torch

from dispr.cli.main import run
from dispr.errors import ConfigError
from dispr.model.weights import Weights, load_weights, save_weights


@click.command()
@click.argument("parts", nargs=-1, required=True)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True)
@click.option("--name", default="fast", show_default=True, help="Name of the model.")
def main(parts: tuple[str, ...], out: Path, name: str) -> None:
    """Average weights: PARTS are files, each with its share."""
    try:
        shares = [float(share) for share in parts[1::2]]
    except ValueError as error:
        raise ConfigError("give each file of weights and its share, such as 0.75.") from error
    if len(shares) != len(parts[::2]) or abs(sum(shares) - 1) > 1e-6:
        raise ConfigError("give each file of weights a share; the shares must add up to 1.")
    save_mean([Path(path) for path in parts[::2]], shares, out, name)
    click.echo(f"{out}: the mean of {len(shares)} weights")


def save_mean(paths: Sequence[Path], shares: Sequence[float], out: Path, name: str) -> None:
    """Write the weighted mean of the parameters of models, with the remarks of the last.

    In half precision, as it is shipped, so that it is calibrated as it is shipped.
    """
    models = [load_weights(path) for path in paths]
    if any(model.config != models[0].config for model in models):
        raise ConfigError(f"{paths[0]} and {paths[-1]} are of different models.")
    state = {
        key: sum(share * model.state[key] for share, model in zip(shares, models, strict=True))
        for key in models[-1].state
    }
    about = {**models[-1].about, "name": name, "mean_of": list(map(described, models, shares))}
    mean = dataclasses.replace(models[-1], state=state, about=about)
    save_weights(out, mean, dtype=torch.float16)


def described(model: Weights, share: float) -> dict[str, object]:
    """Say what a model of a mean is: its run, part, steps, seed and share."""
    about = model.about
    return {
        "run": about["name"],
        "at": about["at"],
        "steps": about["steps"],
        "seed": about["training"]["seed"],
        "share": share,
    }


if __name__ == "__main__":
    run(main)
