"""Zeiss CZI, by the maker's own library (https://github.com/ZEISS/pylibczirw).

Readers on top of it take what a file lacks for something else: a plane that was not acquired for
another one, colours for grey. Here the list of the parts of the file says what there is.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import FileError, as_damaged
from dispr.files import check_size
from dispr.images.ome import root_of
from dispr.images.sizes import StatedSize, stated_size
from dispr.images.source import Source, all_named, one_scene
from dispr.packages import imported

TYPES = {
    "Gray8": np.uint8,
    "Gray16": np.uint16,
    "Gray32Float": np.float32,
    "Bgr24": np.uint8,
    "Bgr48": np.uint16,
    "Bgr96Float": np.float32,
}
"""Types of pixels that the library reads."""

OTHERS = {"H": "phases", "I": "illuminations", "R": "rotations", "V": "views", "B": "blocks"}
"""Axes that nobody chooses along."""

IMAGE = "Metadata/Information/Image/Dimensions"


def open_czi(path: Path, scene: int | str | None = None) -> Source:
    """Open an image of a CZI file; planes are read as they are asked for.

    Parameters
    ----------
    path : Path
        The file.
    scene : int or str, optional
        Which of several scenes: its number, from 0, or its name.

    Raises
    ------
    FileError
        If it cannot be read, is too large, or the library is not installed.
    """
    imported("pylibCZIrw", "formats", f"{path} needs other packages", kind=FileError)
    from pylibCZIrw import czi

    parts: dict[int | None, list[Any]] = {}
    with as_damaged(
        f"{path} cannot be read as CZI: it is damaged or of another kind; export it as OME-TIFF."
    ):
        with czi.open_czi(str(path)) as file:
            text = file.raw_metadata

            def sort(_: int, part: Any) -> bool:
                if part.get_zoom() == 1:  # others are previews
                    parts.setdefault(part.coordinate.to_dict().get("S"), []).append(part)
                return True

            file.enumerate_subblocks(sort)
        scenes = sorted(parts, key=lambda one: -1 if one is None else one)
        if not scenes:
            raise FileError(f"{path} contains no pixels; export it again.")
        root = root_of(text)
        chosen = scenes[one_scene(path, scene, _names(root, scenes))]
        array = Scene(path, chosen, parts[chosen])
    check_size(path, array.shape[3:], array.dtype.itemsize)
    found = [] if root is None else root.findall(f"{IMAGE}/Channels/Channel")
    channels = tuple(one.get("Name") or "" for one in found)
    named = all_named(channels, array.shape[1])
    return Source(path, array, array.axes, _size(root), named)


def _names(root: Any, scenes: Sequence[int | None]) -> list[str]:
    """Name the scenes as the metadata do, or by their numbers."""
    names = {}
    for one in () if root is None else root.findall(f"{IMAGE}/S/Scenes/Scene"):
        shape = one.find("Shape")
        both = one.get("Name"), None if shape is None else shape.get("Name")
        names[one.get("Index")] = "-".join(name for name in both if name)
    return [names.get(str(number)) or str(number or 0) for number in scenes]


def _size(root: Any) -> StatedSize:
    """Take the voxel size, which is in metres; 0 stands for an unknown one."""
    stated = {}
    for one in () if root is None else root.findall("Metadata/Scaling/Items/Distance"):
        axis, value = str(one.get("Id")).lower(), (one.findtext("Value") or "").strip()
        if axis in ("z", "y", "x") and value.strip("0.") != "":
            stated[axis] = (value, "m")
    return stated_size(stated)


class Scene:
    """A scene of a CZI file, of which planes are read as they are asked for.

    Attributes
    ----------
    shape, dtype, axes
        (T, C, Z, Y, X), or (T, C, Z, Y, X, S) in colours: red, green, blue.
    """

    def __init__(self, path: Path, scene: int | None, parts: Sequence[Any]) -> None:
        self.path, self.scene = path, scene
        places = [part.coordinate.to_dict() for part in parts]
        for axis, what in OTHERS.items():
            count = len({place.get(axis, 0) for place in places})
            if count > 1:
                raise FileError(f"{path} has {count} {what}; export one of them as OME-TIFF.")
        self.named = [axis for axis in "TCZ" if axis in places[0]]
        planes = [tuple(place.get(axis, 0) for axis in "TCZ") for place in places]
        types = {p: part.pixelType.name for p, part in zip(planes, parts, strict=True)}
        unread = set(types.values()) - set(TYPES)
        if unread:
            raise FileError(f"{path} has pixels of the type {min(unread)}; export it as OME-TIFF.")
        colours = {name.startswith("Bgr") for name in types.values()}
        if len(colours) > 1:
            raise FileError(f"{path} has grey and coloured channels; export one as OME-TIFF.")
        self.types = types
        self.first = tuple(min(place) for place in zip(*planes, strict=True))
        last = tuple(max(place) for place in zip(*planes, strict=True))
        boxes = [part.logicalRect for part in parts]
        left, top = min(box.x for box in boxes), min(box.y for box in boxes)
        right, bottom = max(box.x + box.w for box in boxes), max(box.y + box.h for box in boxes)
        self.box = (left, top, right - left, bottom - top)
        self.coloured = colours == {True}
        counts = tuple(b - a + 1 for a, b in zip(self.first, last, strict=True))
        self.shape = (*counts, bottom - top, right - left, *((3,) if self.coloured else ()))
        self.axes = "TCZYXS"[: len(self.shape)]
        self.dtype = np.result_type(*(TYPES[name] for name in types.values()))

    def __getitem__(self, index: tuple[int | slice, ...]) -> np.ndarray:
        """Read it at numbers or whole axes."""
        from pylibCZIrw import czi

        asked = [
            range(n) if isinstance(one, slice) else [one]
            for one, n in zip(index[:3], self.shape[:3], strict=True)
        ]
        with czi.open_czi(str(self.path)) as file:
            planes = [self._plane(file, *place) for place in itertools.product(*asked)]
        left = [len(one) for one in asked if isinstance(one, range)]
        found = np.stack(planes).reshape(*left, *self.shape[3:])
        rest = (Ellipsis, *index[3:])
        return found[rest]

    def _plane(self, file: Any, *place: int) -> np.ndarray:
        number = tuple(a + k for a, k in zip(self.first, place, strict=True))
        if number not in self.types:
            told = ", ".join(
                f"{what} {k}"
                for what, k, n in zip(
                    ("time point", "channel", "plane"), place, self.shape[:3], strict=True
                )
                if n > 1
            )
            raise FileError(
                f"{self.path} lacks a plane ({told}), so it is incomplete; choose another."
            )
        coordinates = dict(zip("TCZ", number, strict=True))
        found = file.read(
            roi=self.box,
            plane={axis: coordinates[axis] for axis in self.named},
            scene=self.scene,
            pixel_type=self.types[number],
        )
        return found[..., ::-1] if self.coloured else found[..., 0]
