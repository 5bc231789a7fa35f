"""Find the fields of a folder by a pattern of names, and the labels of each."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from dispr.errors import ConfigError, FileError
from dispr.fields.read import FORMATS
from dispr.images.read import TIFF, refuse_zarr

SUFFIXES = (*TIFF, ".png", ".npy")

BESIDE = ("_seg.npy", "_cp_masks.tif", "_cp_masks.png")
"""Ends of the names under which Cellpose keeps labels beside an image."""


@dataclass(frozen=True)
class FieldFiles:
    """The files of one field.

    Attributes
    ----------
    name : str
        What its cells are named after.
    image : Path
        The image.
    labels : Path or None
        Its labels, where there are some.
    mask : Path or None
        The mask, where the image is of a single cell.
    """

    name: str
    image: Path
    labels: Path | None = None
    mask: Path | None = None


def find_fields(
    data: Path,
    images: str | None = None,
    labels: str | None = None,
    mask: Path | None = None,
) -> list[FieldFiles]:
    """List the fields that a user names.

    Parameters
    ----------
    data : Path
        An image, or a folder of images.
    images : str, optional
        In a folder, which files are images: a name in which one `*` stands for that of the field.
        All of the known formats by default.
    labels : str, optional
        Of an image: the file of its labels. In a folder: a path, from there on, in which `*` stands
        for the name of the field, such as "labels/*.png". By default the labels that Cellpose left
        beside the image, where there are some.
    mask : Path, optional
        Mask of an image that shows a single cell.

    Raises
    ------
    FileError
        If a file or folder is missing, or there are no fields.
    ConfigError
        If the options do not go together.
    """
    if labels is not None and mask is not None:
        raise ConfigError("--labels and --mask exclude each other: a mask is of a single cell.")
    if not data.exists():
        raise FileError(f"{data} does not exist; check the name.")
    if data.is_dir():
        if mask is not None:
            raise ConfigError(
                f"{data} is a folder; --mask is for one image of a single cell. Put single cells "
                "into the folders image and mask."
            )
        return _of_folder(data, images or "*", labels)
    if images is not None:
        raise ConfigError(f"{data} is a file; --images chooses files of a folder.")
    for given in (labels, mask):
        if given is not None and not Path(given).exists():
            raise FileError(f"{given} does not exist; check the name.")
    if mask is not None:
        return [FieldFiles(_stem(data), data, mask=mask)]
    return [FieldFiles(_stem(data), data, Path(labels) if labels else _beside(data))]


def _of_folder(folder: Path, images: str, labels: str | None) -> list[FieldFiles]:
    for option, given in (("--images", images), ("--labels", labels)):
        if given is not None and given.count("*") != 1:
            raise ConfigError(
                f'{option} "{given}" must hold one *, which stands for the name of a field.'
            )
    pattern = re.compile(re.escape(images).replace(r"\*", "(.+)"))
    taken = None if labels is None else re.compile(re.escape(labels).replace(r"\*", ".+"))
    fields: dict[str, FieldFiles] = {}
    for path in sorted(folder.iterdir()):
        match = pattern.fullmatch(path.name)
        if match is None or not _is_image(path) or (taken and taken.fullmatch(path.name)):
            continue
        name = match[1] if images.endswith(SUFFIXES) else _stem(Path(match[1]))
        found = _beside(path) if labels is None else folder / labels.replace("*", name)
        if found is not None and not found.exists():
            raise FileError(f"{found} does not exist; {path} needs labels of this name.")
        name = name.removesuffix(".ome")
        if name in fields:
            raise FileError(
                f"{path} and {fields[name].image.name} have one name; choose by --images."
            )
        fields[name] = FieldFiles(name, path, found)
    if not fields:
        refuse_zarr(folder)
        raise FileError(f"{folder} holds no fields named {images} ({FORMATS}).")
    return list(fields.values())


def _is_image(path: Path) -> bool:
    """Tell images from labels that Cellpose wrote beside them, and from hidden files."""
    name = path.name.lower()
    return (
        path.is_file()
        and name.endswith(SUFFIXES)
        and not name.startswith(".")
        and not name.endswith(BESIDE)
    )


def _beside(image: Path) -> Path | None:
    """Find the labels that Cellpose left beside an image."""
    if image.name.endswith("_seg.npy"):
        return image
    stem = os.path.splitext(image.name)[0]
    for end in BESIDE:
        path = image.with_name(stem + end)
        if path.exists():
            return path
    return None


def _stem(path: Path) -> str:
    """Give a file's name without its extension, be it `.ome.tif` or `_seg.npy`."""
    name = path.name.removesuffix("_seg.npy")
    return os.path.splitext(name)[0].removesuffix(".ome") if name == path.name else name
