"""A data set is described as it is, and readers of Croissant find its cells and tables."""

import hashlib
import json
import logging

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from dispr.cells.folder import find_cells
from dispr.checksums import NAME, guard
from dispr.cli.main import cli
from dispr.errors import ConfigError, FileError
from dispr.export.croissant import ABOUT, Publication, write_croissant
from dispr.files import write_csv, write_tiff
from dispr.labelled.stack.manifest import NUMBERS

ALL = Publication(
    license="https://spdx.org/licenses/CC-BY-4.0",
    url="https://example.org/cells",
    citation="@misc{cells}",
    published="2026-11-27",
    creators=("A. Author", "B. Author"),
)


def write_cell(folder, name, solid=True):
    write_tiff(folder / "image" / f"{name}.tif", np.full((64, 64), 9, np.uint8))
    write_tiff(folder / "mask" / f"{name}.tif", np.full((64, 64), 255, np.uint8))
    if solid:
        write_tiff(folder / "obj" / f"{name}.tif", np.full((64, 64, 64), 255, np.uint8))


@pytest.fixture
def data(tmp_path):
    """What `dispr prepare` writes: two cells for training, one for testing, one left out."""
    root = tmp_path / "data"
    write_cell(root / "train", "0.00_discocyte000001")
    write_cell(root / "train", "b_000002")
    write_cell(root / "test", "b_000002")
    row = dict.fromkeys(["stack", "label", "split", "name", "reason", "type", *NUMBERS], "")
    rows = [
        {**row, "stack": "a", "label": 1, "split": "train", "name": "0.00_discocyte000001"},
        {**row, "stack": "a", "label": 7, "reason": "touches the first plane"},
    ]
    rows[0] |= {"volume_um3": 95.5, "pieces": 1, "plane": 12, "voxel_um": 0.172}
    write_csv(root / "manifest.csv", rows)
    (root / "stacks.json").write_text("{}")
    return root


def described(data):
    content = json.loads((data / "croissant.json").read_text(encoding="utf-8"))
    nodes = [*content["distribution"], *content["recordSet"]]
    by_id = {node["@id"]: node for node in nodes}
    assert len(by_id) == len(nodes)
    return content, by_id


def test_files_and_cells(data):
    path, cells = write_croissant(data, ALL)
    assert path == data / "croissant.json"
    content, nodes = described(data)
    assert content["name"] == "data"
    assert (
        "3 single cells (2 for training, 1 for testing), with masks and their 3D shapes"
        in (content["description"])
    )
    assert content["license"] == ALL.license
    assert [creator["name"] for creator in content["creator"]] == ["A. Author", "B. Author"]
    files = {n["@id"] for n in nodes.values() if n["@type"] == "cr:FileObject"}
    assert files == {"manifest.csv", "stacks.json"}
    for name in files:
        raw = (data / name).read_bytes()
        assert nodes[name]["sha256"] == hashlib.sha256(raw).hexdigest()
        assert nodes[name]["contentSize"] == f"{len(raw)} B"
    found = {
        file.relative_to(data).as_posix()
        for node in nodes.values()
        if node["@type"] == "cr:FileSet"
        for pattern in node["includes"]
        for file in data.glob(pattern)
    }
    assert found == {p.relative_to(data).as_posix() for p in data.rglob("*.tif")}
    assert len(found) == 9
    sets = [n["@id"] for n in nodes.values() if n["@type"] == "cr:FileSet"]
    assert sets == [f"{part}-{kind}" for part in ("test", "train") for kind in ABOUT]
    rows = nodes["cells"]["data"]
    assert [row["cells/name"] for row in rows] == [cell.name for cell in find_cells(data)]
    assert rows[0] == {
        "cells/name": "0.00_discocyte000001",
        "cells/split": "train",
        "cells/class": "SDE",
        "cells/image": "train/image/0.00_discocyte000001.tif",
        "cells/mask": "train/mask/0.00_discocyte000001.tif",
        "cells/obj": "train/obj/0.00_discocyte000001.tif",
    }
    # Two cells of two parts have the same name.
    assert [key["@id"] for key in nodes["cells"]["key"]] == ["cells/split", "cells/name"]
    assert len(cells) == 3


def test_cells_without_parts_or_shapes(tmp_path):
    write_cell(tmp_path / "cells", "a", solid=False)
    write_croissant(tmp_path / "cells")
    content, nodes = described(tmp_path / "cells")
    assert set(nodes) == {"image", "mask", "cells"}
    assert nodes["mask"]["includes"] == ["mask/*.tif"]
    assert nodes["cells"]["data"] == [
        {"cells/name": "a", "cells/image": "image/a.tif", "cells/mask": "mask/a.tif"}
    ]
    assert "1 single cells (1 in one part), with masks." in content["description"]
    assert not {"license", "url", "creator", "datePublished", "citeAs"} & content.keys()


def test_files_of_two_formats(tmp_path):
    write_cell(tmp_path, "a", solid=False)
    write_cell(tmp_path, "b", solid=False)
    Image.fromarray(np.full((64, 64), 9, np.uint8)).save(tmp_path / "image" / "b.png")
    (tmp_path / "image" / "b.tif").unlink()
    write_croissant(tmp_path)
    _, nodes = described(tmp_path)
    assert nodes["image"]["encodingFormat"] == ["image/png", "image/tiff"]
    assert nodes["image"]["includes"] == ["image/*.png", "image/*.tif"]
    assert nodes["mask"]["encodingFormat"] == "image/tiff"
    assert [row["cells/image"] for row in nodes["cells"]["data"]] == ["image/a.tif", "image/b.png"]


def test_the_description_does_not_change_what_it_describes(data):
    guard(data)
    write_csv(data / "planes.csv", [{"name": "b_000002"}])
    assert (data / NAME).is_file()
    write_croissant(data)
    first = (data / "croissant.json").read_bytes()
    _, nodes = described(data)
    assert NAME in nodes
    write_croissant(data)
    assert (data / "croissant.json").read_bytes() == first


def test_valid_and_loaded_by_mlcroissant(data):
    mlcroissant = pytest.importorskip("mlcroissant")
    write_croissant(data, ALL)
    logging.disable(logging.WARNING)
    try:
        dataset = mlcroissant.Dataset(jsonld=data / "croissant.json")
        issues = dataset.metadata.ctx.issues
        assert not issues.errors
        assert not issues.warnings
        cells = list(dataset.records("cells"))
        labels = list(dataset.records("labels"))
    finally:
        logging.disable(logging.NOTSET)
    given = find_cells(data)
    for kind in ("image", "mask", "obj"):
        paths = [data / cell[f"cells/{kind}"] for cell in cells]
        assert paths == [getattr(cell, kind) for cell in given]
    assert [cell["cells/split"] for cell in cells] == [cell.split for cell in given]
    assert [label["labels/label"] for label in labels] == [1, 7]
    assert labels[0]["labels/volume_um3"] == 95.5
    assert labels[0]["labels/plane"] == 12
    assert labels[1]["labels/reason"] == b"touches the first plane"


def test_command(data):
    given = ["export", "croissant", str(data), "--license", "MIT", "--creator", "A", "--name", "N"]
    result = CliRunner().invoke(cli, given)
    assert result.exit_code == 0
    assert "state --url, --published, --citation" in result.output
    content, _ = described(data)
    assert (content["name"], content["license"], content["version"]) == ("N", "MIT", "1.0.0")


def test_faults_are_one_sentence(data, tmp_path):
    with pytest.raises(ConfigError, match="must be YYYY-MM-DD"):
        Publication(published="27.11.2026")
    with pytest.raises(FileError, match="does not exist"):
        write_croissant(tmp_path / "nothing")
    (data / "manifest.csv").write_text("name,label\nx,1\n")
    with pytest.raises(FileError, match=r"manifest\.csv is damaged"):
        write_croissant(data)
    assert not (data / "croissant.json").exists()


def test_images_in_jpeg_are_said_to_be_jpeg(tmp_path):
    write_cell(tmp_path, "a", solid=False)
    Image.fromarray(np.full((64, 64), 9, np.uint8)).save(tmp_path / "image" / "a.jpg")
    (tmp_path / "image" / "a.tif").unlink()
    path, _ = write_croissant(tmp_path)
    described = json.loads(path.read_text(encoding="utf-8"))["distribution"]
    formats = {one["name"]: one["encodingFormat"] for one in described}
    assert (formats["image"], formats["mask"]) == ("image/jpeg", "image/tiff")
