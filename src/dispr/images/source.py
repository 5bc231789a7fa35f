"""An image in a file that is read in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispr.errors import FileError
from dispr.images.sizes import StatedSize


@dataclass(frozen=True, eq=False)
class Source:
    """An image in a file, of which nothing was read yet.

    Attributes
    ----------
    path : Path
        The file or folder.
    array : array-like
        With `shape` and `dtype`; indexed by a tuple of numbers and slices, it reads what is asked
        for.
    axes : str
        A letter for each axis: Y, X, Z, T, C (channels), S (colours), or "?" where the file does
        not say.
    size : StatedSize
        Of its voxels.
    channels : tuple of str
        Names of its channels; empty if not all are named.
    """

    path: Path
    array: Any
    axes: str
    size: StatedSize
    channels: tuple[str, ...] = ()


def all_named(channels: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Give the names of so many channels; none if not all of them have one."""
    return channels if len(channels) == count and all(channels) else ()


def one_scene(path: Path, scene: int | str | None, names: Sequence[str]) -> int:
    """Give the number of the image that is meant, of those in a file.

    Parameters
    ----------
    path : Path
        The file.
    scene : int or str, optional
        Its number, from 0, or its name; not needed where there is one.
    names : sequence of str
        Their names.

    Raises
    ------
    FileError
        If there is no such image, two have this name, or a choice must be made.
    """
    count = len(names)
    listed = ", ".join(names[:4]) + (", ..." if count > 4 else "")
    if scene is None:
        if count == 1:
            return 0
        raise FileError(
            f"{path} contains {count} images ({listed}); choose one with --scene (0 to "
            f"{count - 1}, or its name), or save it as a separate file."
        )
    if isinstance(scene, int) and 0 <= scene < count:
        return scene
    found = [k for k, name in enumerate(names) if name == str(scene)]
    if len(found) != 1:
        why = f"{len(found)} images" if found else "no image"
        raise FileError(f'{path} contains {why} "{scene}"; choose 0 to {count - 1}, or {listed}.')
    return found[0]
