"""What `dispr predict` does with fields of view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispr.cli.options import typed_command
from dispr.cli.progress import Bars
from dispr.cli.say import note, result, warn
from dispr.names import count_of

if TYPE_CHECKING:
    from dispr.failures import Failures
    from dispr.labelled.field.settings import FieldSettings
    from dispr.labelled.find import FieldFiles
    from dispr.prediction.model import Model


def is_of_fields(data: Path) -> bool:
    """Tell whether DATA is an image, or a folder of images with labels beside them."""
    from dispr.cells.folder import parts
    from dispr.labelled.beside import has_labels_beside
    from dispr.names import is_zarr

    if is_zarr(data):
        return True
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
    from dispr.labelled.field.folder import predict_field_files, predicted_fields

    with Bars() as bars:
        told: dict[str, Any] = {"progress": bars, "command": typed_command()}
        if data.is_dir():
            with predicted_fields(model, fields, out, settings, failures=failures, **told) as rows:
                counts = counted(rows)
        else:
            counts = counted(predict_field_files(model, fields[0], out, settings, **told))
    first, *others = summary(counts, out, len(fields))
    facts = {"fields": len(fields), "cells": counts["rows"] - counts["refused"]}
    facts |= {"labels": counts["rows"], "unlike_training": counts["unlike"]}
    result(first, **facts, table=out / "cells.csv", out=out)
    for line in others:
        warn(line)


def counted(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Count the rows of a table of cells, and what of them a user must know."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts["rows"] += 1
        counts["refused"] += "not predicted" in row["warning"]
        counts["border"] += row["touches_border"]
        counts["unlike"] += "training" in row["warning"]
        counts["um"] += "voxel_um" in row
    return counts


def summary(counts: Counter[str], out: Path, fields: int) -> list[str]:
    """Say what was predicted, and what to beware of."""
    refused, border, odd = counts["refused"], counts["border"], counts["unlike"]
    lines = [
        count_of(counts["rows"] - refused, "cell")
        + (f" of {fields} fields" if fields > 1 else "")
        + f": {out / 'cells.csv'}"
    ]
    if refused:
        were = count_of(
            refused,
            "label was not predicted because it is",
            "labels were not predicted because they are",
        )
        lines.append(f"{were} too small or too thin.")
    if border:
        lines.append(
            count_of(border, "cell touches", "cells touch")
            + " the border of the image, so parts may be missing."
        )
    if odd:
        lines.append(
            count_of(odd, "cell is", "cells are")
            + " unlike the training cells of the model; see the column warning. Do not trust such "
            "shapes."
        )
    if not counts["um"]:
        lines.append("The pixel size is unknown, so results are in pixels; see --pixel-size.")
    return lines
