"""List every fault of a data set in one go."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dispr.cells.arrays import SECTION, SIZE, as_image, as_mask, as_obj, same_shape
from dispr.cells.classes import parse_name
from dispr.cells.doubts import doubt_image, doubt_sizes, doubts_mask
from dispr.cells.folder import (
    KINDS,
    LAYOUT,
    files_of,
    instead,
    kind_folder,
    lacking,
    no_cells,
    parts,
)
from dispr.cells.metadata import read_voxel_size
from dispr.errors import ArrayError, FileError
from dispr.images.read import read_greys, read_numbers

_CHECKS = {"image": as_image, "mask": as_mask, "obj": as_obj}


@dataclass
class Report:
    """What was found in a data set.

    Attributes
    ----------
    faults : list of str
        One sentence each, beginning with the file: what cannot be used, or makes scores untrue.
    warnings : list of str
        The same: what can be used but is probably not meant.
    counts : dict
        Number of cells by (split, class); the split is "all" in a folder without splits, the class
        "other" where the name tells none.
    """

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)


def check_cells(
    root: str | os.PathLike[str], progress: Callable[[], object] | None = None
) -> Report:
    """Read every file of a data set and note all that is wrong with it.

    Parameters
    ----------
    root : path
        A folder laid out as `find_cells` takes it. Volumes are expected of all cells of a part or
        of none.
    progress : callable or None
        Called after each cell.

    Raises
    ------
    FileError
        Only if there is nothing to check: no such folder, or none of `image`, `mask` and `obj`.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileError(f"{root} is not a folder; give the folder that contains the cells.")
    found = parts(root)
    if not found:
        raise no_cells(root)
    report = Report()
    images: dict[bytes, tuple[str, Path]] = {}
    names: dict[str, Path] = {}
    shapes: list[tuple[int, ...]] = []
    for split, folder in found.items():
        for name, files in _cells(folder, report):
            report.counts[split or "all", parse_name(name).cell_class or "other"] += 1
            arrays = {kind: _read(kind, path, report) for kind, path in files.items()}
            _compare(files, arrays, report)
            _doubt(files, arrays, parse_name(name).cell_class == "cell_clusters", report)
            image = arrays.get("image")
            if image is not None:
                _note_copy(split or "all", files["image"], image, images, report)
            if name in names:
                report.warnings.append(
                    f"{folder / 'image' / name} has the same name as {names[name]}."
                )
            names.setdefault(name, folder / "image" / name)
            if image is not None and read_voxel_size(files["image"]).x is None:
                shapes.append(image.shape)
            if progress is not None:
                progress()
    mixed = doubt_sizes(shapes)
    if mixed:
        report.warnings.append(f"{root}: {mixed}.")
    _note_capitals(names, report)
    if not report.counts:
        report.faults.append(f"{root} contains no TIFF or PNG files; {LAYOUT}.")
    return report


def _cells(folder: Path, report: Report) -> Iterator[tuple[str, dict[str, Path]]]:
    """Give each cell of one part with the files that it has, and note those that it lacks."""
    files = files_of(folder, report.faults)
    expected = KINDS if files["obj"] else ("image", "mask")
    absent = [k for k in expected if any(files.values()) and not kind_folder(folder, k).is_dir()]
    report.faults += [lacking(folder, kind) for kind in absent]
    for name in sorted(set().union(*files.values())):
        here: dict[str, Path] = {}
        for kind in expected:
            paths = files[kind].get(name, [])
            if not paths:
                path = kind_folder(folder, kind) / f"{name}.tif"
                if kind not in absent:
                    report.faults.append(f"{path} does not exist{instead(path)}.")
                continue
            here[kind] = paths[0]
            if len(paths) > 1:
                report.faults.append(
                    f"{paths[0]} also exists as {paths[1].suffix}; remove one of them."
                )
        yield name, here


def _read(kind: str, path: Path, report: Report) -> np.ndarray | None:
    """Read one file as it is; None, with a fault noted, if it cannot be used."""
    try:
        array = read_greys(path) if kind == "image" else read_numbers(path)
        _CHECKS[kind](array, str(path))
    except (FileError, ArrayError) as error:
        report.faults.append(str(error))
        return None
    if kind == "image" and array.dtype != np.uint8:
        report.warnings.append(f"{path} has the type {array.dtype}; it is scaled to 0 to 255.")
    return array


def _compare(files: dict[str, Path], arrays: dict[str, np.ndarray | None], report: Report) -> None:
    """Note what does not fit together in one cell."""
    image, mask, obj = (arrays.get(kind) for kind in KINDS)
    if image is not None and obj is not None and image.shape != (SIZE, SIZE):
        report.warnings.append(
            f"{files['image']} has the shape {image.shape}; because it has a 3D shape, it is "
            "resized to 64 x 64."
        )
    if image is not None and mask is not None:
        try:
            same_shape(image, mask, str(files["image"]), str(files["mask"]))
        except ArrayError as error:
            report.faults.append(str(error))
    if mask is not None and obj is not None:
        section = as_obj(obj)[SECTION] > 127
        flat = as_mask(mask) > 127
        iou = np.count_nonzero(section & flat) / np.count_nonzero(section | flat)
        if iou < 0.5:
            report.warnings.append(
                f"{files['mask']} is not plane {SECTION} of {files['obj']} (IoU {iou:.2f})."
            )


def _doubt(
    files: dict[str, Path],
    arrays: dict[str, np.ndarray | None],
    of_pieces: bool,
    report: Report,
) -> None:
    """Note what can be used but is probably not meant."""
    image, mask = arrays.get("image"), arrays.get("mask")
    odd = doubt_image(image) if image is not None else ""
    if odd:
        report.warnings.append(f"{files['image']} {odd}.")
    if mask is not None:
        inside = mask > mask.max() / 2
        report.warnings += [f"{files['mask']} {odd}." for odd in doubts_mask(inside, of_pieces)]


def _note_capitals(names: dict[str, Path], report: Report) -> None:
    """Note names that are one on Windows and macOS."""
    seen: dict[str, Path] = {}
    for name, path in names.items():
        other = seen.setdefault(name.casefold(), path)
        if other != path:
            report.warnings.append(
                f"{path} and {other} differ only in upper and lower case; rename one of them, "
                "because their results would have the same file name on Windows and macOS."
            )


def _note_copy(
    split: str,
    path: Path,
    image: np.ndarray,
    seen: dict[bytes, tuple[str, Path]],
    report: Report,
) -> None:
    """Note an image that occurred before: between train and test, it makes scores untrue."""
    key = hashlib.sha256(repr((image.shape, image.dtype.str)).encode() + image.tobytes()).digest()
    other, first = seen.setdefault(key, (split, path))
    if first == path:
        return
    if other != split:
        report.faults.append(f"{path} is the same image as {first}: {split} repeats {other}.")
    else:
        report.warnings.append(f"{path} is the same image as {first}.")
