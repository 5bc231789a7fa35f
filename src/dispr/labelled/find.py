"""Find the fields of a folder by a pattern of names, and the labels of each."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from dispr.errors import ConfigError, FileError
from dispr.failures import Failures
from dispr.images.omezarr import fields_of_plate, labels_in_zarr
from dispr.labelled.beside import SUFFIXES, images_of, labels_beside, labels_in, named_in, stem_of
from dispr.labelled.read import FORMATS
from dispr.names import ZARR, is_zarr, key, missing, same_file, some_of, visible_files


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
    group : str
        The group of cells that its cells are of, such as a treatment; empty for none.
    """

    name: str
    image: Path
    labels: Path | None = None
    mask: Path | None = None
    group: str = ""


def find_fields(
    data: Path,
    images: str | None = None,
    labels: str | None = None,
    mask: Path | None = None,
    failures: Failures | None = None,
) -> list[FieldFiles]:
    """List the fields that a user names.

    Parameters
    ----------
    data : Path
        An image, a folder of images, or a plate in OME-Zarr.
    images : str, optional
        In a folder, which files are images: a name in which one `*` stands for that of the field.
        All of the known formats by default. Of a plate, which images: "B_*" for those of row B.
    labels : str, optional
        Of an image: the file of its labels. In a folder: a path, from there on, in which `*` stands
        for the name of the field, such as "labels/*.png"; or a folder, in which labels are called
        as the images, or as programs name them. By default the labels that Cellpose, StarDist or
        another program left beside the image, where there are some. Of OME-Zarr, the name of
        labels that the image holds.
    mask : Path, optional
        Mask of an image that shows a single cell.
    failures : Failures, optional
        Receives the images of a folder that have no labels where these are named; by default the
        first of them is an error.

    Raises
    ------
    FileError
        If a file or folder is missing, or there are no fields.
    ConfigError
        If the options do not go together.
    """
    if labels is not None and mask is not None:
        raise ConfigError("--labels and --mask cannot be combined: a mask is for a single cell.")
    if not data.exists():
        raise missing(data)
    if is_zarr(data):
        return _of_zarr(data, images, labels, mask)
    if data.is_dir():
        if mask is not None:
            raise ConfigError(
                f"{data} is a folder; --mask is for an image of a single cell. Put single cells "
                "in the folders image and mask."
            )
        return _of_folder(
            data, images or "*", labels, Failures(strict=True) if failures is None else failures
        )
    if images is not None:
        raise ConfigError(f"{data} is a file; --images selects files of a folder.")
    for given in (labels, mask):
        if given is not None and not Path(given).exists():
            raise missing(given)
    name = key(stem_of(data.name))
    if mask is not None:
        return [FieldFiles(name, data, mask=mask)]
    return [FieldFiles(name, data, Path(labels) if labels else labels_beside(data))]


def _of_zarr(
    data: Path, images: str | None, labels: str | None, mask: Path | None
) -> list[FieldFiles]:
    """List the fields of an OME-Zarr: one, or those of a plate or well."""
    plate = fields_of_plate(data)
    if plate is None:
        if images is not None:
            raise ConfigError(f"{data} is one image; --images selects images of a plate or folder.")
        if mask is not None:
            if not mask.exists():
                raise missing(mask)
            return [FieldFiles(_zarr_name(data), data, mask=mask)]
        return [FieldFiles(_zarr_name(data), data, _zarr_labels(data, labels))]
    if mask is not None:
        raise ConfigError(f"{data} is a plate; --mask is for an image of a single cell.")
    pattern = _matcher(_one_star("--images", images or "*"))
    found = [
        FieldFiles(key(name), image, _zarr_labels(image, labels))
        for name, image in plate.items()
        if pattern.fullmatch(name)
    ]
    if not found:
        raise FileError(f"{data} has no images that match {images}; it has {some_of([*plate])}.")
    return found


def _zarr_labels(image: Path, labels: str | None) -> Path | None:
    """Find the labels of an image in OME-Zarr: those that it holds, by name, or a path."""
    if labels is None:
        return labels_beside(image)
    inside = labels_in_zarr(image)
    if labels in inside:
        return inside[labels]
    if Path(labels).exists():
        return Path(labels)
    holds = f"holds the labels {', '.join(inside)}" if inside else "holds no labels"
    raise FileError(f"{image} {holds}, and there is no file {labels}; choose others with --labels.")


def _zarr_name(path: Path) -> str:
    """Name a field after an OME-Zarr, or after an image in it: a_A_1_0 for a.zarr/A/1/0."""
    path = path.absolute()
    for outer in path.parents:
        if outer.name.lower().endswith(ZARR):
            inner = path.relative_to(outer).parts
            return key("_".join((stem_of(outer.name), *inner)))
    return key(stem_of(path.name))


def _one_star(option: str, given: str) -> str:
    """Refuse a pattern that has no place for the name of a field, or several.

    Raises
    ------
    ConfigError
        If it is one.
    """
    if given.count("*") != 1:
        raise ConfigError(
            f'{option} "{given}" must contain one *, which stands for the name of a field.'
        )
    return given


def _of_folder(
    folder: Path, images: str, labels: str | None, failures: Failures
) -> list[FieldFiles]:
    within = None if labels is None else folder / labels
    if within is not None and within.is_dir():
        beside, labels = named_in(within), None
    else:
        beside, within = labels_in(folder), None
    for option, given in (("--images", images), ("--labels", labels)):
        if given is not None:
            _one_star(option, given)
    pattern, taken = _matcher(images), None if labels is None else _matcher(labels)
    fields: dict[str, FieldFiles] = {}
    files = visible_files(folder, SUFFIXES)
    for path in images_of(files) if images == "*" else files:
        match = pattern.fullmatch(path.name)
        if match is None or (taken and taken.fullmatch(path.name)):
            continue
        with failures.of(stem_of(path.name), [path]):
            name = match[1] if images.lower().endswith(SUFFIXES) else stem_of(match[1])
            if labels is None:
                found = labels_beside(path, beside)
            else:
                found = _labels_of(folder, path, labels, name)
            if found is None and within is not None:
                raise FileError(
                    f"{within} contains no labels of {path}; give them the name of the image."
                )
            name = key(re.sub(r"\.ome$", "", name, flags=re.IGNORECASE))
            if name in fields:
                raise FileError(
                    f"{path} and {fields[name].image.name} have the same name; select one with "
                    "--images."
                )
            fields[name] = FieldFiles(name, path, found)
    failures.raise_if_none_left(len(fields))
    if not fields:
        raise FileError(f"{folder} contains no files that match {images} ({FORMATS}).")
    return list(fields.values())


def _matcher(pattern: str) -> re.Pattern[str]:
    """Compile a pattern with one *; the case of its extension does not matter."""
    stem, suffix = os.path.splitext(pattern)
    if "*" in suffix:
        stem, suffix = pattern, ""
    begin, end = (re.escape(part) for part in stem.split("*"))
    return re.compile(f"{begin}(.+){end}(?i:{re.escape(suffix)})")


def _labels_of(folder: Path, image: Path, labels: str, name: str) -> Path:
    wanted = folder / labels.replace("*", name)
    found = same_file(wanted)
    if found is None:
        near = named_in(wanted.parent).get(key(stem_of(wanted.name)))
        instead = "" if near is None else f", but {near.name} does"
        raise FileError(
            f"{wanted} does not exist{instead}; {image} needs the labels that --labels names."
        )
    return found
