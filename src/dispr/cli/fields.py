"""What `dispr predict` does with fields of view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispr.cli.options import typed_command
from dispr.cli.progress import Bars
from dispr.cli.say import note, result, warn

if TYPE_CHECKING:
    from dispr.failures import Failures
    from dispr.labelled.field.folder import FieldSettings
    from dispr.labelled.find import FieldFiles
    from dispr.prediction.model import Model


def is_of_fields(data: Path) -> bool:
    """Tell whether DATA is an image, or a folder of images with labels beside them."""
    from dispr.cells.folder import parts
    from dispr.labelled.beside import has_labels_beside

    if not data.is_dir():
        return data.is_file()
    return not parts(data) and has_labels_beside(data)


def find(
    data: Path,
    images: str | None,
    labels: str | None,
    mask: Path | None,
    groups: Path | None,
    failures: Failures,
) -> list[FieldFiles]:
    """Find the fields that DATA names, and say which labels were found beside them."""
    from dispr.cells.groups import with_groups
    from dispr.labelled.find import find_fields

    fields = list(with_groups(find_fields(data, images, labels, mask, failures), groups))
    if labels is None:
        for files in fields:
            if files.labels is not None:
                note(f"Labels of {files.image}: {files.labels}")
    return fields


def predict_fields_view(
    model: Model,
    fields: list[FieldFiles],
    data: Path,
    out: Path,
    settings: FieldSettings,
    failures: Failures,
) -> None:
    """Predict fields of view and say what came of it."""
    from dispr.labelled.field.folder import predict_field_files, predict_fields

    with Bars() as bars:
        told: dict[str, Any] = {"progress": bars, "command": typed_command()}
        if data.is_dir():
            rows = predict_fields(model, fields, out, settings, failures=failures, **told)
        else:
            rows = predict_field_files(model, fields[0], out, settings, **told)
    first, *others = summary(rows, out, len(fields))
    predicted = [row for row in rows if "not predicted" not in row["warning"]]
    unlike = sum("training" in row["warning"] for row in rows)
    facts = {"fields": len(fields), "cells": len(predicted), "labels": len(rows)}
    result(first, **facts, unlike_training=unlike, table=out / "cells.csv", out=out)
    for line in others:
        warn(line)


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
        lines.append(f"{refused} labels were not predicted because they are too small or too thin.")
    if border:
        lines.append(
            f"{border} cells touch the border of the image, so parts of them may be missing."
        )
    if odd:
        lines.append(
            f"{odd} cells are unlike the training cells of the model; see the column warning. Do "
            "not trust their shapes."
        )
    if not any("voxel_um" in row for row in rows):
        lines.append("The pixel size is unknown, so results are in pixels; see --pixel-size.")
    return lines
