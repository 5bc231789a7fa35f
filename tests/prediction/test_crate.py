import hashlib
import json

import pytest
from click.testing import CliRunner

from dispr.cli.export import command
from dispr.errors import FileError
from dispr.files import write_csv
from dispr.prediction.crate import write_crate
from dispr.prediction.files import PredictionFolder

RECORD = {
    "model": "0123",
    "ensemble": 5,
    "seed": 0,
    "steps": "4",
    "dispr": "0.1.0",
    "intervals": None,
    "made": {
        "network": "Cascade",
        "weights": "fast",
        "trained_on": "red blood cells",
        "runs": [
            {"command": "dispr predict cells -o out", "date": "2026-11-27T11:28+00:00"},
            {"command": "dispr predict cells -o out --level 0.5", "date": "2026-11-27T12:00+00:00"},
        ],
    },
    "inputs": {"data": "/data/cells", "split": "test", "cells": 2, "names": "abc"},
}


@pytest.fixture
def folder(tmp_path):
    PredictionFolder(tmp_path).write_settings(RECORD)
    write_csv(tmp_path / "predictions.csv", [{"name": "a"}])
    (tmp_path / "samples").mkdir()
    return tmp_path


def test_the_run_is_described(folder):
    result = CliRunner().invoke(command, ["ro-crate", str(folder)])
    assert result.exit_code == 0
    content = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    entities = {entity["@id"]: entity for entity in content["@graph"]}
    assert len(entities) == len(content["@graph"])
    root = entities["./"]
    assert root["conformsTo"]["@id"] in entities
    assert root["datePublished"] == "2026-11-27T12:00:00+00:00"
    assert root["license"]["@id"] in entities
    terms = {key for entity in content["@graph"] for key in entity}
    assert "sha256" in terms
    assert content["@context"][1].keys() == {"sha256"}  # RO-Crate 1.1 has no such term
    assert entities["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    parts = {part["@id"] for part in root["hasPart"]}
    assert parts == {"samples/", "predictions.csv", "prediction.json"}
    runs = [entities[run["@id"]] for run in root["mentions"]]
    assert [run["description"] for run in runs] == [r["command"] for r in RECORD["made"]["runs"]]
    for run in runs:
        assert run["@type"] == "CreateAction"
        assert entities[run["instrument"]["@id"]]["version"] == "0.1.0"
        assert {part["@id"] for part in run["result"]} == parts
        settings = {entities[o["@id"]].get("name"): entities[o["@id"]] for o in run["object"]}
        assert settings["ensemble"]["value"] == 5
        assert settings["steps"]["value"] == "4"
        assert "intervals" not in settings
        assert entities["#weights"]["identifier"] == "0123"
        assert entities["#inputs"]["name"] == "/data/cells"
    table = entities["predictions.csv"]
    written = (folder / "predictions.csv").read_bytes()
    assert table["sha256"] == hashlib.sha256(written).hexdigest()
    assert table["contentSize"] == str(len(written))
    # Every reference is described.
    named = [part["@id"] for entity in content["@graph"] for part in references(entity)]
    assert {name for name in named if not name.startswith("http")} <= entities.keys()


def references(entity):
    for value in entity.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield one


def test_no_prediction(tmp_path):
    with pytest.raises(FileError, match="give the output folder of dispr predict"):
        write_crate(tmp_path)
