"""What `dispr predict` does with fields of view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dispr.cli.progress import Bars


def is_of_fields(data: Path) -> bool:
    """Tell whether DATA is an image, or a folder of images with labels beside them."""
    from dispr.cells.folder import parts
    from dispr.fields.beside import has_labels_beside

    if not data.is_dir():
        return data.is_file()
    return not parts(data) and has_labels_beside(data)


def predict_fields_command(
    data: Path,
    out: Path,
    *,
    images: str | None,
    labels: str | None,
    mask: Path | None,
    groups: Path | None,
    weights: Path | None,
    device: str,
    precision: str,
    settings: dict[str, Any],
    options: dict[str, Any],
) -> None:
    """Predict the fields that DATA names and say what came of it."""
    from dispr.cells.groups import with_groups
    from dispr.fields.find import find_fields
    from dispr.fields.folder import FieldSettings, predict_field_files, predict_fields
    from dispr.prediction.calibrate import lacks
    from dispr.prediction.model import load

    chosen = FieldSettings(**settings)
    fields = with_groups(find_fields(data, images, labels, mask), groups)
    if labels is None:
        for files in fields:
            if files.labels is not None:
                click.echo(f"The labels of {files.image} are those of {files.labels}.", err=True)
    model = load(weights, device, precision)
    if precision == "auto":
        click.echo(f"Computing in {model.precision}.")
    for line in lacks(model):
        click.echo(line)
    model.check(**{name: options[name] for name in ("ensemble", "sampler", "steps", "batch_size")})
    with Bars() as bars:
        options["on_progress"] = bars.show
        options["on_note"] = bars.note
        if data.is_dir():
            rows = predict_fields(model, fields, out, chosen, **options)
        else:
            rows = predict_field_files(model, fields[0], out, chosen, **options)
    for line in summary(rows, out, len(fields)):
        click.echo(line)


def summary(rows: list[dict[str, Any]], out: Path, fields: int) -> list[str]:
    """Say what was predicted, and what to beware of."""
    refused = sum("not predicted" in row["warning"] for row in rows)
    border = sum(row["touches_border"] for row in rows)
    odd = sum("training" in row["warning"] for row in rows)
    lines = [
        f"{len(rows) - refused} cells"
        + (f" of {fields} fields" if fields > 1 else "")
        + f": {out / 'cells.csv'}"
    ]
    if refused:
        lines.append(f"{refused} labels were not predicted: too small or too thin.")
    if border:
        lines.append(f"{border} cells touch the border of their field; parts may be missing.")
    if odd:
        lines.append(
            f"{odd} cells are unlike those that the model was trained on; the column warning says "
            "how. Do not trust their shapes."
        )
    if not any("voxel_um" in row for row in rows):
        lines.append("The pixel size is not known, so results are in pixels; see --pixel-size.")
    return lines
