"""Train the published method under the published program's own flags.

python3 scripts/segmentation_train.py --data_dir ./data/training $TRAIN_FLAGS $MODEL_FLAGS \
    $DIFFUSION_FLAGS
"""

from pathlib import Path
from typing import Any

import click

from dispr.cli import published
from dispr.cli.main import run
from dispr.model.published import MODEL_FLAGS, TRAINING_FLAGS


@click.command(context_settings=published.EITHER_SPELLING)
@click.option(
    "--data_dir",
    type=click.Path(path_type=Path),
    default="./data/training",
    show_default=True,
    help="Folder that contains train/ with obj, image and mask, or these folders themselves.",
)
@published.published_options((*MODEL_FLAGS, *TRAINING_FLAGS))
@click.option(
    "--steps",
    default=0,
    help="Number of training steps (not a published flag); 0 for lr_anneal_steps, or 60,000 if "
    "that is 0.",
)
@click.option(
    "--keep_every",
    type=click.IntRange(0),
    default=0,
    help="Steps between numbered checkpoints to keep, such as savedmodel005000.pt (not a "
    "published flag); 0 for none.",
)
@click.option("--seed", default=0, help="Random seed (not a published flag).")
@click.option("--device", default="auto", help="auto, cpu or cuda (not a published flag).")
@click.option(
    "--results_dir",
    type=click.Path(path_type=Path),
    default="results",
    show_default=True,
    help="Output folder (not a published flag).",
)
def main(data_dir: Path, results_dir: Path, **options: Any) -> None:
    """Train the published method; re-run the same command to resume after Ctrl-C.

    results/ receives the averaged weights as savedmodel.pt, which segmentation_sample.py and
    `dispr convert` read, and as weights.safetensors, and the checkpoint and logs of the run.
    """
    own = {name: options.pop(name) for name in ("steps", "seed", "device", "keep_every")}
    flags = published.flags_of_script(options)
    published.train(data_dir, results_dir, flags, **own)


if __name__ == "__main__":
    run(main)
