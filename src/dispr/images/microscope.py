"""Files of microscopes: Nikon ND2 and Leica LIF by bioio and its readers; Zeiss CZI."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import FileError, as_damaged
from dispr.files import check_size
from dispr.images.czi import open_czi
from dispr.images.sizes import StatedSize, stated_size
from dispr.images.source import Source, one_scene
from dispr.packages import imported

READERS = {".nd2": "bioio_nd2", ".lif": "bioio_lif"}
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
    if path.suffix.lower() == ".czi":
        return open_czi(path, scene)
    package = READERS[path.suffix.lower()]
    why = f"{path} needs other packages"
    bioio, reader = (imported(name, "formats", why, kind=FileError) for name in ("bioio", package))
    with as_damaged(
        f"{path} cannot be read as {path.suffix[1:].upper()}: it is damaged or of another kind; "
        "export it as OME-TIFF."
    ):
        with _silent("bioio"):
            image = bioio.BioImage(str(path), reader=reader.Reader)
        number = one_scene(path, scene, [str(name) for name in image.scenes])
        image.set_scene(number)
        array: Any = image.dask_data
        axes = str(image.dims.order)
        size, channels = _size(path, image, package), [str(n) for n in image.channel_names or ()]
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


@contextlib.contextmanager
def _silent(name: str) -> Iterator[None]:
    """Keep a package from telling of errors that it also raises."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
