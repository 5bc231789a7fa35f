"""OME-Zarr: images, labels and plates of versions 0.1 to 0.6 (https://ngff.openmicroscopy.org)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import FileError, as_damaged
from dispr.files import check_size
from dispr.images.sizes import StatedSize, stated_size
from dispr.images.source import Source, all_named, one_scene
from dispr.limits import largest_text, raise_it
from dispr.names import ZARR_FILES
from dispr.packages import zarr_package

CODECS = (
    *("bytes", "transpose", "sharding_indexed", "crc32c", "blosc", "zstd", "gzip", "zlib"),
    *("lz4", "bz2", "lzma", "shuffle", "delta", "fixedscaleoffset", "endian"),
)
"""Compressions and filters that are read; others could execute code (pickle)."""

BIOFORMATS = "bioformats2raw.layout"
"""The attribute of a folder of several images."""


def open_zarr(path: Path, scene: int | str | None = None) -> Source:
    """Open an image or labels in OME-Zarr at their full resolution.

    Parameters
    ----------
    path : Path
        The folder of an image, of labels, of several images (`--scene`), or of a well.
    scene : int or str, optional
        Which of several images.

    Raises
    ------
    FileError
        If it is none, is a plate, or cannot be read.
    ConfigError
        If zarr is not installed.
    """
    with _errors(path):
        group = _opened(path)
        if not hasattr(group, "members"):  # an array alone
            return Source(path, _checked(path, path, group), "?" * group.ndim, StatedSize())
        about = _about(group)
        if "plate" in about:
            raise FileError(
                f"{path} is a plate of several images; give it as DATA, or give one of them, such "
                f"as {path / 'A' / '1' / '0'}."
            )
        inner = _images_in(path, about)
        if inner:
            names = [one.name for one in inner]
            return open_zarr(inner[one_scene(path, scene, names)])
        if scene not in (None, 0):
            raise FileError(f"{path} contains one image; omit --scene.")
        return _of_image(path, group, about)


def labels_in_zarr(path: Path) -> dict[str, Path]:
    """List the labels that an OME-Zarr image holds, by name.

    Raises
    ------
    FileError
        If the image cannot be read.
    """
    folder = path / "labels"
    if not folder.is_dir():
        return {}
    with _errors(folder):
        about = _about(_opened(folder))
        names = about.get("labels")
        listed = [str(name) for name in names] if isinstance(names, list) else []
        if not listed:
            listed = sorted(one.name for one in folder.iterdir() if _is_group(one))
        return {name: folder / name for name in listed if _is_group(folder / name)}


def fields_of_plate(path: Path) -> dict[str, Path] | None:
    """List the images of a plate or well, by name: A_1_0 for A/1/0; None if this is none.

    Raises
    ------
    FileError
        If it cannot be read, or an image of it is missing.
    """
    with _errors(path):
        group = _opened(path)
        about = {} if not hasattr(group, "members") else _about(group)
        if "plate" in about:
            wells = [path / str(well["path"]) for well in about["plate"]["wells"]]
        elif "well" in about:
            wells = [path]
        else:
            return None
        found = {}
        for well in wells:
            if not _is_group(well):
                raise FileError(f"{path} lacks its well {well.relative_to(path)}; copy it again.")
            for image in _images_in(well, _about(_opened(well))):
                name = "_".join(image.relative_to(path).parts)
                found[name] = image
        return found


def _is_group(path: Path) -> bool:
    return any((path / name).is_file() for name in ZARR_FILES)


def _errors(path: Path) -> AbstractContextManager[None]:
    return as_damaged(
        f"{path} cannot be read as OME-Zarr: it is damaged or of another kind; write it again."
    )


def _opened(path: Path) -> Any:
    zarr = zarr_package("OME-Zarr", ", or save it as OME-TIFF")
    for name in ZARR_FILES:
        if (path / name).is_file() and (path / name).stat().st_size > largest_text():
            raise FileError(
                f"{path / name} has more than {largest_text() / 2**20:.3g} MiB; {raise_it()}."
            )
    if not _is_group(path):
        raise FileError(f"{path} is not an OME-Zarr, or lacks its metadata; copy it again.")
    return zarr.open(str(path), mode="r", use_consolidated=False)


def _about(group: Any) -> dict[str, Any]:
    """Give the attributes of OME, which version 0.5 keeps under a key of their own."""
    attributes = dict(group.attrs)
    inner = attributes.get("ome")
    return {**attributes, **inner} if isinstance(inner, Mapping) else attributes


def _images_in(path: Path, about: Mapping[str, Any]) -> list[Path]:
    """List the images of a well, or of a folder of several; none for an image."""
    if "well" in about:
        return [path / str(one["path"]) for one in about["well"]["images"]]
    if BIOFORMATS not in about:
        return []
    series = None
    if _is_group(path / "OME"):
        series = _about(_opened(path / "OME")).get("series")
    if isinstance(series, list):
        return [path / str(name) for name in series]
    numbers = sorted(int(p.name) for p in path.iterdir() if p.name.isdecimal() and _is_group(p))
    return [path / str(number) for number in numbers]


def _of_image(path: Path, group: Any, about: Mapping[str, Any]) -> Source:
    scales = about.get("multiscales")
    if not scales:
        raise FileError(
            f"{path} holds no image of OME-Zarr (multiscales); give the folder of the image."
        )
    (image,) = scales if len(scales) == 1 else scales[:1]
    dataset = image["datasets"][0]
    inner = str(dataset["path"])
    array = _checked(path, path / inner, group[inner])
    listed = image.get("axes") or _axes_of_systems(image) or "TCZYX"[-array.ndim :]
    names = [str(one["name"]) if isinstance(one, Mapping) else str(one) for one in listed]
    axes = "".join(name.upper() if name.upper() in "TCZYX" else "?" for name in names)
    if len(axes) != array.ndim:
        raise FileError(f"{path} names {len(axes)} axes of its {array.ndim}; write it again.")
    lengths = np.ones(array.ndim)
    known = False
    for owner in (dataset, image):
        for scale in _scales(owner.get("coordinateTransformations")):
            if len(scale) != array.ndim:
                raise FileError(
                    f"{path} states a scale of {len(scale)} axes, but has {array.ndim}; write it "
                    "again."
                )
            lengths = lengths * np.asarray([float(value) for value in scale])
            known = True
    units = [one.get("unit") if isinstance(one, Mapping) else None for one in listed]
    stated = {
        axis.lower(): (lengths[k], units[k] or "")
        for k, axis in enumerate(axes)
        if axis in "ZYX" and known
    }
    channels = tuple(
        str(one.get("label") or "") for one in (about.get("omero") or {}).get("channels") or ()
    )
    count = array.shape[axes.index("C")] if "C" in axes else 1
    return Source(path, array, axes, stated_size(stated), all_named(channels, count))


def _axes_of_systems(image: Mapping[str, Any]) -> Sequence[Any]:
    """Give the axes of version 0.6: those of the coordinate system of the image itself."""
    systems = image.get("coordinateSystems") or ()
    return systems[-1]["axes"] if systems else ()


def _scales(transformations: Any) -> Iterator[Sequence[Any]]:
    """Give the factors of transformations, those in sequences too."""
    for one in transformations or ():
        kind = one.get("type")
        if kind == "scale":
            yield one["scale"]
        elif kind == "sequence":
            yield from _scales(one["transformations"])
        elif kind not in ("translation", "identity"):
            raise ValueError(f"transformation {kind}")


def _checked(path: Path, folder: Path, array: Any) -> Any:
    """Refuse what is no array of numbers, too large a piece, or could execute code.

    Parts that are all 0 are not written by some programs, so that one that is missing cannot be
    told from them; only an array without any is refused.
    """
    if hasattr(array, "members") or array.dtype.kind not in "buif":
        raise FileError(f"{path} holds no array of numbers; write it again.")
    for codec in _codecs(array.metadata.to_dict()):
        if codec.lower().removeprefix("numcodecs.") not in CODECS:
            raise FileError(
                f"{path} uses the compression or filter {codec}, which is not read; write it with "
                "zstd or blosc."
            )
    if not all(array.shape):
        raise FileError(f"{path} contains no pixels; write it again.")
    size = array.dtype.itemsize
    check_size(path, sorted(array.shape)[-2:], size)
    check_size(path, (1, 1, math.prod(getattr(array, "shards", None) or array.chunks)), size)
    if all(one.name in ZARR_FILES or one.is_dir() for one in folder.rglob("*")):
        raise FileError(f"{path} contains no pixels, only their description; copy it again.")
    return array


def _codecs(about: Any) -> Iterator[str]:
    """Give the names of all compressions and filters of an array, nested ones too."""
    for key in ("codecs", "index_codecs", "filters", "compressor"):
        value = about.get(key) if isinstance(about, Mapping) else None
        for codec in value if isinstance(value, (list, tuple)) else [value]:
            if codec is None:
                continue
            if not isinstance(codec, Mapping):  # numcodecs
                codec = codec.get_config()
            yield str(codec.get("name") or codec.get("id"))
            yield from _codecs(codec.get("configuration") or {})
