"""Files of microscopes, by bioio and its readers: Zeiss CZI, Nikon ND2, Leica LIF."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import DisprError, FileError
from dispr.files import check_size
from dispr.images.sizes import StatedSize, stated_size
from dispr.images.source import Source, one_scene

READERS = {".czi": "bioio_czi", ".nd2": "bioio_nd2", ".lif": "bioio_lif"}
"""Extensions, and the packages that read them (https://github.com/bioio-devs)."""


def open_microscope(path: Path, scene: int | str | None = None) -> Source:
    """Open an image of a microscope's file; planes are read as they are asked for.

    Parameters
    ----------
    path : Path
        CZI, ND2 or LIF.
    scene : int or str, optional
        Which of several images (scenes, positions): its number, from 0, or its name.

    Raises
    ------
    FileError
        If it cannot be read, is too large, or a package is not installed.
    """
    package = READERS[path.suffix.lower()]
    try:
        bioio, reader = (importlib.import_module(name) for name in ("bioio", package))
    except ImportError as error:
        raise FileError(f"{path} needs other packages: pip install 'dispr[formats]'.") from error
    try:
        image = bioio.BioImage(str(path), reader=reader.Reader)
        parts = _scenes_of_czi(path) if package == "bioio_czi" else {}
        names = [str(name) for name in image.scenes]
        if len(parts) > len(names):  # its metadata do not describe its scenes
            names = [str(number) for number in parts]
            number = one_scene(path, scene, names)
            array: Any = _CziScene(path, [*parts][number], image.dask_data.dtype)
            axes = "TCZYX"
        else:
            number = one_scene(path, scene, names)
            image.set_scene(number)
            array, axes = image.dask_data, str(image.dims.order)
        size, channels = _size(path, image, package), [str(n) for n in image.channel_names or ()]
    except DisprError:
        raise
    except Exception as error:  # the packages raise many types for damaged files
        raise FileError(
            f"{path} cannot be read as {path.suffix[1:].upper()}: it is damaged or of another "
            "kind; export it as OME-TIFF."
        ) from error
    if not all(array.shape):
        raise FileError(f"{path} contains no pixels; export it again.")
    check_size(path, array.shape[-2:], np.dtype(array.dtype).itemsize)
    count = array.shape[axes.index("C")] if "C" in axes else 1
    named = len(channels) == count and not all(n.startswith("Channel:") for n in channels)
    return Source(path, array, axes, size, tuple(channels) if named else ())


def _size(path: Path, image: Any, package: str) -> StatedSize:
    """Take the voxel size, which the packages give in um; 0 and 1 stand for an unknown one."""
    sizes = image.physical_pixel_sizes
    stated = {axis: getattr(sizes, axis.upper()) for axis in "zyx"}
    if package == "bioio_nd2":
        import nd2

        with nd2.ND2File(path) as file:
            volume = file.metadata.channels[0].volume
            known = dict(zip("xyz", volume.axesCalibrated, strict=True))
        stated = {axis: value for axis, value in stated.items() if known[axis]}
    return stated_size({axis: (value, "um") for axis, value in stated.items() if value})


def _scenes_of_czi(path: Path) -> Mapping[int, Any]:
    """Give the scenes of a CZI file by the pixels that it has."""
    from pylibCZIrw import czi

    with czi.open_czi(str(path)) as file:
        return dict(sorted(file.scenes_bounding_rectangle.items()))


class _CziScene:
    """A scene of a CZI file, (T, C, Z, Y, X), of which planes are read as they are asked for."""

    def __init__(self, path: Path, scene: int, dtype: Any) -> None:
        from pylibCZIrw import czi

        self.path, self.scene, self.dtype = path, scene, np.dtype(dtype)
        with czi.open_czi(str(path)) as file:
            box, part = file.total_bounding_box, file.scenes_bounding_rectangle[scene]
            counts = (box.get(axis, (0, 1)) for axis in "TCZ")
            self.shape = (*(last - first for first, last in counts), part.h, part.w)

    def __getitem__(self, index: tuple[int | slice, ...]) -> np.ndarray:
        """Read it at numbers or whole axes of T, C and Z."""
        from pylibCZIrw import czi

        asked = [
            range(n) if isinstance(one, slice) else [one]
            for one, n in zip(index[:3], self.shape[:3], strict=True)
        ]
        with czi.open_czi(str(self.path)) as file:
            planes = [
                file.read(plane={"T": t, "C": c, "Z": z}, scene=self.scene)
                for t, c, z in itertools.product(*asked)
            ]
        if any(plane.ndim != 3 or plane.shape[2] != 1 for plane in planes):
            raise FileError(f"{self.path} has scenes in colours; export it as OME-TIFF.")
        left = [len(one) for one in asked if isinstance(one, range)]
        return np.stack(planes)[..., 0].reshape(*left, *self.shape[3:])
