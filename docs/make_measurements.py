"""Write the tables of docs/measurements.md from the registry of measures.

python docs/make_measurements.py
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from dispr.morphology.features import SECTION_FEATURES, SHAPE_FEATURES, Feature
from dispr.morphology.published_features import PUBLISHED_SECTION, PUBLISHED_SHAPE

PAGE = Path(__file__).with_name("measurements.md")


def table(features: Sequence[Feature], flat: bool = False) -> str:
    """Lay out measures with their names where the voxel size is known and where it is not."""
    lines = ["| with a voxel size | without | formula | source |", "| --- | --- | --- | --- |"]
    for feature in features:
        names = [f"`{feature.column(unit)}`" for unit in ("um", "pixel" if flat else "voxel")]
        if names[0] == names[1]:
            names[1] = "the same"
        cells = [*names, feature.formula, feature.source]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)


def published_table(features: Sequence[Feature]) -> str:
    """Lay out published features, neighbours of one kind in one line."""
    lines = ["| name | formula | source |", "| --- | --- | --- |"]
    for kind, group in itertools.groupby(features, key=_kind):
        first, *others = group
        names = f"`{first.name}`" + (f" to `{others[-1].name}`" if others else "")
        formula = first.formula.replace("|", "\\|")
        formula += f" (of `{kind}0`, and so on)" if others else ""
        lines.append(f"| {names} | {formula} | {first.source} |")
    return "\n".join(lines)


def _kind(feature: Feature) -> str:
    """Give the common part of the names of many features of one kind."""
    kinds = ("mesh_principal0", "mesh_principal1", "mesh_inertia", "gabor")
    return next((kind for kind in kinds if re.fullmatch(kind + r"\d+", feature.name)), feature.name)


TABLES = {
    "shapes": table(SHAPE_FEATURES),
    "sections": table(SECTION_FEATURES, flat=True),
    "published shapes": published_table(PUBLISHED_SHAPE),
    "published sections": published_table(PUBLISHED_SECTION),
}


def filled(page: str) -> str:
    """Put the tables between the page's marks."""
    for name, text in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        head, rest = page.split(begin)
        tail = rest.split(end)[1]
        page = f"{head}{begin}\n{text}\n{end}{tail}"
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
