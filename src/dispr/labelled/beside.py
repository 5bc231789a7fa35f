"""Files that segmentation programs leave beside an image: its labels, and others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from dispr.errors import FileError
from dispr.images.omezarr import labels_in_zarr
from dispr.names import (
    LABELS,
    MICROSCOPES,
    PICTURES,
    REGIONS,
    ZARR,
    image_of,
    is_zarr,
    key,
    missing,
)

SUFFIXES = (*PICTURES, *MICROSCOPES, ".npy", ZARR)
"""Formats of images, and of labels that are pixels."""

SEG = "_seg.npy"

ALWAYS_OTHER = ("_cp_masks", "_cp_output", "_cp_flows", "_cp_outlines", "_outlines_cp")
"""Ends of the names, before the extension, of what Cellpose writes beside an image."""

OTHER = ("_flows", "_outlines", "_outline", "_overlay", "_cellprob", "_prob", "_probs", "_dp")
"""The same of what others write; believed where the image is there too."""

_OUTLINES = re.compile(r"(.+?)[ _.-]+(?:rois?|roi ?set)\.(?:zip|roi)|(.+)\.(?:roi|geojson)", re.I)
"""Names of outlines that are beside an image of the name in front; ranked after labels."""

Index = Mapping[str, Path]
"""The labels in a folder, by the names of their images."""


def labels_in(folder: Path) -> Index:
    """List the labels in a folder, by the names of images that they are of: a, a.ome or a.tif.

    Those of Cellpose come before others, and those that are `_masks` before those that are `_mask`
    (`dispr.names.LABELS`).
    """
    found: dict[str, tuple[int, str]] = {}
    if not folder.is_dir():
        return {}
    for path in folder.iterdir():
        name = _folded(path.name)
        if name.startswith("."):
            continue
        own = _image_of(name)
        if own is not None:
            found[own[0]] = min(found.get(own[0], (own[1], path.name)), (own[1], path.name))
    return {image: folder / name for image, (_, name) in found.items()}


def _image_of(name: str) -> tuple[str, int] | None:
    """Tell which image a file of labels or outlines is of, and the rank of its name."""
    outlines = _OUTLINES.fullmatch(name)
    if outlines:
        return outlines[1] or outlines[2], len(LABELS) + 1
    if name.endswith(SEG):
        return name[: -len(SEG)], -1
    return image_of(os.path.splitext(name)[0]) if name.endswith(SUFFIXES) else None


def named_in(folder: Path) -> Index:
    """List the files in a folder of labels, by the names of images: the same, or as `labels_in`."""
    same = {
        key(stem_of(path.name)): path
        for path in sorted(folder.iterdir() if folder.is_dir() else ())
        if _folded(path.name).endswith((*SUFFIXES, *REGIONS)) and not path.name.startswith(".")
    }
    return {**labels_in(folder), **same}


def labels_beside(image: Path, index: Index | None = None) -> Path | None:
    """Find the labels that a program left beside an image; those of Cellpose first.

    An OME-Zarr can hold its own.

    Parameters
    ----------
    image : Path
        The image.
    index : Index, optional
        What `labels_in` says of its folder, where this is asked of many.

    Raises
    ------
    FileError
        If they are a link to nothing, or an OME-Zarr holds several.
    """
    if image.name.lower().endswith(SEG):
        return image
    if is_zarr(image):
        inside = labels_in_zarr(image)
        if len(inside) > 1:
            raise FileError(
                f"{image} holds the labels {', '.join(inside)}; choose one with --labels NAME."
            )
        if inside:
            return next(iter(inside.values()))
    index = labels_in(image.parent) if index is None else index
    for name in (*_stems(image.name), image.name):
        found = index.get(key(name))
        if found is not None and found != image:
            if not found.exists():
                raise missing(found)
            return found
    return None


def images_of(files: Iterable[Path]) -> list[Path]:
    """Leave out of the files of a folder those that a program left beside an image."""
    files = list(files)
    names = {key(name) for path in files for name in (*_stems(path.name), path.name)}
    found = []
    for path in files:
        name = _folded(path.name)
        stem = os.path.splitext(name)[0]
        low = stem.lower()
        always = name.endswith(SEG) or low.endswith(ALWAYS_OTHER)
        labels = image_of(stem)
        other = any(low.endswith(end) and stem[: -len(end)] in names for end in OTHER)
        if not always and not other and (labels is None or labels[0] not in names):
            found.append(path)
    return found


def has_labels_beside(folder: Path) -> bool:
    """Tell whether a folder holds an image with labels beside it, or labels of Cellpose."""
    files = [
        path
        for path in folder.iterdir()
        if path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")
    ]
    if any(_folded(path.name).endswith(SEG) for path in files):
        return True
    index = labels_in(folder)
    try:
        return any(labels_beside(path, index) is not None for path in images_of(files))
    except FileError:
        return True  # which of them is a link to nothing is said later


def stem_of(name: str) -> str:
    """Give a file's name without its extension, be it `.ome.tif` or `_seg.npy`."""
    if name.lower().endswith(SEG):
        return name[: -len(SEG)]
    stem = os.path.splitext(name)[0]
    return stem[: -len(".ome")] if stem.lower().endswith(".ome") else stem


def _stems(name: str) -> tuple[str, str]:
    """Give what programs take for the name of an image, with and without `.ome`."""
    return os.path.splitext(name)[0], stem_of(name)


def _folded(name: str) -> str:
    """Give a name with the case of its extension and Unicode form taken away."""
    stem, suffix = os.path.splitext(key(name))
    return stem + suffix.lower()
