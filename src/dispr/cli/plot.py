"""`dispr plot`: a picture of predicted cells."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.options import groups_option, out_option, split_option
from dispr.cli.say import result
from dispr.names import count_of


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@out_option("Output figure (.png, .svg).")
@split_option()
@click.option(
    "--max-cells",
    "--cells",
    "max_cells",
    default=12,
    show_default=True,
    type=click.IntRange(1),
    help="Maximum number of cells to show.",
)
@groups_option(
    "CSV with the columns cell and group; cells are sorted by group. Default: the groups of the "
    "prediction."
)
@click.option(
    "--scale",
    default=2,
    show_default=True,
    type=click.IntRange(1, 8),
    help="Resolution: pixels of the figure per pixel of a standard screen.",
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
    """Make a figure of the cells of PREDICTIONS, with their sections and true shapes from DATA.

    Each row shows the section with its mask, the probability seen from the side with the true
    outline, the true shape (if DATA has it) and the samples. If the files state the voxel size, the
    figure has a scale bar and volumes in um3. Text and scale bars of SVG files can be edited.
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
        raise FileError(f"{out} must end in .png or .svg.")
    drawn = PredictionFolder(predictions)
    names = set(drawn.names())
    files = [file for file in find_cells(data, split=split) if file.name in names]
    if not files:
        raise FileError(
            f"{data} contains none of the cells of {predictions}; give the data set "
            "that was predicted."
        )
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
    result(f"{count_of(len(rows), 'cell')}: {out}", cells=len(rows), out=out)
