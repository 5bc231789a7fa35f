"""Pack the training cells of a data set into one file, for a machine that gets no folders.

python scripts/pack_cells.py red_blood_cells -o cells.npz
"""

import json
from pathlib import Path

import click
import numpy as np

from dispr.cells.dataset import CellDataset, validation_split
from dispr.cells.folder import find_cells
from dispr.cli.main import run
from dispr.familiarity.statistics import FEWEST, fit_familiarity
from dispr.files import atomic_path
from dispr.model.frame import frame_to_dict
from dispr.training.frame import find_frame


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True)
def main(data: Path, out: Path) -> None:
    """Pack image, mask and obj of the training split of DATA, and which of them are trained on."""
    files = find_cells(data, "train", need_obj=True)
    train, held = validation_split(files, 0.1)
    cells = CellDataset([*train, *held])
    batch = cells.batch(range(len(cells)))
    arrays = {kind: batch[kind].numpy() for kind in ("image", "mask", "obj")}
    about: dict[str, object] = {"data": data.resolve().name}
    frame = find_frame([cells[i] for i in range(len(train))], train)
    if frame:
        about["frame"] = frame_to_dict(frame)
    if len(train) >= FEWEST:
        seen = (arrays[kind][: len(train)] for kind in ("image", "mask"))
        names = [file.name for file in train]
        about["familiarity"] = fit_familiarity(*seen, names).to_dict()
    with atomic_path(out) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file,
            **arrays,
            name=np.array(batch["names"]),
            train=np.arange(len(cells)) < len(train),
            about=np.array(json.dumps(about)),
        )
    click.echo(f"{out}: {len(train)} cells to train on, {len(held)} to validate on.")


if __name__ == "__main__":
    run(main)
