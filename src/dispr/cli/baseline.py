"""`dispr baseline`: shapes made without a network, in the files of a prediction."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("kind", type=click.Choice(["cylinder", "ellipsoid", "nearest"]))
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder to write."
)
@click.option("--split", default=None, help="Part of the data: train or test. Default: all cells.")
@click.option(
    "--train",
    type=click.Path(path_type=Path),
    default=None,
    help="Data set with training cells for nearest. Default: DATA.",
)
def command(kind: str, data: Path, out: Path, split: str | None, train: Path | None) -> None:
    """Make one shape for each cell of DATA from its mask alone, as a baseline.

    cylinder extrudes the mask, ellipsoid turns its ellipse into a body, nearest takes the object
    of the training cell with the most similar mask. OUT is laid out as by dispr predict.
    """
    import numpy as np
    from tqdm import tqdm

    from dispr.cells.folder import find_cells
    from dispr.cells.read import read_mask, read_obj
    from dispr.files import write_csv
    from dispr.prediction.layout import write_prediction
    from dispr.scores.baselines import GEOMETRIC, nearest
    from dispr.scores.shape import binarise

    files = find_cells(data, split=split)
    masks = [read_mask(file.mask) for file in files]
    if kind == "nearest":
        library = find_cells(train or data, split="train", need_obj=True)
        known = np.stack([read_mask(file.mask) > 0 for file in library])
    rows = []
    for file, mask in zip(tqdm(files, unit="cell", leave=False), masks, strict=True):
        if kind == "nearest":
            obj = library[nearest(mask, known)].obj
            assert obj is not None
            body = binarise(read_obj(obj))
        else:
            body = GEOMETRIC[kind](mask)
        write_prediction(out, file.name, body[None], body.astype(np.float32))
        rows.append({"name": file.name, "samples": 1, "volume_voxels": int(body.sum())})
    write_csv(out / "predictions.csv", rows)
    click.echo(f"{len(rows)} cells: {out}")
