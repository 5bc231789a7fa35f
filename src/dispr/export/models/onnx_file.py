"""A model as an ONNX file: one graph from image, mask and noise to shapes."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dispr.arguments import one_of
from dispr.errors import DisprError
from dispr.export.models.example import Example, make_example
from dispr.export.models.graph import Shapes, half
from dispr.export.models.source import Source
from dispr.files import atomic_path
from dispr.packages import imported

Precision = Literal["fp32", "fp16"]

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
"""What the extra "onnx" installs."""

OPSET = 20
"""Version of the operators: that of ONNX 1.15 (2023), which ONNX Runtime knows from 1.17 on."""

OUTPUTS = ("shapes", "occupancy")

ALLOWED = {"fp32": 1e-4, "fp16": 0.01}
"""Share of the voxels of a shape that may differ from those that PyTorch draws: of all that are in
one of the two."""


@dataclass(frozen=True)
class Agreement:
    """How a graph compares with the model it was made from, on one simulated cell.

    Attributes
    ----------
    largest : float
        Largest difference of the occupancies, 0 to 1.
    crossed : float
        Share of the voxels whose occupancies are on different sides of 0.5.
    iou : float
        Intersection over union of the shapes, the mean of the samples.
    """

    largest: float
    crossed: float
    iou: float

    def __str__(self) -> str:
        return (
            f"largest difference of an occupancy {self.largest:.2g}, voxels on the other side of "
            f"0.5 {self.crossed:.2g} of all, IoU of the shapes {self.iou:.6f}"
        )


def write_onnx(
    path: Path, source: Source, precision: str = "fp32", steps: str | int | None = None
) -> Agreement:
    """Write a model as ONNX, and compare the graph with the model.

    The inputs are those of `dispr.export.models.graph.Shapes`; numbers of cells and samples are
    free.

    Parameters
    ----------
    path : Path
        File to write.
    source : Source
        The model.
    precision : "fp32" or "fp16"
        Arithmetic of convolutions and matrix products; inputs and outputs are float32 in either.
    steps : str or int, optional
        Sampling steps, instead of the model's.

    Returns
    -------
    Agreement
        On a simulated cell, in ONNX Runtime and in PyTorch in float32.

    Raises
    ------
    ConfigError
        If packages are missing, or the model cannot be exported (`Shapes`).
    DisprError
        If the shapes of the graph are not those of the model; nothing is then written.
    """
    one_of(precision, ALLOWED, "precision")
    for package in PACKAGES:
        need(package)
    model = source.model
    graph = Shapes(model.config, model.network, steps)
    example = make_example(model, graph, 2)
    exact = precision == "fp32"
    exported = graph if exact else Shapes(model.config, half(model.network), steps)
    content = _exported(exported, example)
    _describe(content, source, graph, precision)
    written = content.SerializeToString(deterministic=True)
    found = agreement(example, run_onnx(written, example.inputs))
    if not 1 - found.iou <= ALLOWED[precision]:
        raise DisprError(
            f"{path} was not written: its shapes differ from those of the model ({found}); "
            f"use another precision, or another version of torch or onnxscript."
        )
    with atomic_path(path) as temporary:
        temporary.write_bytes(written)
    return found


def need(package: str) -> Any:
    """Import a package of the extra "onnx".

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    return imported(package, "onnx", f"ONNX files cannot be written without {package}")


def agreement(example: Example, answer: dict[str, np.ndarray]) -> Agreement:
    """Compare what a graph answers with what PyTorch does."""
    occupancy, shapes = answer["occupancy"], answer["shapes"] > 0
    largest = float(np.abs(occupancy - example.occupancy).max())
    crossed = float(((occupancy > 0.5) != (example.occupancy > 0.5)).mean())
    true, axes = example.shapes > 0, (-3, -2, -1)
    both, either = (true & shapes).sum(axes), (true | shapes).sum(axes)
    iou = np.where(either > 0, both / np.maximum(either, 1), 1.0)
    return Agreement(largest, crossed, float(iou.mean()))


def run_onnx(content: bytes, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a graph in ONNX Runtime on the CPU; give its outputs by name."""
    runtime = need("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # of errors alone
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return dict(zip(OUTPUTS, session.run(list(OUTPUTS), inputs), strict=True))


def _exported(graph: Shapes, example: Example) -> Any:
    """Translate a graph into a `ModelProto` without what depends on this machine."""
    import torch

    cells, samples = torch.export.Dim("cells"), torch.export.Dim("samples")
    # Sizes of 1 in the example would be taken for constants.
    given = {
        name: torch.from_numpy(np.concatenate([array, array]))
        for name, array in example.inputs.items()
    }
    free = {name: {0: cells, 1: samples} if name == "noise" else {0: cells} for name in given}
    with _quietly(), torch.no_grad():
        program = torch.onnx.export(
            graph,
            tuple(given.values()),
            input_names=list(given),
            output_names=list(OUTPUTS),
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=tuple(free.values()),
            verbose=False,
        )
    assert program is not None
    content = program.model_proto
    if content.functions:
        raise DisprError("this version of torch writes functions into the graph; use a later one.")
    inner = content.graph
    if not all(one.type.tensor_type.shape.dim[0].dim_param for one in inner.input):
        raise DisprError("this version of torch fixes the number of cells; use a later one.")
    kinds = (inner.node, inner.initializer, inner.input, inner.output, inner.value_info)
    for part in (inner, *(one for kind in kinds for one in kind)):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return content


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Hide what torch says of its own progress."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _describe(content: Any, source: Source, graph: Shapes, precision: str) -> None:
    """Say in the file what it is."""
    config = graph.config
    facts = source.facts() | {
        "precision": precision,
        "image": "grey values, 0 to 1, of the 64 x 64 pixels about the cell",
        "mask": "1 inside the cell, 0 outside",
        "shapes": "1 inside, 0 outside",
        "noise": json.dumps([list(shape) for shape in graph.noises]),
    }
    if not config.deterministic:
        facts["sampler"] = config.sampler
        facts["sampling_steps"] = str(config.sampling_steps if graph.steps is None else graph.steps)
    content.producer_name = "dispr"
    content.producer_version = facts["dispr_version"]
    content.doc_string = "3D shapes of a cell from one 2D image and its mask (DISPR)."
    del content.metadata_props[:]
    for key, value in sorted(facts.items()):
        content.metadata_props.add(key=key, value=value)
