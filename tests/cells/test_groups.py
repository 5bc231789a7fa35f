import csv
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from dispr.cells.folder import find_cells
from dispr.cells.groups import read_groups, told_groups, with_groups
from dispr.cli.main import cli
from dispr.errors import FileError
from dispr.files import write_tiff
from dispr.simulation.cell import simulate_cell


def write(root, group, names):
    for i, name in enumerate(names):
        cell = simulate_cell("0.00_discocyte", seed=len(group), index=i)
        for kind in ("image", "mask"):
            write_tiff(root / group / kind / f"{name}.tif", getattr(cell, kind))


def run(*arguments):
    result = CliRunner().invoke(cli, [str(part) for part in arguments])
    assert result.exception is None, result.output
    return result.output


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_table(tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("Image;Condition\nfolder/a.tif;control\nb; treated \nc;NA\nother;treated\n")
    assert read_groups(table, ["b", "a", "c"]) == {"b": "treated", "a": "control", "c": ""}
    with pytest.raises(FileError, match=r"no row for d \(one of 2 missing cells\).*of a, b, c"):
        read_groups(table, ["a", "d", "e"])
    table.write_text("cell,group\na,control\na.tif,treated\n")
    with pytest.raises(FileError, match=r"line 3: a has a different group in an earlier row"):
        read_groups(table, ["a"])
    table.write_text("cell,colour\na,red\n")
    with pytest.raises(FileError, match="group or condition or treatment"):
        read_groups(table, ["a"])


def test_folders_are_groups(tmp_path):
    write(tmp_path, "control", ["a", "b"])
    write(tmp_path, "treated", ["c"])
    found = find_cells(tmp_path)
    assert [(f.name, f.group) for f in found] == [
        ("a", "control"),
        ("b", "control"),
        ("c", "treated"),
    ]
    assert told_groups(found) == ["Groups of cells: control (2), treated (1)."]
    write(tmp_path, "treated", ["A"])
    names = [file.name for file in find_cells(tmp_path)]
    assert names == ["control_a", "control_b", "treated_A", "treated_c"]
    assert told_groups(find_cells(tmp_path / "control")) == []
    table = tmp_path / "groups.csv"
    table.write_text("cell,group\na,x\nb,\n")
    named = with_groups(find_cells(tmp_path / "control"), table)
    assert [file.group for file in named] == ["x", ""]
    assert told_groups(named) == ["Groups of cells: none (1), x (1)."]


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    """Cells of two groups, predicted."""
    root = tmp_path_factory.mktemp("groups")
    write(root / "data", "control", ["a", "b"])
    write(root / "data", "treated", ["b"])
    options = ("--ensemble", 2, "--sampling-steps", 2, "--pixel-size", 0.172, "--no-report")
    assert "control (2), treated (1)" in run("predict", root / "data", "-o", root / "out", *options)
    return root


def test_predictions_and_measures_state_groups(predictions):
    expected = {"control_a": "control", "control_b": "control", "treated_b": "treated"}
    rows = read(predictions / "out" / "predictions.csv")
    assert {row["name"]: row["group"] for row in rows} == expected
    run("measure", predictions / "out", "-o", predictions / "m.csv", "--jobs", 1)
    rows = read(predictions / "m.csv")
    assert {row["name"]: row["group"] for row in rows} == expected
    table = predictions / "groups.csv"
    table.write_text("cell,group\n" + "".join(f"{name},new\n" for name in expected))
    run("measure", predictions / "out", "-o", predictions / "n.csv", "--groups", table, "--jobs", 1)
    assert {row["group"] for row in read(predictions / "n.csv")} == {"new"}


def test_the_report_and_the_picture_know_groups(predictions):
    out = predictions / "report.html"
    run("report", predictions / "out", predictions / "data", "-o", out, "--jobs", 1)
    text = re.search(r'<script[^>]+id="report"[^>]*>(.*?)</script>', out.read_text("utf-8"), re.S)
    cells = json.loads(text[1])["cells"]
    assert [cell["group"] for cell in cells] == ["control", "control", "treated"]
    picture = predictions / "shapes.svg"
    run("plot", predictions / "out", predictions / "data", "-o", picture)
    drawn = picture.read_text("utf-8")
    assert drawn.count("control") >= 2
    assert drawn.index("control_b") < drawn.index("treated_b")


def test_fields_have_groups(tmp_path):
    y, x = np.mgrid[:120, :120]
    labels = ((y - 60) ** 2 + (x - 60) ** 2 < 24**2).astype(np.uint8)
    for name in ("f", "g"):
        write_tiff(tmp_path / "fields" / f"{name}.tif", labels * 150 + 20)
        write_tiff(tmp_path / "labels" / f"{name}.tif", labels)
    (tmp_path / "groups.csv").write_text("field,image,group\n1,f.tif,control\n2,g.tif,treated\n")
    options = ("--labels", tmp_path / "labels" / "*.tif", "--groups", tmp_path / "groups.csv")
    options += ("--ensemble", 1, "--sampling-steps", 2, "--volume", "none", "--meshes", "none")
    options += ("--no-measures", "--no-report", "--pixel-size", 0.172)
    run("predict", tmp_path / "fields", "-o", tmp_path / "out", *options)
    rows = read(tmp_path / "out" / "cells.csv")
    assert [(row["field"], row["group"]) for row in rows] == [("f", "control"), ("g", "treated")]
    assert read(tmp_path / "out" / "f" / "predictions.csv")[0]["group"] == "control"
