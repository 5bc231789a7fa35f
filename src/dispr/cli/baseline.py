"""`dispr baseline`: shapes made without a network, in the files of a prediction."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.options import out_option, split_option
from dispr.cli.progress import counted
from dispr.cli.say import result
from dispr.names import count_of


@click.command()
@click.argument("kind", type=click.Choice(["cylinder", "ellipsoid", "nearest", "interpolate"]))
@click.argument("data", type=click.Path(path_type=Path))
@out_option()
@split_option()
@click.option(
    "--train",
    type=click.Path(path_type=Path),
    default=None,
    help="Data set with the training cells for nearest. Default: DATA.",
)
@click.option(
    "--planes",
    type=click.IntRange(1),
    default=None,
    help="For interpolate: number of planes to use of each object, evenly spaced. Default: 3.",
)
def command(
    kind: str, data: Path, out: Path, split: str | None, train: Path | None, planes: int | None
) -> None:
    """Make one baseline shape for each cell of DATA, without a neural network.

    cylinder extrudes the mask; ellipsoid fits an ellipsoid to it; nearest copies the object of the
    training cell with the most similar mask. These use only the mask. interpolate takes a few
    planes of the true object of the cell and interpolates their signed distances. OUT has the same
    layout as the output of dispr predict.
    """
    import numpy as np

    from dispr.cells.folder import find_cells
    from dispr.cells.read import read_mask, read_obj, read_pixel_size
    from dispr.errors import ConfigError, FileError
    from dispr.files import write_csv
    from dispr.prediction.files import SETTINGS, TABLE, PredictionFolder
    from dispr.scores.baselines import GEOMETRIC, interpolate, planes_of
    from dispr.scores.library import training_cells
    from dispr.scores.shape import binarise

    between = kind == "interpolate"
    if planes is not None and not between:
        raise ConfigError("--planes applies only to the baseline interpolate.")
    files = find_cells(data, split=split, need_obj=between)
    if (out / SETTINGS).exists():
        # The other samples of a model's ensembles would stay, and be scored as the baseline's.
        raise FileError(f"{out} already contains predictions of a model; choose another folder.")
    masks = [read_mask(file.mask) for file in files]
    library = training_cells(data, train) if kind == "nearest" else None
    rows = []
    for file, mask in zip(counted(files, "Making"), masks, strict=True):
        if library is not None:
            similar = library.most_similar(file.mask)
            if similar is None:
                raise FileError(f"{data} has no training cells; give a data set by --train.")
            body = binarise(read_obj(similar))
        elif between:
            assert file.obj is not None
            body = interpolate(planes_of(binarise(read_obj(file.obj)), mask, planes or 3))
        else:
            body = GEOMETRIC[kind](mask)
        size = read_pixel_size(file)
        PredictionFolder(out).write(file.name, body[None], body.astype(np.float32), size)
        rows.append({"name": file.name, "samples": 1, "volume_voxels": int(body.sum())})
    write_csv(out / TABLE, rows)
    result(f"{count_of(len(rows), 'cell')}: {out}", cells=len(rows), out=out)
