"""The model that is written in another format, and what is said of it there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from dispr._version import __version__
from dispr.model.shipped import shipped_weights
from dispr.prediction.model import Model, load

SHIPPED = "fast"
"""The shipped model."""

CITATION = (
    "Waibel, Röell, Rieck, Giryes, Marr: A Diffusion Model Predicts 3D Shapes from 2D Microscopy "
    "Images, arXiv:2208.14125"
)

LICENCE = "Apache-2.0"
"""Of the shipped weights, as the SPDX calls it."""


@dataclass(frozen=True, eq=False)
class Source:
    """A model with its file.

    Attributes
    ----------
    model : Model
        On the CPU.
    name : str
        Name of the weights: "fast", or that of their file.
    sha256 : str
        Checksum of their file.
    shipped : bool
        Whether these are the weights that come with the package.
    """

    model: Model
    name: str
    sha256: str
    shipped: bool

    @property
    def voxel_um(self) -> float | None:
        """Edge of a voxel and of a pixel of the training cells in um, where the weights say it."""
        frame = self.model.frame
        return None if frame is None else frame.pixel_um

    def facts(self) -> dict[str, str]:
        """Give what a file says of the model, as text by name."""
        frame = self.model.frame
        cells = "not stated" if frame is None else frame.cells
        facts = {
            "dispr_version": __version__,
            "weights": self.name,
            "weights_sha256": self.sha256,
            "license": LICENCE if self.shipped else "not stated: that of the weights",
            "citation": CITATION,
            "cells": cells,
            "axes": "shapes and occupancy: cell, sample, Z, Y, X; image and mask: cell, 1, Y, X",
            "section": "plane 32 of 64 along Z",
        }
        if frame is not None:
            square = {"least": frame.least, "typical": frame.typical, "most": frame.most}
            facts["voxel_um"] = f"{frame.pixel_um:g}"
            facts["cell_edge_px"] = json.dumps(square)
        return facts


def read_source(weights: str | Path | None = None) -> Source:
    """Load a model to write it in another format.

    Parameters
    ----------
    weights : path or "fast", optional
        Weights written by `dispr train` or `dispr convert`. Default: those of the package.

    Raises
    ------
    FileError
        If the file is missing, damaged or no model.
    """
    shipped, checksum = shipped_weights(SHIPPED)
    named = weights is None or (str(weights) == SHIPPED and not Path(weights).exists())
    path = shipped if named else Path(str(weights))
    model = load(None if named else path, device="cpu")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    same = sha256 == checksum
    return Source(model, SHIPPED if same else path.name, sha256, same)
