"""TIFF files: find the image among the pages of a file, or say why that cannot be done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import FileError
from dispr.expansion import opened
from dispr.files import check_size, damaged, opened_tiff
from dispr.images.container import Container
from dispr.images.ome import OmeImage, images_of, is_ome, metadata_file, root_of, uuid_of
from dispr.images.pages import decoded
from dispr.images.segments import check_segments
from dispr.images.sizes import StatedSize, stated_size
from dispr.images.source import one_scene
from dispr.limits import largest_xml, raise_it


@contextlib.contextmanager
def open_tiff(path: Path, scene: int | str | None = None) -> Iterator[Container]:
    """Open a TIFF file and find the image that it holds.

    Parameters
    ----------
    path : Path
        The file.
    scene : int or str, optional
        Which image of an OME-TIFF file of several: its number, from 0, or its name.

    Raises
    ------
    FileError
        If the file cannot be read; holds several images, parts of one, or previews alone; or is
        too large (`dispr.files.check_size`).
    """
    # OME-XML is read here: tifffile takes the first image of a set for that of any of its files,
    # and missing planes for zeros.
    with opened_tiff(path, is_ome=False, _multifile=False) as tiff:
        page: Any = tiff.pages[0]
        text = str(page.description or "")
        if is_ome(text):
            root = _parsed(path, text)
            name = metadata_file(root)
            root = _companion(path, name) if name else root
            images = images_of(
                root, path, uuid_of(text), len(tiff.pages), int(page.samplesperpixel)
            )
            number = one_scene(path, scene, [image.name for image in images])
            yield _of_ome(path, tiff, images[number], images)
        elif scene in (None, 0):
            yield _of_series(path, tiff)
        else:
            raise FileError(f"{path} contains one image; omit --scene.")


def _of_series(path: Path, tiff: Any) -> Container:
    """Find the image in a file without OME-XML."""
    every = list(tiff.series)
    whole = [series for series in every if not _is_preview(series)]
    if every and not whole:
        raise FileError(f"{path} contains only previews; export the image itself.")
    series = whole[0]
    alike = {(one.shape, str(one.dtype), one.axes) for one in whole}
    if len(whole) > 1 and (len(alike) > 1 or len(series.shape) != 2):
        sizes = ", ".join(" x ".join(str(n) for n in one.shape) for one in whole[:4])
        raise FileError(
            f"{path} contains {len(whole)} images ({sizes}{', ...' if len(whole) > 4 else ''}); "
            "save a single image as a separate file."
        )
    # Pages that were written one by one are a stack, though each says that it is an image.
    shape = (len(whole), *series.shape) if len(whole) > 1 else series.shape
    axes = "?" * (len(whole) > 1) + series.axes
    page = series.keyframe
    _check(path, tiff, [one for s in whole for one in s.pages], shape, page)
    if series.dataoffset is not None and len(whole) == 1:
        end = series.dataoffset + int(np.prod(shape)) * np.dtype(series.dtype).itemsize
        if end > tiff.filehandle.size and page.compression == 1 and page.bitspersample > 1:
            raise damaged(path)
    about = dict(tiff.imagej_metadata or {}) if tiff.is_imagej else {}
    stated = _whole_number(about.get("images"))
    planes = int(np.prod([n for n, axis in zip(shape, axes, strict=True) if axis not in "YXS"]))
    if stated is not None and stated > planes:
        raise FileError(
            f"{path} says that it has {stated} planes but contains {planes}, so it is an "
            "incomplete stack; export it again."
        )

    def stored() -> np.ndarray:
        numbers = [one.index for s in whole for one in s.pages]
        read = decoded(path, numbers, page, lambda: np.stack([s.asarray() for s in whole]))
        return read.reshape(shape)

    letters = "".join(axis if axis in "YXZTCS" else "?" for axis in axes)
    size = _imagej_size(about, page) if tiff.is_imagej else StatedSize()
    return Container(path, tuple(shape), letters, page, bool(tiff.is_imagej), size, stored)


def _of_ome(path: Path, tiff: Any, image: OmeImage, images: Sequence[OmeImage]) -> Container:
    """Find an image of an OME-TIFF file, and its planes in the other files of its set."""
    if None in image.planes:
        raise FileError(
            f"{path} lacks {image.planes.count(None)} of the {len(image.planes)} planes that its "
            "OME-XML describes; export it again."
        )
    used = {plane[1] for plane in image.planes if plane is not None and not plane[0]}
    described = {
        plane[1] for one in images for plane in one.planes if plane is not None and not plane[0]
    }
    others = [k for k in range(len(tiff.pages)) if k not in described]
    if any(not int(tiff.pages[k].subfiletype) & 1 for k in others):
        raise FileError(
            f"{path} contains {len(tiff.pages)} pages, of which its OME-XML describes "
            f"{len(described)}; export it again."
        )
    planes = [plane for plane in image.planes if plane is not None]
    found = {("", number): tiff.pages[number] for number in sorted(used)}
    for name in sorted(image.files - {""}):
        numbers = sorted({number for file, number in planes if file == name})
        found |= {(name, k): page for k, page in _sister(path, name, image, numbers).items()}
    pages = [found[plane] for plane in planes]
    page = pages[0].aspage() if hasattr(pages[0], "aspage") else pages[0]
    if any(one.shape != page.shape or one.dtype != page.dtype for one in pages):
        raise FileError(f"{path} has planes of different sizes; export it again.")
    height, width = (page.shape[page.axes.index(axis)] for axis in "YX")
    if (height, width) != (image.height, image.width):
        raise FileError(
            f"{path} contains planes of {width} x {height} pixels, but its OME-XML says "
            f"{image.width} x {image.height}; export it again."
        )
    shape, axes = (*image.counts, *page.shape), image.axes + page.axes
    keep = [k for k, n in enumerate(shape) if n > 1 or axes[k] in "YX"]
    shape, axes = tuple(shape[k] for k in keep), "".join(axes[k] for k in keep)
    _check(path, tiff, pages, shape, page)

    def stored() -> np.ndarray:
        numbers = [number for _, number in planes] if image.files == {""} else []
        read = decoded(path, numbers, page, lambda: np.stack([_plane(one) for one in pages]))
        return read.reshape(shape)

    return Container(path, shape, axes, page, False, image.size, stored, image.channels)


def _plane(page: Any) -> np.ndarray:
    """Read a page, whose file may be closed."""
    with opened(page.parent.filehandle):
        return page.asarray()


def _sister(path: Path, name: str, image: OmeImage, numbers: Sequence[int]) -> dict[int, Any]:
    """Find pages of another file of a set, which is closed again: there may be thousands."""
    other = path.with_name(name)
    if not other.is_file():
        raise FileError(
            f"{path} is one of {len(image.files)} files of an image, of which {name} is missing; "
            "put all of them in the same folder."
        )
    with opened_tiff(other, is_ome=False, _multifile=False) as tiff:
        return {number: tiff.pages[number] for number in numbers}


def _parsed(path: Path, text: str) -> Any:
    _refuse_long(path, len(text))
    root = root_of(text)
    if root is None:
        raise FileError(
            f"{path} has damaged OME-XML, so its pixels cannot be interpreted; export it again."
        )
    return root


def _companion(path: Path, name: str) -> Any:
    file = path.with_name(name)
    try:
        if file.is_file():
            _refuse_long(file, file.stat().st_size)
        root = root_of(file.read_text(encoding="utf-8")) if file.is_file() else None
    except (OSError, ValueError):
        root = None
    if root is None:
        raise FileError(
            f"{path} stores its OME-XML in {name}, which is missing or damaged; put that file in "
            "the same folder."
        )
    return root


def _refuse_long(path: Path, length: int) -> None:
    """Refuse an OME-XML that would take too much memory, before it is parsed."""
    if length > largest_xml():
        raise FileError(
            f"{path} has {length / 2**20:.3g} MiB of OME-XML, at most {largest_xml() / 2**20:.3g} "
            f"are read: export it again; {raise_it()}."
        )


def _is_preview(series: Any) -> bool:
    """Tell a smaller version of another image, marked as such."""
    return bool(int(series.keyframe.subfiletype) & 1)


def _check(path: Path, tiff: Any, pages: Sequence[Any], shape: Sequence[int], page: Any) -> None:
    """Refuse what is too large, and what is not all there."""
    if not page.dtype or not all(shape):
        raise FileError(f"{path} contains no pixels; export it again.")
    check_size(path, shape, np.dtype(page.dtype).itemsize)
    check_segments(path, tiff, pages)


def _imagej_size(about: dict[str, Any], page: Any) -> StatedSize:
    """Take the voxel size from ImageJ's description and the resolution."""
    unit = about.get("unit", "")
    values = {"z": (about.get("spacing"), about.get("zunit", unit))}
    for axis, tag, key in (("y", "YResolution", "yunit"), ("x", "XResolution", "unit")):
        value = page.tags[tag].value if tag in page.tags else None
        length = value[1] / value[0] if value and value[0] else None
        values[axis] = (length, about.get(key, unit))
    return stated_size(values)


def _whole_number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
