"""Cells of known shape with what a model draws of their sections, and of further planes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import dispr
from dispr.cells.arrays import SECTION
from dispr.cells.folder import find_cells
from dispr.cells.prepare import occupancy
from dispr.cells.read import read_cell
from dispr.cli.progress import Bars
from dispr.prediction.calibrate import unseen
from dispr.prediction.model import Model
from dispr.prediction.planes import Planes, hold_planes, outline_depths
from dispr.prediction.settings import PredictionSettings


@dataclass(frozen=True)
class DrawnCell:
    """A cell of known shape, and five shapes as the network draws them of its section.

    Attributes
    ----------
    name : str
        Of the cell.
    mask : ndarray
        Of its section, (64, 64) uint8.
    truth : ndarray
        Its shape, bool, (64, 64, 64).
    shapes : ndarray
        The drawn shapes, not yet held to the section, bool, (5, 64, 64, 64).
    given : callable
        From further planes, as for `Model.predict`, to the shapes that keep them and the section.
    """

    name: str
    mask: np.ndarray
    truth: np.ndarray
    shapes: np.ndarray
    given: Callable[[Planes], np.ndarray]

    @property
    def extent(self) -> tuple[int, int]:
        """First and last plane of the true shape."""
        filled = np.flatnonzero(self.truth.any(axis=(1, 2)))
        return int(filled[0]), int(filled[-1])

    def held(self, numbers: Iterable[int]) -> np.ndarray:
        """Give the shapes of the section and of these planes of the true shape."""
        planes = {z: self.truth[z].astype(np.uint8) * 255 for z in numbers if z != SECTION}
        return self.given(dict(sorted(planes.items())))


def draw_cells(
    model: Model, data: Path, simulated: int, seed: int, *, anew: bool
) -> tuple[list[DrawnCell], list[DrawnCell]]:
    """Draw the real cells that the model has not seen, and new simulated ones without a warning.

    Parameters
    ----------
    model : Model
        It has seen some of the cells.
    data : Path
        Data set with the cells that were set aside from its training.
    simulated, seed : int
        Number and seed of simulated cells.
    anew : bool
        Draw shapes anew for each set of planes, as predictions do; else move those of the section
        to them, which is less accurate and much faster.
    """
    files, _ = unseen(model, find_cells(data, split="train", need_obj=True))
    with Bars() as bars:
        count = bars.counter("Drawing", len(files) + simulated)
        known = ((file.name, read_cell(file)) for file in files)
        real = list(_drawn(model, known, count, anew))
        cells = enumerate(dispr.simulate(simulated, seed=seed)) if simulated else ()
        new = list(_drawn(model, cells, count, anew, warned=False))
    return real, new


def _drawn(
    model: Model,
    cells: Iterable[tuple[Any, Any]],
    count: Callable[[], None],
    anew: bool,
    warned: bool = True,
) -> Iterator[DrawnCell]:
    for name, cell in cells:
        image, mask = cell.image[None], cell.mask[None]
        if warned or not model.unlike(image, mask)[0]:
            (found,) = model.predict_each(image, mask, PredictionSettings(), keep_grey=True)
            assert found.grey is not None
            shapes = found.grey > 0.5
            truth = occupancy(cell.obj)[0, 0].numpy() > 0.5
            given = _drawer(model, cell) if anew else _holder(shapes, cell.mask)
            yield DrawnCell(str(name), cell.mask, truth, shapes, given)
        count()


def _drawer(model: Model, cell: Any) -> Callable[[Planes], np.ndarray]:
    drawn: dict[tuple[int, ...], np.ndarray] = {}

    def given(planes: Planes) -> np.ndarray:
        if tuple(planes) not in drawn:
            prediction = model.predict(cell.image, cell.mask, planes=planes)
            drawn[tuple(planes)] = prediction.samples
        return drawn[tuple(planes)]

    return given


def _holder(shapes: np.ndarray, mask: np.ndarray) -> Callable[[Planes], np.ndarray]:
    depths = [outline_depths(shape) for shape in shapes]

    def given(planes: Planes) -> np.ndarray:
        known = {**planes, SECTION: mask}
        pairs = zip(shapes, depths, strict=True)
        return np.stack([hold_planes(shape, known, depth) for shape, depth in pairs])

    return given
