"""What pre-training on simulated cells brings: with and without, on many cells and on few.

    python benchmarks/pretraining.py red_blood_cells -o runs/pretraining

Trains the fast model on simulated cells, then on the real training cells from these weights and
from fresh ones, equally long; once on all of them and once on a few. Prints scores on the
validation cells, which none of the runs saw. Interrupted, the same command goes on. `--begin` takes
weights that learned from simulated cells before, such as `pretrained/fast/weights.safetensors` of
dispr reproduce.
"""

from pathlib import Path

import click
import numpy as np
from tabulate import tabulate

from dispr.cells.dataset import CellDataset, validation_split
from dispr.cells.folder import CellFiles, find_cells
from dispr.cli.main import run
from dispr.cli.train import change_preset, run_with_progress
from dispr.model.weights import Weights, load_weights
from dispr.prediction.model import load
from dispr.scores.shape import score
from dispr.simulation.folder import simulate_folder
from dispr.training.presets import get_preset
from dispr.training.trainer import Trainer


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Of the runs.")
@click.option("--simulated", default=3000, show_default=True, help="Cells to simulate.")
@click.option("--few", default=50, show_default=True, help="Real cells of the small set.")
@click.option(
    "--begin", type=click.Path(path_type=Path), default=None, help="Weights to begin with."
)
@click.option("--pretrain-steps", default=800, show_default=True)
@click.option("--steps", default=400, show_default=True, help="On real cells, in each run.")
@click.option("--precision", default="fp32", show_default=True, help="fp32 or bf16.")
def main(
    data: Path,
    out: Path,
    simulated: int,
    few: int,
    begin: Path | None,
    pretrain_steps: int,
    steps: int,
    precision: str,
) -> None:
    """Compare training with and without simulated cells on the cells of DATA."""
    real, validation = validation_split(find_cells(data, "train", need_obj=True))
    if begin is not None:
        before = load_weights(begin)
        pretrain_steps, simulated = before.about["steps"], len(before.about["training_cells"])
    else:
        simulate_folder(out / "simulated", simulated, seed=1000, test_fraction=0)
        made = find_cells(out / "simulated", "train", need_obj=True)
        before = train(made, out / "pretrained", pretrain_steps, precision, None)
    rows = []
    for cells in (real, spread(real, few)):
        for name, initial in (("without", None), ("with", before)):
            folder = out / f"{len(cells)}_{name}"
            train(cells, folder, steps, precision, initial)
            rows.append([len(cells), name, *scores(folder, validation, precision)])
    print(
        f"\n{pretrain_steps} steps on {simulated} simulated cells, {steps} on real ones of 8 each;"
    )
    print(f"scores on {len(validation)} validation cells:\n")
    headers = ["real cells", "pre-training", "IoU, single", "IoU, consensus", "volume error"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=".3f"))


def spread(files: list[CellFiles], count: int) -> list[CellFiles]:
    """Choose `count` cells evenly from a sorted list, so that all types are among them."""
    return [files[i] for i in np.unique(np.linspace(0, len(files) - 1, count).round().astype(int))]


def train(
    files: list[CellFiles], folder: Path, steps: int, precision: str, initial: Weights | None
) -> Weights:
    """Train the fast model, or go on with it, and give its weights."""
    options = {"steps": steps, "precision": precision, "validation_fraction": 0.0}
    recipe = change_preset(get_preset("fast"), options)
    trainer = Trainer(files, folder, recipe.model, recipe.training, initial=initial)
    click.echo(f"{folder}:")
    run_with_progress(trainer, folder)
    return load_weights(folder / "weights.safetensors")


def scores(folder: Path, files: list[CellFiles], precision: str) -> list[float]:
    """Give the mean IoU of single samples and consensus, and the volume error of the samples."""
    model = load(folder / "weights.safetensors", precision=precision)
    cells = CellDataset(files)
    rows = []
    for i in range(len(cells)):
        truth = np.asarray(cells[i].obj) > 127
        prediction = model.predict(cells[i].image, cells[i].mask)
        single = [score(sample, truth) for sample in prediction.samples]
        rows.append(
            [
                np.mean([one.iou for one in single]),
                score(prediction.consensus, truth).iou,
                np.mean([one.volume_error for one in single]),
            ]
        )
    return [float(value) for value in np.mean(rows, axis=0)]


if __name__ == "__main__":
    run(main)
