"""Describe a run for machines: a Process Run Crate (RO-Crate) beside its results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dispr.description import describe
from dispr.errors import FileError
from dispr.prediction.files import SETTINGS, PredictionFolder
from dispr.records import write_json

CRATE = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
ABOUT = ("drawing", "model", "dispr", "intervals", "made", "inputs", "balanced")
"""What of a record is no setting of the run."""

CONTEXT = ["https://w3id.org/ro/crate/1.1/context", {"sha256": "http://schema.org/sha256"}]
"""The terms of RO-Crate 1.1, and one that it lacks."""

LICENCE = {
    "@id": "#license",
    "@type": "CreativeWork",
    "name": "All rights reserved",
    "description": "All rights reserved by the owner of the images, unless stated otherwise.",
}

FOLDERS = {
    "samples": "The predicted shapes, NAME_K.tif: uint8, 0 and 255, Z Y X",
    "probability": "Mean of the shapes of each cell, NAME.tif: float32, 0 to 1",
    "grey": "Occupancies before the threshold of 0.5",
    "shapes.zarr": "The predicted shapes, packed",
    "crops": "Sections and masks of the cells of a field",
    "meshes": "Meshes of the cells",
}

Entity = dict[str, Any]


def write_crate(folder: Path) -> Path:
    """Describe a folder of predictions in `ro-crate-metadata.json`.

    The Process Run Crate, version 0.5 (https://w3id.org/ro/wfrun/process/0.5), names the software
    and its version, the weights, the inputs, the settings, each run with its command and date, and
    the results, tables with their size and SHA-256.

    Parameters
    ----------
    folder : Path
        Folder that `dispr predict` wrote.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileError
        If the folder is no prediction, or its record cannot be read.
    """
    record = PredictionFolder(folder).settings
    if not record:
        raise FileError(
            f"{folder} has no {SETTINGS}; give the output folder of dispr predict, which has one."
        )
    path = folder / CRATE
    graph = list(_entities(folder, record))
    write_json(path, {"@context": CONTEXT, "@graph": graph})
    return path


def _entities(folder: Path, record: Mapping[str, Any]) -> Iterator[Entity]:
    made, inputs = record.get("made", {}), record.get("inputs", {})
    runs = made.get("runs", [])
    results = list(_results(folder))
    settings = [
        {
            "@id": f"#{name}",
            "@type": "PropertyValue",
            "name": name,
            "value": value if isinstance(value, (int, float, str)) else json.dumps(value),
        }
        for name, value in record.items()
        if name not in ABOUT and value is not None
    ]
    data = str(inputs.get("data") or "")
    yield {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    yield {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": PROFILE},
        "name": f"3D shapes predicted from sections: {folder.resolve().name}",
        "description": f"Predicted by DISPR {record.get('dispr', '')} for "
        f"{inputs.get('cells', 'some')} cells: several plausible 3D shapes each.",
        "datePublished": _seconds(runs[-1]["date"]) if runs else "",
        "license": {"@id": LICENCE["@id"]},
        "hasPart": _one_or_all([{"@id": result["@id"]} for result in results]),
        "mentions": _one_or_all([{"@id": f"#run-{i}"} for i in range(len(runs))]),
    }
    yield {
        "@id": PROFILE,
        "@type": "CreativeWork",
        "name": "Process Run Crate",
        "version": "0.5",
    }
    yield LICENCE
    yield {
        "@id": "#dispr",
        "@type": "SoftwareApplication",
        "name": "DISPR",
        "version": record.get("dispr", ""),
        "url": "https://arxiv.org/abs/2208.14125",
    }
    yield {
        "@id": "#weights",
        "@type": "CreativeWork",
        "name": f"weights {made.get('weights') or ''} ({made.get('network', 'network')})",
        "description": f"Trained on {made.get('trained_on') or 'cells that are not named'}.",
        "identifier": record.get("model", ""),
    }
    yield {
        "@id": "#inputs",
        "@type": "CreativeWork",
        "name": data or "sections and masks",
        "description": "Images and masks of the cells"
        + (f", part {inputs['split']}" if inputs.get("split") else ""),
        **({"identifier": inputs["names"]} if inputs.get("names") else {}),
    }
    for i, run in enumerate(runs):
        yield {
            "@id": f"#run-{i}",
            "@type": "CreateAction",
            "name": f"Prediction of shapes, run {i + 1}",
            "description": run.get("command") or "dispr.predict_many",
            "endTime": _seconds(run.get("date", "")),
            "instrument": {"@id": "#dispr"},
            "object": [{"@id": "#inputs"}, {"@id": "#weights"}]
            + [{"@id": entity["@id"]} for entity in settings],
            "result": _one_or_all([{"@id": result["@id"]} for result in results]),
            "actionStatus": "http://schema.org/CompletedActionStatus",
        }
    yield from settings
    yield from results


def _seconds(date: str) -> str:
    """Give a date of ISO 8601 with seconds, which runs are recorded without."""
    return re.sub(r"(T\d{2}:\d{2})(?=[+-])", r"\1:00", date)


def _one_or_all(entities: list[Entity]) -> Entity | list[Entity]:
    """Give a single value by itself, as RO-Crate recommends."""
    return entities[0] if len(entities) == 1 else entities


def _results(folder: Path) -> Iterator[Entity]:
    """Describe the tables and pages, with checksums, and the folders of shapes."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name in FOLDERS:
            yield {
                "@id": f"{path.name}/",
                "@type": "Dataset",
                "name": path.name,
                "description": FOLDERS[path.name],
            }
        elif path.is_file() and path.suffix in (".csv", ".parquet", ".html", ".tif", ".json"):
            if path.name == CRATE:
                continue
            found = describe(path)
            yield {
                "@id": path.name,
                "@type": "File",
                "name": path.name,
                "encodingFormat": found.media_type,
                "contentSize": str(found.size),
                "sha256": found.sha256,
            }
