"""Pack the training cells of a data set into one file, for a machine that gets no folders.

python scripts/pack_cells.py red_blood_cells -o cells.npz
"""

from pathlib import Path

import click
import numpy as np

from dispr.cells.dataset import CellDataset, validation_split
from dispr.cells.folder import find_cells
from dispr.cli.main import run


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True)
def main(data: Path, out: Path) -> None:
    """Pack image, mask and obj of the training split of DATA, and which of them are trained on."""
    files = find_cells(data, "train")
    train, held = validation_split(files, 0.1)
    cells = CellDataset([*train, *held])
    batch = cells.batch(range(len(cells)))
    np.savez_compressed(
        out,
        **{kind: batch[kind].numpy() for kind in ("image", "mask", "obj")},
        name=np.array(batch["names"]),
        train=np.arange(len(cells)) < len(train),
    )
    click.echo(f"{out}: {len(train)} cells to train on, {len(held)} to validate on.")


if __name__ == "__main__":
    run(main)
