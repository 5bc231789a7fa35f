import base64
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from dispr.cells.folder import find_cells
from dispr.cells.read import read_obj
from dispr.cli.main import cli
from dispr.errors import FileError
from dispr.pictures.panel import GAP, HEAD, LEFT, TILE
from dispr.prediction.files import PredictionFolder


@pytest.fixture
def predictions(cells_folder, tmp_path):
    for file in find_cells(cells_folder, split="test"):
        body = read_obj(file.obj) > 127
        PredictionFolder(tmp_path / "out").write(
            file.name, np.stack([body, body]), body.astype(float)
        )
    return tmp_path / "out"


def plot(*arguments):
    cli.main(["plot", *map(str, arguments)], standalone_mode=False)


def test_picture(predictions, cells_folder, tmp_path, capsys):
    out = tmp_path / "p.png"
    plot(predictions, cells_folder, "--split", "test", "-o", out, "--scale", 1)
    assert "2 cells" in capsys.readouterr().out
    picture = np.asarray(Image.open(out)).astype(int)
    # Section, side view, truth and two samples of two cells.
    assert picture.shape == (HEAD + 2 * (TILE + GAP), LEFT + 5 * (TILE + GAP) + GAP, 3)
    tiles = [picture[HEAD : HEAD + TILE, LEFT + i * (TILE + GAP) :][:, :TILE] for i in range(5)]
    assert (tiles[3] == tiles[4]).all()  # the same shape twice
    red, blue = tiles[3].reshape(-1, 3).max(0), tiles[2].reshape(-1, 3).max(0)
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    plot(predictions, cells_folder, "--split", "test", "-o", out, "--max-cells", 1, "--scale", 1)
    assert Image.open(out).height == HEAD + TILE + GAP


def test_without_truth(predictions, cells_folder, tmp_path):
    for kind in ("image", "mask"):
        (tmp_path / "cells" / kind).mkdir(parents=True)
        for path in (cells_folder / "test" / kind).iterdir():
            (tmp_path / "cells" / kind / path.name).write_bytes(path.read_bytes())
    plot(predictions, tmp_path / "cells", "-o", tmp_path / "p.png")
    assert Image.open(tmp_path / "p.png").width == 2 * (LEFT + 4 * (TILE + GAP) + GAP)


def test_vector_picture(predictions, cells_folder, tmp_path):
    out = tmp_path / "p.svg"
    plot(predictions, cells_folder, "--split", "test", "-o", out, "--scale", 1)
    root = ElementTree.parse(out).getroot()
    space = {"svg": "http://www.w3.org/2000/svg"}
    texts = [text.text for text in root.findall("svg:text", space)]
    assert {file.name for file in find_cells(cells_folder, split="test")} <= set(texts)
    assert texts[:4] == ["section", "side view", "truth", "sample 0"]
    tiles = root.findall("svg:image", space)
    assert len(tiles) == 2 * 5
    plot(predictions, cells_folder, "--split", "test", "-o", tmp_path / "p.png", "--scale", 1)
    picture = Image.open(tmp_path / "p.png")
    assert [int(root.get(name)) for name in ("width", "height")] == list(picture.size)
    for tile in tiles:
        coded = tile.get("href").removeprefix("data:image/png;base64,")
        shown = Image.open(io.BytesIO(base64.b64decode(coded)))
        x, y = int(tile.get("x")), int(tile.get("y"))
        assert shown.tobytes() == picture.crop((x, y, x + TILE, y + TILE)).tobytes()


def test_bad_input(predictions, cells_folder, tmp_path):
    with pytest.raises(FileError, match="contains none of the cells"):
        plot(predictions, cells_folder, "--split", "train", "-o", tmp_path / "p.png")
    with pytest.raises(FileError, match="must end in"):
        plot(predictions, cells_folder, "-o", tmp_path / "p.jpg")
