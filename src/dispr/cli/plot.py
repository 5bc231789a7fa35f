"""`dispr plot`: a picture of predicted cells."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.options import groups_option, out_option, split_option
from dispr.cli.say import result


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@out_option("Picture (.png, .svg).")
@split_option()
@click.option(
    "--max-cells",
    "--cells",
    "max_cells",
    default=12,
    show_default=True,
    type=click.IntRange(1),
    help="Most cells to show.",
)
@groups_option(
    "CSV with the columns cell and group; cells are drawn group by group. Default: as they "
    "were predicted."
)
@click.option(
    "--scale",
    default=2,
    show_default=True,
    type=click.IntRange(1, 8),
    help="Pixels of the pictures for one on a plain screen.",
)
def command(
    predictions: Path,
    data: Path,
    out: Path,
    split: str | None,
    max_cells: int,
    groups: Path | None,
    scale: int,
) -> None:
    """Draw the cells of PREDICTIONS with their sections from DATA, and the truth where it is there.

    Each row shows the section with its mask, the probability from the side with the true outline,
    the true shape and the samples. Where the files state the size of their voxels, there is a scale
    bar, and volumes are in um3. In an SVG file, texts and scale bars can be edited.
    """
    from dataclasses import replace

    from dispr.cells.folder import find_cells
    from dispr.cells.groups import with_groups
    from dispr.errors import FileError
    from dispr.files import atomic_path
    from dispr.pictures.panel import panel
    from dispr.pictures.predicted import predicted_row
    from dispr.pictures.vector import panel_svg
    from dispr.prediction.files import PredictionFolder

    kind = out.suffix.lower()
    if kind not in (".png", ".svg"):
        raise FileError(f"{out} is not the name of a PNG or SVG picture; end it in .png or .svg.")
    drawn = PredictionFolder(predictions)
    names = set(drawn.names())
    files = [file for file in find_cells(data, split=split) if file.name in names]
    if not files:
        raise FileError(f"{data} holds none of the cells of {predictions}; name their data set.")
    rows_of = {row["name"]: row for row in drawn.rows()}
    files = [replace(file, group=rows_of.get(file.name, {}).get("group") or "") for file in files]
    files = sorted(with_groups(files, groups), key=lambda file: file.group)
    # Evenly chosen, so that cells of all classes are among them.
    count = min(max_cells, len(files))
    rows = [predicted_row(predictions, files[i * len(files) // count]) for i in range(count)]
    with atomic_path(out) as temporary:
        if kind == ".svg":
            temporary.write_text(panel_svg(rows, scale), encoding="utf-8")
        else:
            panel(rows, scale).save(temporary, format="PNG")
    result(f"{len(rows)} cells: {out}", cells=len(rows), out=out)
