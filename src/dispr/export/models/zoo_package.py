"""The shipped model as a package of the BioImage Model Zoo (bioimage.io), format 0.5."""

from __future__ import annotations

import importlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dispr._version import __version__
from dispr.export.models import zoo_text
from dispr.export.models.example import SEED, Example, make_example
from dispr.export.models.graph import SAMPLES, Shapes
from dispr.export.models.onnx_file import OPSET, write_onnx
from dispr.export.models.source import LICENCE, Source, read_source
from dispr.files import atomic_path
from dispr.model.config import to_dict
from dispr.model.weights import save_torch
from dispr.packages import imported
from dispr.pictures.panel import PanelRow, panel
from dispr.prediction.model import Model
from dispr.simulation.cell import simulate_cell

COVER = {
    "0.00_discocyte": "discocyte",
    "-0.33_stomatocyte_I": "stomatocyte I",
    "B_keratocytes": "keratocyte",
    "E_acanthocytes": "acanthocyte",
}
"""Types of the simulated cells of the picture, and what is written beside them."""

AUTHOR = "The DISPR developers"

EPSILON = np.float32(1e-6)
"""What "scale_range" of the format adds to the range."""


def write_package(path: Path) -> list[str]:
    """Write the shipped model as a package of the BioImage Model Zoo.

    It holds the weights for PyTorch (architecture: `dispr.export.models.graph.shapes_of`) and as
    ONNX, test tensors and a picture of simulated cells, and a description.

    Parameters
    ----------
    path : Path
        File to write (.zip).

    Returns
    -------
    list of str
        Names of the files in the package.

    Raises
    ------
    ConfigError
        If packages are missing.
    """
    spec = imported(
        "bioimageio.spec",
        "bioimageio",
        "BioImage.IO packages cannot be written without bioimageio.spec",
    )
    source = read_source()
    graph = Shapes(source.model.config, source.model.network)
    example = zoo_example(source.model, graph)
    with tempfile.TemporaryDirectory() as name, atomic_path(path) as temporary:
        folder = Path(name)
        _write_files(folder, source, graph, example)
        description = _described(spec, folder, source, graph)
        spec.save_bioimageio_package(description, output_path=temporary)
        return sorted(one.name for one in folder.iterdir())


def zoo_example(model: Model, graph: Shapes) -> Example:
    """Give the test tensors: image and mask from 0 to 255, as users have them, and the answer."""
    first = make_example(model, graph, SAMPLES)
    cell = first.cell
    given = {
        "image": cell.image[None, None].astype(np.float32),
        "mask": cell.mask[None, None].astype(np.float32),
        "noise": first.inputs["noise"],
    }
    with torch.inference_mode():
        seen = [torch.from_numpy(scaled(given[name])) for name in ("image", "mask")]
        shapes, occupancy = graph(*seen, torch.from_numpy(given["noise"]))
    return Example(cell, given, shapes.numpy(), occupancy.numpy())


def scaled(array: np.ndarray) -> np.ndarray:
    """Scale an image from its minimum and maximum to 0 and 1: "scale_range" of the format."""
    low, high = array.min(), array.max()
    return (array - low) / (high - low + EPSILON)


def _write_files(folder: Path, source: Source, graph: Shapes, example: Example) -> None:
    """Write all that the description refers to."""
    for name, array in example.inputs.items():
        np.save(folder / f"test_{name}.npy", array)
    np.save(folder / "test_shapes.npy", example.shapes)
    np.save(folder / "test_occupancy.npy", example.occupancy)
    save_torch(folder / "weights.pt", _compact(graph.state_dict()))
    write_onnx(folder / "weights.onnx", source)
    _cover(source.model).save(folder / "cover.png")
    frame = source.model.frame
    assert frame is not None
    text = zoo_text.README.format(
        name=zoo_text.NAME,
        description=zoo_text.DESCRIPTION,
        version=__version__,
        sha256=source.sha256,
        licence=LICENCE,
        voxel_um=frame.pixel_um,
        least=frame.least,
        typical=frame.typical,
        most=frame.most,
        length=graph.length,
        paper=zoo_text.PAPER,
        data=zoo_text.DATA,
        imaged=zoo_text.IMAGED,
        limits=zoo_text.LIMITS,
        not_for=zoo_text.NOT_FOR,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _compact(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Store as float16 if nothing is lost, as in the shipped file."""
    same = all(torch.equal(value.half().float(), value) for value in state.values())
    return {name: value.half() if same else value.clone() for name, value in state.items()}


def _cover(model: Model) -> Any:
    """Draw simulated cells and their shapes, twice as wide as high."""
    from PIL import Image

    rows = []
    for kind, name in COVER.items():
        cell = simulate_cell(kind, SEED)
        predicted = next(model.predict_each(cell.image[None], cell.mask[None]))
        rows.append(
            PanelRow(
                f"simulated {name}",
                cell.image,
                cell.mask,
                predicted.samples,
                predicted.probability,
                cell.obj > 127,
                voxel_size=model.frame.pixel_um if model.frame else None,
            )
        )
    drawn = panel(rows)
    edge = max((drawn.width + 1) // 2, drawn.height)
    picture = Image.new("RGB", (2 * edge, edge), "white")
    picture.paste(drawn, ((2 * edge - drawn.width) // 2, (edge - drawn.height) // 2))
    return picture


def _described(spec: Any, folder: Path, source: Source, graph: Shapes) -> Any:
    """Describe the package: `bioimageio.spec.model.v0_5.ModelDescr`."""
    v0_5: Any = importlib.import_module("bioimageio.spec.model.v0_5")

    def file(name: str) -> Any:
        return v0_5.FileDescr(source=folder / name)

    def cite(work: tuple[str, str]) -> Any:
        return v0_5.CiteEntry(text=work[0], doi=v0_5.Doi(work[1]))

    author = v0_5.Author(name=AUTHOR)
    config = v0_5.BioimageioConfig(
        reproducibility_tolerance=[
            v0_5.ReproducibilityTolerance(absolute_tolerance=0.005, output_ids=["occupancy"]),
            v0_5.ReproducibilityTolerance(
                relative_tolerance=0, absolute_tolerance=0, output_ids=["shapes"]
            ),
        ],
        architecture_type="diffusion, cascade of U-Nets",
        modality="fluorescence microscopy",
        target_structure=["red blood cells"],
        task="3D shape prediction",
        out_of_scope_use=zoo_text.NOT_FOR,
        model_parameter_count=sum(value.numel() for value in graph.state_dict().values()),
        bias_risks_limitations=v0_5.BiasRisksLimitations(limitations=zoo_text.LIMITS),
    )
    return v0_5.ModelDescr(
        name=zoo_text.NAME,
        description=zoo_text.DESCRIPTION,
        version=__version__,
        authors=[author],
        license=LICENCE,
        cite=[cite(work) for work in (zoo_text.PAPER, zoo_text.DATA, zoo_text.IMAGED)],
        tags=list(zoo_text.TAGS),
        documentation=file("README.md"),
        covers=[file("cover.png")],
        inputs=_inputs(v0_5, source, graph, file),
        outputs=_outputs(v0_5, source, file),
        weights=v0_5.WeightsDescr(
            pytorch_state_dict=v0_5.PytorchStateDictWeightsDescr(
                source=folder / "weights.pt",
                authors=[author],
                pytorch_version=torch.__version__.split("+")[0],
                architecture=v0_5.ArchitectureFromLibraryDescr(
                    import_from="dispr.export.models.graph",
                    callable="shapes_of",
                    kwargs={"config": json.loads(json.dumps(to_dict(graph.config)))},
                ),
                comment=f"dispr {__version__}, weights {source.sha256}",
            ),
            onnx=v0_5.OnnxWeightsDescr(
                source=folder / "weights.onnx",
                parent="pytorch_state_dict",
                opset_version=OPSET,
                comment="All sampling steps are unrolled; the noise is an input.",
            ),
        ),
        config=v0_5.Config(bioimageio=config),
    )


def _space(kind: Any, names: str, source: Source) -> list[Any]:
    """Give axes of 64 voxels or pixels of known size."""
    size = {"scale": source.voxel_um, "unit": "micrometer"} if source.voxel_um else {}
    return [kind(id=name, size=64, **size) for name in names]


def _inputs(v0_5: Any, source: Source, graph: Shapes, file: Any) -> list[Any]:
    scale = [
        v0_5.EnsureDtypeDescr(kwargs=v0_5.EnsureDtypeKwargs(dtype="float32")),
        v0_5.ScaleRangeDescr(
            kwargs=v0_5.ScaleRangeKwargs(axes=["channel", "y", "x"], eps=float(EPSILON))
        ),
        v0_5.EnsureDtypeDescr(kwargs=v0_5.EnsureDtypeKwargs(dtype="float32")),
    ]
    pictures = [
        v0_5.InputTensorDescr(
            id=name,
            description=text,
            axes=[
                v0_5.BatchAxis(),
                v0_5.ChannelAxis(channel_names=[name]),
                *_space(v0_5.SpaceInputAxis, "yx", source),
            ],
            test_tensor=file(f"test_{name}.npy"),
            data=v0_5.IntervalOrRatioDataDescr(type="float32"),
            preprocessing=scale,
        )
        for name, text in (("image", zoo_text.IMAGE), ("mask", zoo_text.MASK))
    ]
    noise = v0_5.InputTensorDescr(
        id="noise",
        description=zoo_text.NOISE,
        axes=[
            v0_5.BatchAxis(),
            v0_5.IndexInputAxis(id="sample", size=SAMPLES),
            v0_5.IndexInputAxis(id="number", size=graph.length),
        ],
        test_tensor=file("test_noise.npy"),
        data=v0_5.IntervalOrRatioDataDescr(type="float32"),
        optional=True,
    )
    return [*pictures, noise]


def _outputs(v0_5: Any, source: Source, file: Any) -> list[Any]:
    def output(name: str, text: str, data: Any) -> Any:
        return v0_5.OutputTensorDescr(
            id=name,
            description=text,
            axes=[
                v0_5.BatchAxis(),
                v0_5.ChannelAxis(channel_names=[f"sample {k}" for k in range(SAMPLES)]),
                *_space(v0_5.SpaceOutputAxis, "zyx", source),
            ],
            test_tensor=file(f"test_{name}.npy"),
            data=data,
        )

    return [
        output("shapes", zoo_text.SHAPES, v0_5.NominalOrOrdinalDataDescr(values=[0, 1])),
        output(
            "occupancy",
            zoo_text.OCCUPANCY,
            v0_5.IntervalOrRatioDataDescr(type="float32", range=(0, 1)),
        ),
    ]
