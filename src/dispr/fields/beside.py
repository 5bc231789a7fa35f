"""Files that segmentation programs leave beside an image: its labels, and others."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from dispr.errors import FileError
from dispr.names import PNG, TIFF, key, missing

SUFFIXES = (*TIFF, *PNG, ".npy")
"""Formats of images and labels."""

SEG = "_seg.npy"

CELLPOSE_MASKS = "_cp_masks"

LABELS = ("_masks", ".labels", "_labels", "_label", "_lbl", "-labels", "-label", "_mask", ".masks")
"""Ends of the names, before the extension, of labels of StarDist, ImageJ, Omnipose and others."""

ALWAYS_OTHER = ("_cp_output", "_cp_flows", "_cp_outlines", "_outlines_cp")
"""The same of figures and flows that Cellpose draws."""

OTHER = ("_flows", "_outlines", "_outline", "_overlay", "_cellprob", "_prob", "_probs", "_dp")
"""The same of what others write; believed where the image is there too."""


def labels_beside(image: Path) -> Path | None:
    """Find the labels that a program left beside an image; those of Cellpose first.

    Raises
    ------
    FileError
        If they are a link to nothing.
    """
    name = image.name.lower()
    if name.endswith(SEG):
        return image
    if not image.parent.is_dir():
        return None
    here = {_folded(path.name): path for path in sorted(image.parent.iterdir())}
    for stem in dict.fromkeys(key(one) for one in _stems(image.name)):
        for end in (SEG, *(f"{e}{s}" for e in (CELLPOSE_MASKS, *LABELS) for s in SUFFIXES)):
            found = here.get(stem + end)
            if found is not None and found != image:
                if not found.exists():
                    raise missing(found)
                return found
    return None


def images_of(files: Iterable[Path]) -> list[Path]:
    """Leave out of the files of a folder those that a program left beside an image."""
    files = list(files)
    stems = {key(stem) for path in files for stem in _stems(path.name)}
    found = []
    for path in files:
        name = _folded(path.name)
        stem = os.path.splitext(name)[0]
        always = name.endswith(SEG) or stem.endswith((CELLPOSE_MASKS, *ALWAYS_OTHER))
        of_image = any(
            stem.endswith(end) and stem[: -len(end)] in stems for end in (*LABELS, *OTHER)
        )
        if not always and not of_image:
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
    try:
        return any(labels_beside(path) is not None for path in images_of(files))
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
