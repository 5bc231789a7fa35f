"""The BioImage.IO package, of a tiny random model in place of the shipped one."""

import importlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from dispr.cli.export import command
from dispr.errors import ConfigError
from dispr.export.models import zoo_package, zoo_text
from dispr.export.models.graph import shapes_of
from dispr.export.models.zoo_package import scaled
from dispr.model.config import to_dict
from dispr.model.weights import load_torch

spec = pytest.importorskip("bioimageio.spec")


@pytest.fixture(scope="module")
def package(source, tmp_path_factory):
    """A package whose graph is left out, and its description."""
    folder = tmp_path_factory.mktemp("package")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo_package, "read_source", lambda: source)
        patch.setattr(zoo_package, "write_onnx", lambda path, _: path.write_bytes(b"graph"))
        patch.setattr(zoo_package, "COVER", {"0.00_discocyte": "discocyte"})
        result = CliRunner().invoke(command, ["bioimageio", "-o", str(folder / "model.zip")])
    assert result.exit_code == 0, result.output
    assert [one.name for one in folder.iterdir()] == ["model.zip"]
    return folder / "model.zip", spec.load_description(folder / "model.zip")


def content(descr):
    return descr.get_reader().read()


def tensor(descr, folder):
    path = folder / "a.npy"
    path.write_bytes(content(descr.test_tensor))
    return np.load(path)


def test_the_package_is_valid(package):
    _, description = package
    assert description.validation_summary.status in ("valid-format", "passed")
    assert description.license == "Apache-2.0"
    assert {str(work.doi) for work in description.cite} == {
        work[1] for work in (zoo_text.PAPER, zoo_text.DATA, zoo_text.IMAGED)
    }
    assert "2208.14125" in zoo_text.PAPER[1]
    assert [author.name for author in description.authors] == ["The DISPR developers"]
    for one in (*description.inputs[:2], *description.outputs):
        for axis in one.axes[2:]:
            assert (axis.scale, axis.unit, axis.size) == (0.2, "micrometer", 64)


def test_the_weights_give_the_test_tensors(package, tmp_path):
    """From a range of values as users have them; PyTorch as bioimageio.core runs it."""
    _, description = package
    weights = description.weights.pytorch_state_dict
    architecture = weights.architecture
    module = importlib.import_module(architecture.import_from)
    network = getattr(module, str(architecture.callable))(**architecture.kwargs)
    (tmp_path / "weights.pt").write_bytes(content(weights))
    network.load_state_dict(load_torch(tmp_path / "weights.pt"))
    given = {str(one.id): tensor(one, tmp_path) for one in description.inputs}
    assert list(given) == ["image", "mask", "noise"]
    assert given["mask"].max() == 255
    seen = [torch.from_numpy(scaled(given[name])) for name in ("image", "mask")]
    with torch.no_grad():
        answer = network(*seen, torch.from_numpy(given["noise"]))
    for descr, found in zip(description.outputs, answer, strict=True):
        true = tensor(descr, tmp_path)
        assert true.shape == (1, 5, 64, 64, 64)
        assert str(true.dtype) == descr.dtype
        assert np.abs(found.numpy().astype(float) - true).max() < 1e-5
    shapes = tensor(description.outputs[0], tmp_path)
    assert 0.01 < shapes.mean() < 0.99
    assert (shapes[0, :, 32] == (given["mask"][0, 0] > 127)).all()


def test_masks_of_any_value_are_the_same(package, tmp_path):
    _, description = package
    mask = (tensor(description.inputs[1], tmp_path) > 127).astype(np.float32)
    assert np.abs(scaled(mask) - mask).max() < 1e-5
    assert np.abs(scaled(255 * mask) - mask).max() < 1e-5


def test_noise_can_be_left_out(source):
    """Of any cell, each sample has noise of its own."""
    graph = shapes_of(to_dict(source.model.config))
    graph.load_state_dict({f"network.{k}": v for k, v in source.model.network.state_dict().items()})
    image = torch.rand(2, 1, 64, 64)
    image[1] = image[0]
    with torch.no_grad():
        _, occupancy = graph(image, torch.ones(2, 1, 64, 64))
    assert occupancy.shape == (2, 5, 64, 64, 64)
    flat = occupancy.reshape(10, -1)
    assert len(torch.unique(flat, dim=0)) == 10


def test_texts_and_picture(package):
    _, description = package
    text = content(description.documentation).decode()
    assert "## Validation" in text
    assert "{" not in text
    card = (Path(__file__).parents[3] / "docs" / "model-card.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w.*?) \| (\d+) \| (\S+) \| (\S+) \|$", text, re.M)
    assert len(rows) == 7
    for row in rows:
        assert f"| {' | '.join(row)} |" in card
    picture = Image.open(io.BytesIO(content(description.covers[0])))
    assert picture.width == 2 * picture.height
    assert len(content(description.covers[0])) < 500_000


def test_core_runs_the_package(package):
    core = pytest.importorskip("bioimageio.core")
    path, _ = package
    summary = core.test_description(path, weight_format="pytorch_state_dict")
    assert summary.status == "passed", summary.format()


def test_without_the_package(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(zoo_package.importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"pip install 'dispr\[bioimageio\]'"):
        zoo_package.write_package("a.zip")
