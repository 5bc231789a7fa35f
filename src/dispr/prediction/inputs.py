"""Cells as a model is shown them, read one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.arrays import SIZE
from dispr.cells.classes import parse_name
from dispr.cells.folder import CellFiles
from dispr.cells.framing import Crop, Extent, FrameOfAll, joined, plane_shown, shown
from dispr.cells.planes import TABLE as TABLE_OF_PLANES
from dispr.cells.read import read_crop
from dispr.cells.square import Square, whole_square
from dispr.checksums import files_digest
from dispr.errors import ConfigError, FileError, as_file_errors
from dispr.failures import Failures
from dispr.familiarity.reference import familiarity_of
from dispr.familiarity.traits import describe_all
from dispr.images.read import read_numbers
from dispr.prediction.model import Model
from dispr.prediction.planes import numbered_planes
from dispr.prediction.section import Section, cell_digest
from dispr.prediction.settings import PredictionSettings

MOST_LOOKED_AT = 1000
"""Cells that the common frame is chosen by: of more, so many that are evenly spread by name."""


@dataclass(frozen=True, eq=False)
class SeenCell:
    """A cell as the model is shown it.

    Attributes
    ----------
    file : CellFiles
        Where it is from.
    section : Section
        What the model sees.
    square : Square
        The part of its crop that is shown.
    shape : (int, int)
        Rows and columns of the crop.
    warning : str
        What a user must know of it; empty if nothing.
    familiarity : float or None
        Share of training cells whose sections are more unusual; None where that is not known.
    recognised : mapping
        Columns of its class (`Model.recognise`).
    source : str
        A checksum of its files, and of how it is shown (`CellReader.source`).
    """

    file: CellFiles
    section: Section
    square: Square
    shape: tuple[int, int]
    warning: str
    familiarity: float | None
    recognised: Mapping[str, Any]
    source: str

    @property
    def digest(self) -> str:
        """A checksum of what the model sees."""
        return cell_digest(self.section.image, self.section.mask, self.section.planes)


class CellReader:
    """Reads cells, and shows them in the frame that is common to all of a run.

    Parameters
    ----------
    model : Model
        Who sees them.
    frame : FrameOfAll or None
        The common frame; None where the crops are the squares already.
    pixel_size : float, optional
        Edge of a pixel in um, instead of what the files say.
    remarks : mapping of str to str, optional
        By name, what else to beware of in a cell.
    """

    def __init__(
        self,
        model: Model,
        frame: FrameOfAll | None,
        pixel_size: float | None = None,
        remarks: Mapping[str, str] | None = None,
    ) -> None:
        self.frame, self.pixel_size = frame, pixel_size
        self.remarks = remarks or {}
        self.model = model
        self.with_class = bool(model.config.num_classes)
        self.reference = familiarity_of(model.about)

    def source(self, file: CellFiles) -> str:
        """Give a checksum of the files of a cell, and of how it is shown.

        Raises
        ------
        FileError
            If one cannot be read.
        """
        heights = [(plane.plane, plane.height_um) for plane in file.planes]
        frame = self.frame and self.frame.key
        return files_digest(sources(file), f"{frame} {self.pixel_size} {heights}")

    def read(self, file: CellFiles) -> SeenCell:
        """Read a cell.

        Raises
        ------
        FileError
            If a file cannot be read or used.
        """
        # Before they are read: of files that are exchanged meanwhile it is then not the checksum.
        source = self.source(file)
        crop = read_crop(file, self.pixel_size)
        with as_file_errors():
            if self.frame is None:
                square, told = whole_square(crop.shape), ""
            else:
                square, told = self.frame.of(crop)
            image, mask = shown(crop, square)
            planes = _read_planes(file, crop, square)
        size = _voxel_size(crop, square)
        cell_class = parse_name(file.name).cell_class if self.with_class else None
        familiarity, unlike = None, ""
        if self.reference is not None:
            traits = describe_all([image], [mask])
            familiarity = round(float(self.reference.score_looks(traits)[0]), 3)
            unlike = self.reference.warning_of(traits[0])
        warning = joined(told, self.remarks.get(file.name, ""), unlike)
        return SeenCell(
            file,
            Section(image, mask, cell_class, size, planes),
            square,
            crop.shape,
            warning,
            familiarity,
            self.model.recognise(image, mask, warning),
            source,
        )


def common_frame(
    model: Model,
    files: Sequence[CellFiles],
    settings: PredictionSettings,
    failures: Failures,
) -> FrameOfAll:
    """Choose the frame of a run by its cells, or by many of them.

    It does not depend on which of them are predicted now, on which machine.

    Raises
    ------
    FileError
        If none of those that are looked at can be read, or the run is strict and any cannot.
    """
    found: list[Extent] = []
    seen = Failures(failures.strict)
    count = min(len(files), MOST_LOOKED_AT)
    for i in range(count):
        file = files[i * len(files) // count]
        with seen.of(file.name, sources(file)), as_file_errors():
            found.append(Extent.of(read_crop(file, settings.pixel_size)))
    seen.raise_if_none_left(len(found))
    return FrameOfAll(found, model.frame, settings.frame)


def sources(file: CellFiles) -> list[Path]:
    """List the files of a cell that its shapes depend on."""
    return [file.image, file.mask, *(plane.mask for plane in file.planes)]


def _voxel_size(crop: Crop, square: Square) -> float | None:
    return None if crop.pixel_size is None else crop.pixel_size * square.edge / SIZE


def _read_planes(file: CellFiles, crop: Crop, square: Square) -> dict[int, np.ndarray]:
    """Read the masks of a cell's further planes as the model is shown them."""
    by_number = {p.plane: p.mask for p in file.planes if p.plane is not None}
    by_height = {p.height_um: p.mask for p in file.planes if p.plane is None}
    if len(by_number) + len(by_height) < len(file.planes):
        raise FileError(f"{TABLE_OF_PLANES} gives two masks for one plane of {file.name}.")
    try:
        found = numbered_planes(by_number, by_height, _voxel_size(crop, square))
    except ConfigError as error:
        raise FileError(f"{TABLE_OF_PLANES}, cell {file.name}: {error}") from error
    return {
        number: plane_shown(crop, read_numbers(path), square, str(path))
        for number, path in found.items()
    }
