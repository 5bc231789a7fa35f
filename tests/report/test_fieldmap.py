import base64
import io
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from dispr.cli.main import cli
from dispr.files import write_tiff
from dispr.report.fieldmap import field_map, outline, small_picture


def test_thin_images():
    text = small_picture(np.arange(15 * 2000).reshape(15, 2000), 20)
    picture = Image.open(io.BytesIO(base64.b64decode(text.partition(",")[2])))
    assert picture.size == (100, 1)


def test_outline_of_a_box():
    labels = np.zeros((30, 40), np.uint16)
    labels[10:15, 20:28] = 3
    corners = np.reshape(outline(labels, 3, np.s_[10:15, 20:28], 1), (-1, 2))
    # Midway between pixels inside and outside; corners are cut by half a pixel.
    assert corners[:, 0].min() == 19.5
    assert corners[:, 0].max() == 27.5
    assert corners[:, 1].min() == 9.5
    assert corners[:, 1].max() == 14.5
    assert len(corners) <= 8


def test_a_large_image_is_made_small():
    image = np.zeros((300, 500), np.uint16)
    image[:, 250:] = 4000
    text = small_picture(image, 5)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(text.partition(",")[2]))))
    assert picture.shape == (60, 100)
    assert set(np.unique(picture)) == {0, 255}


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A field of two cells, predicted by the command."""
    root = tmp_path_factory.mktemp("field")
    y, x = np.mgrid[:130, :150]
    labels = np.where(np.hypot(y - 40, x - 50) < 24, 2, 0)
    labels = np.where(np.hypot(y - 90, x - 110) < 20, 7, labels).astype(np.uint8)
    write_tiff(root / "image.tif", (labels > 0).astype(np.uint8) * 150 + 20)
    write_tiff(root / "labels.tif", labels)
    options = [
        "--ensemble",
        "2",
        "--sampling-steps",
        "2",
        "--pixel-size",
        "0.172",
        "--meshes",
        "none",
    ]
    names = [str(root / name) for name in ("image.tif", "out", "labels.tif")]
    arguments = ["predict", names[0], "-o", names[1], "--labels", names[2], *options]
    result = CliRunner().invoke(cli, arguments)
    assert result.exception is None, result.output
    return root


def test_map_of_a_field(field):
    found = field_map(field / "out")
    assert (found["width"], found["height"]) == (150, 130)
    assert found["image"].startswith("data:image/png;base64,")
    cells = found["cells"]
    assert sorted(cell["label"] for cell in cells.values()) == [2, 7]
    (first,) = [cell for cell in cells.values() if cell["label"] == 2]
    away = np.hypot(*(np.reshape(first["outline"], (-1, 2)) - [50, 40]).T)
    np.testing.assert_allclose(away, 23.5, atol=1)
    (field / "image.tif").rename(field / "elsewhere.tif")
    try:
        assert field_map(field / "out")["image"] is None
    finally:
        (field / "elsewhere.tif").rename(field / "image.tif")


def test_the_page_holds_map_model_and_command(field):
    text = (field / "out" / "report.html").read_text("utf-8")
    shared = json.loads(re.search(r'id="report"[^>]*>(.*?)</script>', text, re.S)[1])
    assert set(shared["field"]["cells"]) == {cell["name"] for cell in shared["cells"]}
    made = shared["made"]
    assert (made["network"], made["weights"]) == ("Cascade", "fast")
    assert made["trained_on"] == "red blood cells"
    assert made["frame_um"] == pytest.approx(11.008)
    (run,) = made["runs"]
    assert run["command"].startswith("dispr")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d[+-]\d\d:\d\d", run["date"])


def test_there_is_no_map_without_a_field(study):
    assert field_map(study / "predictions") is None
