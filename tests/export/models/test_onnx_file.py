"""Graphs in ONNX Runtime, of tiny random models."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from dispr.cli.export import command
from dispr.errors import ConfigError, DisprError
from dispr.export.models import onnx_file
from dispr.export.models.example import make_example
from dispr.export.models.graph import Shapes
from dispr.export.models.onnx_file import agreement, run_onnx, write_onnx
from dispr.export.models.source import read_source

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

LARGEST = {"fp32": 2e-4, "fp16": 0.02}
"""Difference of occupancies that is allowed: those of random networks are steep."""

CROSSED = {"fp32": 1e-5, "fp16": 2e-3}
"""Share of the voxels that may be on the other side of 0.5."""


@pytest.fixture(scope="module", params=["fp32", "fp16"])
def written(request, weights, tmp_path_factory):
    """The graph of the tiny fast model: file, precision, and what is said of it."""
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    options = ["--model", str(weights["cascade"]), "--precision", request.param]
    result = CliRunner().invoke(command, ["onnx", "-o", str(path), *options])
    assert result.exit_code == 0, result.output
    return path, request.param, result.output


def test_shapes_are_those_of_torch(written, source):
    """Of three samples and two cells: neither number is that of the export."""
    path, precision, _ = written
    graph = Shapes(source.model.config, source.model.network)
    example = make_example(source.model, graph, 3)
    assert 0.01 < example.shapes.mean() < 0.99
    twice = {name: np.concatenate([array] * 2) for name, array in example.inputs.items()}
    twice["image"][1] = twice["mask"][1]  # another cell
    answer = run_onnx(path.read_bytes(), twice)
    assert answer["shapes"].shape == answer["occupancy"].shape == (2, 3, 64, 64, 64)
    assert (answer["occupancy"][0] != answer["occupancy"][1]).any()
    first = {name: array[:1] for name, array in answer.items()}
    found = agreement(example, first)
    assert found.largest < LARGEST[precision]
    assert found.crossed < CROSSED[precision]
    assert found.iou > 1 - 2 * CROSSED[precision] / example.shapes.mean()
    mask = example.cell.mask > 127
    assert (answer["shapes"][:, :, 32] == mask).all()


def test_the_file_says_what_it_is(written, weights):
    path, precision, said = written
    content = onnx.load(path)
    onnx.checker.check_model(content, full_check=True)
    facts = {entry.key: entry.value for entry in content.metadata_props}
    assert facts["weights_sha256"] == read_source(weights["cascade"]).sha256
    assert facts["precision"] == precision
    assert facts["voxel_um"] == "0.2"
    assert "2208.14125" in facts["citation"]
    assert json.loads(facts["noise"]) == [[1, 8, 8, 8], [1, 8, 8, 8]]
    assert (facts["sampler"], facts["sampling_steps"]) == ("dpm-solver", "2")
    assert [one.name for one in content.graph.input] == ["image", "mask", "noise"]
    assert [one.name for one in content.graph.output] == ["shapes", "occupancy"]
    types = {one.name: one.type.tensor_type.elem_type for one in content.graph.input}
    assert set(types.values()) == {onnx.TensorProto.FLOAT}
    halves = [one for one in content.graph.initializer if one.data_type == onnx.TensorProto.FLOAT16]
    assert bool(halves) == (precision == "fp16")
    assert not re.search(rb"site-packages|\.py\b", path.read_bytes())
    assert "IoU of the shapes" in said


@pytest.mark.parametrize(("name", "steps"), [("ddpm", "2"), ("deterministic", None)])
def test_other_kinds_of_models(weights, name, steps, tmp_path):
    path = tmp_path / "a.onnx"
    found = write_onnx(path, read_source(weights[name]), steps=steps)
    assert found.largest < (0.01 if name == "ddpm" else LARGEST["fp32"])
    assert found.iou > 1 - 1e-4
    content = onnx.load(path)
    inputs = [one.name for one in content.graph.input]
    assert inputs == ["image", "mask", "noise"][: 2 if name == "deterministic" else 3]
    facts = {entry.key: entry.value for entry in content.metadata_props}
    assert facts.get("sampling_steps") == steps
    assert len(json.loads(facts["noise"])) == (3 if name == "ddpm" else 0)  # start, one a step


def test_a_wrong_graph_is_not_written(source, tmp_path, monkeypatch):
    """Its shapes are those of the model, moved by a voxel."""
    example = make_example(source.model, Shapes(source.model.config, source.model.network), 2)
    shifted = {
        "shapes": np.roll(example.shapes, 1, axis=2),
        "occupancy": np.roll(example.occupancy, 1, axis=2),
    }
    monkeypatch.setattr(onnx_file, "_exported", lambda *_: onnx.ModelProto())
    monkeypatch.setattr(onnx_file, "run_onnx", lambda *_: shifted)
    with pytest.raises(DisprError, match="was not written: its shapes differ"):
        write_onnx(tmp_path / "a.onnx", source)
    assert not list(tmp_path.iterdir())


def test_agreement_is_of_what_it_says(source):
    """One voxel of a shape is lost, and the largest occupancy."""
    example = make_example(source.model, Shapes(source.model.config, source.model.network), 1)
    occupancy, shapes = example.occupancy.copy(), example.shapes.copy()
    shapes[(0, 0, *np.argwhere(shapes[0, 0])[0])] = 0
    occupancy[np.unravel_index(occupancy.argmax(), occupancy.shape)] = 0
    found = agreement(example, {"occupancy": occupancy, "shapes": shapes})
    count = int(example.shapes.sum())
    assert found.largest == example.occupancy.max()
    assert found.crossed == 1 / 64**3
    assert found.iou == (count - 1) / count


def test_without_the_packages(source, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "PACKAGES", ("no_such_package",))
    with pytest.raises(ConfigError, match=r"no_such_package: pip install 'dispr\[onnx\]'"):
        write_onnx(tmp_path / "a.onnx", source)
