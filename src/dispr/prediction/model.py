"""The model as a user sees it: arrays in, shapes out."""

from __future__ import annotations

import copy
import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dispr.cells.arrays import SIZE, as_pairs
from dispr.cells.frame import Frame
from dispr.cells.framing import Crop, frame_crops, joined, plane_shown, shown
from dispr.errors import ConfigError
from dispr.familiarity.reference import familiarity_of
from dispr.familiarity.traits import describe_all
from dispr.intervals.distance import plane_distance
from dispr.intervals.rules import intervals_of
from dispr.memory import Room
from dispr.model.config import ModelConfig
from dispr.model.device import check_precision, find_device
from dispr.model.frame import frame_of
from dispr.model.shipped import shipped_intervals, shipped_remarks, shipped_weights
from dispr.model.weights import build_network, fill_network, load_weights
from dispr.network.network import Network
from dispr.pipeline import delayed
from dispr.prediction.draw import sampling_process
from dispr.prediction.drawer import Asked, DeviceDrawer, Drawer, Pending, held, known_of, labels_of
from dispr.prediction.planes import SECTION, Planes, numbered_planes
from dispr.prediction.prediction import Prediction
from dispr.prediction.section import Section
from dispr.prediction.settings import PredictionSettings
from dispr.recognition.red_cells import COLUMNS, are_red_cells, recognise


class Model:
    """A trained model; returned by `dispr.load`.

    Attributes
    ----------
    config : ModelConfig
        The configuration of the model.
    network : Network
        The network, in evaluation mode (`dispr.network.network`).
    about : mapping
        Information about the weights and their training.
    device : torch.device
        The device that it computes on.
    precision : "fp32", "bf16" or "fp16"
        Floating-point precision of the network.
    automatic : bool
        The precision was chosen by the device ("auto"); a run that was begun in another is resumed
        in that (`dispr.prediction.precision`).
    intervals : Intervals or None
        The calibration of the intervals; None if the model was not calibrated.
    """

    def __init__(
        self,
        config: ModelConfig,
        network: Network,
        about: Mapping[str, Any] | None = None,
        device: torch.device | str = "cpu",
        precision: str = "fp32",
        level: float | None = None,
        *,
        compiled: bool = False,
    ) -> None:
        self.config = config
        self.about = dict(about or {})
        self.device = torch.device(device)
        self.automatic = precision == "auto"
        self.precision = check_precision(precision, self.device)
        self.network = network.to(self.device).eval().requires_grad_(False)
        self.drawer: Drawer = DeviceDrawer(
            network, config, self.device, self.precision, compiled=compiled
        )
        self.intervals = None if config.deterministic else intervals_of(self.about)
        if level is not None and self.intervals is not None:
            self.intervals = self.intervals.at(level)
        self._room = Room("shapes", "close other programs, or use another device (cpu)")

    def in_precision(self, precision: str) -> Model:
        """Give this model as one that computes in another precision; the network is shared."""
        other = copy.copy(self)
        other.precision, other.automatic = precision, False
        other.drawer = self.drawer.in_precision(precision)
        return other

    def predict(
        self,
        image: Any,
        mask: Any,
        *,
        ensemble: int = 5,
        seed: int = 0,
        sampler: str | None = None,
        steps: str | int | None = None,
        cell_class: str | Sequence[str] | None = None,
        batch_size: int | None = None,
        pixel_size: float | None = None,
        frame: str | float = "auto",
        planes: Mapping[int, Any] | Sequence[Mapping[int, Any]] | None = None,
        heights_um: Mapping[float, Any] | Sequence[Mapping[float, Any]] | None = None,
        on_step: Callable[[int], None] | None = None,
    ) -> Prediction | list[Prediction]:
        """Predict 3D shapes of one cell or of a batch of cells.

        The random numbers of a sample depend only on the seed, the pixels of the cell and the index
        of the sample: the same cell gets the same shapes in any batch and order.

        Parameters
        ----------
        image, mask : array-like
            One section and its segmentation, (Y, X), or a batch, (N, Y, X); for types and ranges
            see `dispr.cells.arrays.as_image` and `as_mask`. With a pixel size, the cell is centred
            in a square of the size used in training, by padding or cropping. Without one, sections
            of 64 x 64 pixels are not changed, and others are scaled so that the (median) cell is as
            large as the median training cell (`dispr.cells.framing`).
        ensemble : int
            Number of shapes to draw for each cell. A deterministic model gives one.
        seed : int
            Random seed.
        sampler : "ddpm", "ddim" or "dpm-solver", optional
            Sampler. Default: that of the model.
        steps : int or str, optional
            Sampling steps: a number, or a respacing such as "10,20,30" or "ddim25". Default: that
            of the model.
        cell_class : str or sequence of str, optional
            Classes of the cells, for a model with class labels.
        batch_size : int, optional
            Number of shapes to compute at once. Default: 5, or 100 on a GPU. It affects the memory,
            not the result. If memory runs out, it is lowered, with a warning.
        pixel_size : float, optional
            Pixel size of the given sections in um; the prediction then has a voxel size
            (`Prediction.voxel_size`). Voxels are cubes.
        frame : "auto", "field", "cell" or float
            Size of the square around each cell that the model sees
            (`dispr.cells.frame.choose_frames`); a number is its edge in um.
        planes : mapping of int to array-like, optional
            Masks of the cell in other planes, cropped like `mask` and empty beyond the cell. Keys
            are the plane numbers on the voxel grid, 0 to 63, with the section at plane 32. For a
            batch, a sequence with one mapping per cell. All shapes match these masks exactly
            (`dispr.prediction.planes.hold_planes`); shapes of the fast model always match the mask
            of the section.
        heights_um : mapping of float to array-like, optional
            The same, with the height above the section in um as keys (negative below); requires
            `pixel_size`. Each mask is assigned to the nearest plane.
        on_step : callable, optional
            Called with the number of shapes after each evaluation of the network on them.

        Returns
        -------
        Prediction or list of Prediction
            The prediction of the cell, or a list with one per cell for a batch.

        Raises
        ------
        ArrayError
            If an image or a mask cannot be used.
        ConfigError
            If a setting is invalid.
        """
        settings = PredictionSettings(ensemble, seed, sampler, steps, batch_size, pixel_size, frame)
        edge = settings.pixel_size
        pairs, single = as_pairs(image, mask)
        crops = [Crop(one, other, edge, name, its) for one, other, name, its in pairs]
        framing = frame_crops(crops, self.frame, settings.frame)
        seen = [shown(crop, square) for crop, square in zip(crops, framing.squares, strict=True)]
        images, masks = (np.stack(arrays) for arrays in zip(*seen, strict=True))
        sizes = [None if edge is None else edge * square.edge / SIZE for square in framing.squares]
        classes: Any = cell_class  # text and whatever else is not a sequence is of one cell
        if cell_class is not None and (isinstance(cell_class, str) or np.ndim(cell_class) == 0):
            classes = [cell_class]
        known = None
        if planes is not None or heights_um is not None:
            given = zip(
                _of_each(planes, len(crops), single, "planes"),
                _of_each(heights_um, len(crops), single, "heights_um"),
                sizes,
                strict=True,
            )
            known = [
                {
                    number: plane_shown(crop, plane, square, f"the mask of plane {number}")
                    for number, plane in numbered_planes(*one).items()
                }
                for one, crop, square in zip(given, crops, framing.squares, strict=True)
            ]
        drawn = self.predict_each(
            images,
            masks,
            settings,
            classes=classes,
            voxel_sizes=sizes,
            known=known,
            on_step=on_step,
        )
        warnings = [
            joined(*pair) for pair in zip(framing.warnings, self.unlike(images, masks), strict=True)
        ]
        results = [
            replace(
                result,
                square=square,
                warning=warning,
                notes=framing.notes,
                recognised=self.recognise(one, other, warning),
            )
            for result, square, warning, one, other in zip(
                drawn, framing.squares, warnings, images, masks, strict=True
            )
        ]
        return results[0] if single else results

    def predict_each(
        self,
        images: np.ndarray,
        masks: np.ndarray,
        settings: PredictionSettings | None = None,
        *,
        classes: Sequence[str | None] | None = None,
        voxel_sizes: Sequence[float | None] | None = None,
        known: Sequence[Planes] | None = None,
        keep_grey: bool = False,
        on_step: Callable[[int], None] | None = None,
    ) -> Iterator[Prediction]:
        """Predict cells one after another.

        Parameters
        ----------
        images, masks : ndarray
            uint8, (N, 64, 64).
        settings : PredictionSettings, optional
            Settings of the prediction; the crops are not changed, so `pixel_size` and `frame` are
            ignored.
        classes, on_step
            As for `predict`.
        voxel_sizes : sequence of float or None, optional
            Voxel size of each cell in um: the pixel size at 64 x 64.
        known : sequence of mapping of int to ndarray, optional
            Masks of each cell in other planes, (64, 64) uint8, by plane number, 0 to 63.
        keep_grey : bool
            Give the occupancies too.

        Yields
        ------
        Prediction
            One for each cell, in order.
        """
        settings = settings or PredictionSettings()
        settings.check(self.config)
        count = len(images)
        if self.config.num_classes and len(classes or ()) != count:
            classes = [None] * count
        labels_of(self.config, classes or [None] * count)
        columns = (classes or [None] * count, voxel_sizes or [None] * count, known or [{}] * count)
        if len(columns[2]) != count:
            raise ConfigError(f"known planes are given for {len(columns[2])} cells, not {count}.")
        sections = (Section(*one) for one in zip(images, masks, *columns, strict=True))
        yield from self.predict_stream(sections, settings, keep_grey=keep_grey, on_step=on_step)

    def predict_stream(
        self,
        sections: Iterable[Section],
        settings: PredictionSettings | None = None,
        *,
        keep_grey: bool = False,
        on_step: Callable[[int], None] | None = None,
    ) -> Iterator[Prediction]:
        """Predict cell after cell of any number, which are taken as they are needed.

        Batches of shapes are filled across cells.

        Parameters
        ----------
        sections : iterable of Section
            What the network sees of each cell. No more are taken than a batch needs.
        settings, keep_grey, on_step
            As for `predict_each`.

        Yields
        ------
        Prediction
            One for each cell, in order.
        """
        settings = settings or PredictionSettings()
        settings.check(self.config)
        shapes = self.samples_of(settings.ensemble)
        grey = keep_grey or self.config.deterministic
        waiting: list[tuple[Section, np.ndarray, np.ndarray | None]] = []
        batches = self._begun(sections, settings, grey, Told(on_step))
        for seen, pending in delayed(batches, self.drawer.ahead):
            drawn = pending()
            greys = [None] * len(seen) if drawn.grey is None else drawn.grey
            for section, shape, one in zip(seen, drawn.shapes, greys, strict=True):
                kept = shape if drawn.held else held(shape, section, self.config)
                waiting.append((section, kept, one))
            while len(waiting) >= shapes:
                section = waiting[0][0]
                samples = np.stack([one for _, one, _ in waiting[:shapes]])
                occupancy = [one for *_, one in waiting[:shapes] if one is not None]
                del waiting[:shapes]
                prediction = self._prediction(samples, occupancy, section)
                yield replace(prediction, grey=np.stack(occupancy)) if keep_grey else prediction

    def _begun(
        self,
        sections: Iterable[Section],
        settings: PredictionSettings,
        grey: bool,
        told: Told,
    ) -> Iterator[tuple[list[Section], Pending]]:
        """Begin batch after batch of shapes, filled across cells."""
        most = self.batch_size(settings)
        shapes = self.samples_of(settings.ensemble)
        todo = (Asked(section, k) for section in sections for k in range(shapes))
        taken: list[Asked] = []
        while taken := [*taken, *itertools.islice(todo, most - len(taken))]:
            count, pending = self.begin(taken, settings, grey=grey, told=told)
            seen = [section for section, _ in taken[:count]]
            del taken[:count]
            yield seen, pending

    def begin(
        self,
        asked: Sequence[Asked],
        settings: PredictionSettings,
        *,
        grey: bool = False,
        told: Told | None = None,
    ) -> tuple[int, Pending]:
        """Begin to draw the first of these shapes: all, or as many as the memory has room for.

        Parameters
        ----------
        asked : sequence of Asked
            The shapes.
        settings, grey
            As for `dispr.prediction.drawer.Drawer.begin`.
        told : Told, optional
            Told of evaluations of the network.

        Returns
        -------
        count : int
            How many are drawn.
        pending : Pending
            Gives them.
        """
        told = told or Told(None)

        def begin(count: int) -> tuple[int, Pending]:
            told.begin()
            return count, self.drawer.begin(asked[:count], settings, grey=grey, on_step=told)

        begun = self._room.fit(len(asked), begin)
        told.keep()
        return begun

    @property
    def frame(self) -> Frame | None:
        """The square that the training cells were seen in; None where the weights do not say."""
        return frame_of(self.about)

    def unlike(self, images: np.ndarray, masks: np.ndarray) -> list[str]:
        """Say of each section what is unlike the training cells; empty texts if that is not known.

        Parameters
        ----------
        images, masks : ndarray
            uint8, (N, 64, 64), as the network sees them.
        """
        reference = familiarity_of(self.about)
        if reference is None:
            return [""] * len(images)
        return [reference.warning_of(looks) for looks in describe_all(images, masks)]

    def recognise(self, image: np.ndarray, mask: np.ndarray, warning: str) -> dict[str, Any]:
        """Name the class of a cell, if this is a model of red blood cells.

        Parameters
        ----------
        image, mask : ndarray
            uint8, (64, 64), as the network sees them.
        warning : str
            What a user must know of the cell: with a warning, no class is named.

        Returns
        -------
        dict
            `dispr.recognition.red_cells.COLUMNS`, each empty with a warning; none of a model of
            other cells.
        """
        if not self.names_classes:
            return {}
        return dict.fromkeys(COLUMNS, "") if warning else recognise(image, mask)

    @cached_property
    def names_classes(self) -> bool:
        """Whether the training cells were red blood cells, so that their classes can be named."""
        return are_red_cells(self.about.get("training_cells") or ())

    def batch_size(self, settings: PredictionSettings) -> int:
        """Return the number of shapes to compute at once."""
        return settings.batch_size or self.drawer.batch_size

    def samples_of(self, ensemble: int) -> int:
        """Return the number of shapes in an ensemble of this size: 1 for a deterministic model."""
        return 1 if self.config.deterministic else ensemble

    def evaluations(self, steps: str | int | None = None) -> int:
        """Return the number of network evaluations per shape."""
        if self.config.deterministic:
            return 1
        return len(sampling_process(self.config, steps).schedule)

    @property
    def follows_planes(self) -> bool:
        """Whether what is drawn depends on further known planes; else it is moved to them only."""
        return self.config.network.follows_planes

    def _prediction(
        self, samples: np.ndarray, occupancy: Sequence[np.ndarray], section: Section
    ) -> Prediction:
        if self.config.deterministic and not known_of(section, self.config):
            return self.prediction_of(samples, occupancy[0], section)
        return self.prediction_of(samples, samples.mean(axis=0, dtype=np.float32), section)

    def prediction_of(
        self, samples: np.ndarray, probability: np.ndarray, section: Section
    ) -> Prediction:
        """Make the prediction of a cell from its shapes, with intervals for what is known of it.

        Parameters
        ----------
        samples, probability : ndarray
            As in `Prediction`.
        section : Section
            What they were drawn from.
        """
        distance = None
        if section.planes:
            distance = plane_distance(probability > 0.5, {SECTION, *section.planes})
        intervals = None if self.intervals is None else self.intervals.given(distance)
        return Prediction(
            samples, probability, intervals, section.voxel_size, plane_distance=distance
        )


class Told:
    """Tells of evaluations of the network, but not again of those that are computed anew."""

    def __init__(self, on_step: Callable[[int], None] | None) -> None:
        self._on_step = on_step
        self._told = self._done = self._kept = 0

    def begin(self) -> None:
        """Take note that a part begins, for the first time or anew."""
        self._done = self._kept

    def keep(self) -> None:
        """Take note that a part is done."""
        self._kept = self._done

    def __call__(self, shapes: int) -> None:
        """Take note of an evaluation for some shapes."""
        self._done += shapes
        more = max(self._done - self._told, 0)
        self._told += more
        if self._on_step:
            self._on_step(more)


def _of_each(given: Any, count: int, single: bool, name: str) -> list[Any]:
    """Give the known planes of each cell, as they were given."""
    if given is None:
        return [None] * count
    if single:
        return [given]
    if isinstance(given, Mapping) or len(given) != count:
        raise ConfigError(f"{name} must be a sequence of {count} mappings, one for each cell.")
    return list(given)


def load(
    weights: str | os.PathLike[str] | None = None,
    device: str = "auto",
    precision: str = "auto",
    level: float | None = None,
    *,
    compiled: bool = False,
) -> Model:
    """Load a model.

    Parameters
    ----------
    weights : path, optional
        Weights written by `dispr train` or `dispr convert`. Default: the weights shipped with the
        package.
    device : str
        "auto" (CUDA if available), "cpu", "cuda" or "cuda:1".
    precision : "fp32", "bf16", "fp16" or "auto"
        Floating-point precision of the network. bf16 is several times faster on GPUs and on CPUs
        that support it, and very slow on other CPUs; fp16 is for GPUs. auto is bf16 where the
        device computes it in hardware, else fp32; `Model.precision` says which. A seed gives the
        same shapes in one precision; in another, they differ slightly.
    level : float, optional
        Level of the intervals: the fraction of cells whose true value they contain, 0 to 1.
        Default: as calibrated, 0.9.
    compiled : bool
        Compile the network (`torch.compile`), for long runs: it takes a minute or more, needs a C++
        compiler, and is compared with the network itself once. Batches are filled to one size.

    Raises
    ------
    FileError
        If the file is missing, damaged or not a model.
    ConfigError
        If the device is not available, or does not support this precision, or the model was
        calibrated on too few cells for this level.
    """
    if weights is None:
        path, checksum = shipped_weights()
        loaded = load_weights(path, sha256=checksum)
    else:
        path = Path(weights)
        loaded = load_weights(path)
    place = find_device(device)
    network = build_network(loaded.config)
    fill_network(network, loaded.state, str(path))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    about = {**shipped_remarks(sha256), **loaded.about, **shipped_intervals(sha256)}
    return Model(loaded.config, network, about, place, precision, level, compiled=compiled)
