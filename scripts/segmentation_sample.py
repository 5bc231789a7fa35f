"""Predict 3D shapes with the published method under the published program's own flags.

python scripts/segmentation_sample.py --data_dir ./data/testing \
    --model_path ./results/savedmodel.pt --num_ensemble=5 $MODEL_FLAGS $DIFFUSION_FLAGS
"""

from pathlib import Path
from typing import Any

import click

from dispr.cli import published
from dispr.cli.main import run
from dispr.model.published import MODEL_FLAGS, SAMPLING_FLAGS

PATH = click.Path(path_type=Path)


@click.command(context_settings=published.EITHER_SPELLING)
@click.option(
    "--data_dir",
    type=PATH,
    default="./data/testing",
    show_default=True,
    help="Folder that contains test/ with image and mask, or these folders themselves.",
)
@click.option(
    "--model_path",
    type=PATH,
    default="./results/savedmodel.pt",
    show_default=True,
    help="Checkpoint of segmentation_train.py or of the published program.",
)
@click.option(
    "--num_ensemble",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Number of shapes per cell.",
)
@click.option(
    "--num_samples",
    type=click.IntRange(0),
    default=0,
    help="Maximum number of cells to predict; 0 for all.",
)
@published.published_options((*MODEL_FLAGS, *SAMPLING_FLAGS))
@click.option(
    "--save_grey",
    is_flag=True,
    help="Also write the network output before thresholding, like the published program: "
    "grey/NAME_K.tif (not a published flag).",
)
@click.option("--seed", default=0, help="Random seed (not a published flag).")
@click.option("--device", default="auto", help="auto, cpu or cuda (not a published flag).")
@click.option(
    "--results_dir", type=PATH, default="results", help="Output folder (not a published flag)."
)
def main(data_dir: Path, model_path: Path, results_dir: Path, **options: Any) -> None:
    """Predict 3D shapes; re-run the same command to resume after Ctrl-C.

    results/ receives for each cell NAME its shapes samples/NAME_K.tif, their mean
    probability/NAME.tif, and a row of predictions.csv.
    """
    names = ("num_ensemble", "num_samples", "seed", "device", "save_grey")
    own = {name: options.pop(name) for name in names}
    flags = published.flags_of_script(options)
    published.sample(data_dir, model_path, results_dir, flags, **own)


if __name__ == "__main__":
    run(main)
