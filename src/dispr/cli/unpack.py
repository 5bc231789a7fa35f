"""`dispr unpack`: packed shapes as TIFF files."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.options import Name, out_option
from dispr.cli.progress import Bars
from dispr.cli.say import result
from dispr.names import count_of


@click.command()
@click.argument("predictions", type=Name)
@out_option()
@click.option(
    "--cells",
    default="",
    help="Names of the cells, with commas between; * stands for any text. Default: all.",
)
def command(predictions: Path, out: Path, cells: str) -> None:
    """Write the shapes of PREDICTIONS, which dispr predict --store zarr packed, as TIFF files.

    OUT is then a folder as dispr predict writes it without --store: samples/NAME_K.tif,
    probability/NAME.tif and predictions.csv.
    """
    from dispr.locks import hold
    from dispr.prediction.files import PredictionFolder
    from dispr.prediction.gather import chosen_cells, copy_cells

    folder = PredictionFolder(predictions)
    names = chosen_cells(folder.names(), cells)
    with hold(out), Bars() as bars:
        settings = {**folder.settings, "store": "files"}
        count = copy_cells(dict.fromkeys(names, folder), out, settings, bars)
    result(f"{count_of(count, 'cell')}: {out}", cells=count, out=out)
