"""Read Cellpose's `_seg.npy`, which is a pickle, without executing code.

A pickle names functions that are called while it is read, so a file from elsewhere could run
anything. Here only what rebuilds arrays, numbers, texts and plain containers is admitted, by name;
any other name is refused before it is imported. Arrays and their types are rebuilt by code of this
module: numpy itself takes what a pickle says of a type at its word, and reads memory by it.
"""

from __future__ import annotations

import io
import math
import mmap
import pickle
import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from dispr.errors import FileError
from dispr.files import check_size

LONGEST_HEADER = 2**17
"""Bytes from which the header of an NPY file is read; it may claim to be longer."""


def holds_objects(path: Path) -> bool:
    """Tell whether an NPY file holds Python objects, as Cellpose's do, rather than numbers.

    Raises
    ------
    FileError
        If the file is not an NPY file.
    """
    try:
        with open(path, "rb") as file:
            return bool(_skip_header(file)[1].hasobject)
    except Exception as error:  # numpy raises many types for a damaged header
        raise FileError(
            f"{path} cannot be read as NPY: it is damaged or in another format; save it again."
        ) from error


def check_npy(path: Path) -> None:
    """Make sure that a file of numbers is as long as its header says, before it is read.

    Raises
    ------
    FileError
        If it is shorter, or holds more than is read (`dispr.files.check_size`).
    """
    with open(path, "rb") as file:
        shape, kind = _skip_header(file)
        check_size(path, shape, kind.itemsize)
        if path.stat().st_size - file.tell() < math.prod(shape) * kind.itemsize:
            raise ValueError("the file is shorter than its header says")


def read_cellpose(path: Path, key: str) -> np.ndarray:
    """Read one array of a `_seg.npy`.

    Parameters
    ----------
    path : Path
        What Cellpose wrote beside an image.
    key : "masks" or "img"
        Which: the labels, or the image, which only some versions keep.

    Raises
    ------
    FileError
        If the file is damaged, holds anything else than arrays, numbers, texts and containers, or
        has no such array.
    """
    try:
        with open(path, "rb") as file:
            _skip_header(file)
            start = file.tell()
            # Of a file, more may be asked for than there is.
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
                whole.seek(start)
                _check_pickle(whole, len(whole))
                whole.seek(start)
                content = _Unpickler(whole).load()
    except _RefusedError as error:
        raise FileError(
            f"{path} contains {error} besides arrays and simple values, which could be harmful; "
            "export the masks from Cellpose as PNG or TIFF."
        ) from error
    except Exception as error:  # a damaged pickle raises many types
        raise FileError(
            f"{path} cannot be read as a Cellpose file: it is damaged; save it again."
        ) from error
    if isinstance(content, _Array) and content.objects:
        (content,) = content.objects[:1]
    found = content.get(key) if isinstance(content, dict) else None
    found = found.values if isinstance(found, _Array) else found
    if not isinstance(found, np.ndarray):
        what = "masks" if key == "masks" else "image, which new versions of Cellpose do not save"
        raise FileError(f"{path} contains no {what}; give {_OTHERS[key]}.")
    check_size(path, found.shape, found.itemsize)
    return found


_OTHERS = {"masks": "--labels", "img": "the image itself"}


def _check_pickle(file: Any, size: int) -> None:
    """Look at all steps of a pickle, without taking them, for memory that it asks for in vain."""
    for step, argument, _ in pickletools.genops(file):
        if "PUT" in step.name and isinstance(argument, int) and argument > size:
            raise ValueError(f"{step.name} {argument}")


def _skip_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    """Move behind the header of an NPY file; give shape and type of what follows."""
    start = io.BytesIO(file.read(LONGEST_HEADER))
    version = np.lib.format.read_magic(start)  # type: ignore[no-untyped-call]
    read: Callable[..., Any] = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, kind = read(start)
    file.seek(start.tell())
    return tuple(shape), np.dtype(kind)


class _RefusedError(Exception):
    """Carries the name of what is not admitted."""


def _encode(text: str, codec: str) -> bytes:
    """Turn text to bytes: the old protocols of pickle keep bytes so."""
    if codec != "latin1":
        raise _RefusedError(f"the codec {codec}")
    return text.encode("latin1")


def _path(*parts: str) -> str:
    """Stand in for a path, which is not needed."""
    return "/".join(parts)


def _admitted() -> dict[tuple[str, str], Any]:
    names: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Type,
        ("_codecs", "encode"): _encode,
    }
    # What numpy itself names in a pickle; these functions moved between its versions 1 and 2.
    for package in ("numpy.core", "numpy._core"):
        names[f"{package}.multiarray", "_reconstruct"] = _empty
        names[f"{package}.multiarray", "scalar"] = _scalar
        names[f"{package}.numeric", "_frombuffer"] = _from_buffer
    for module in ("pathlib", "pathlib._local"):
        for kind in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"):
            names[module, kind] = _path
    return names


_SIMPLE = re.compile(r"b1|[iu][1248]|f[248]|[cSU]\d{1,6}|O8?")


class _Type:
    """Stands in for a type of numpy: plain numbers, texts, or objects."""

    def __init__(self, name: str, *more: Any) -> None:
        if not isinstance(name, str) or not _SIMPLE.fullmatch(name):
            raise _RefusedError(f"arrays of the type {str(name)[:20]}")
        self.name, self.order = name, "|"

    def __setstate__(self, state: Any) -> None:
        """Take the order of bytes alone; the rest is that of types with fields."""
        _, order, part, names, fields, *_ = state
        if order not in ("<", ">", "=", "|") or (part, names, fields) != (None, None, None):
            raise _RefusedError("arrays of types with fields")
        self.order = order

    @property
    def objects(self) -> bool:
        """Whether this is the type of Python objects."""
        return self.name.startswith("O")

    @property
    def dtype(self) -> np.dtype:
        """The type of numpy."""
        return np.dtype(self.name).newbyteorder(self.order)  # type: ignore[arg-type]


class _Array:
    """Stands in for an array: its values, or the objects that it holds."""

    values: np.ndarray | None = None
    objects: list[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        """Rebuild the array as numpy keeps it."""
        _, shape, kind, by_columns, content = state
        self._fill(shape, kind, "F" if by_columns else "C", content)

    def _fill(self, shape: Any, kind: _Type, order: Literal["C", "F"], content: Any) -> None:
        if not isinstance(kind, _Type):
            raise TypeError("no type")
        if kind.objects:
            self.objects = list(content)
            return
        if isinstance(content, str):  # of Python 2
            content = content.encode("latin1")
        if not isinstance(content, (bytes, bytearray, memoryview, pickle.PickleBuffer)):
            raise TypeError("no content")
        # Of its own memory, which can be written to.
        values = np.frombuffer(bytearray(content), kind.dtype)
        self.values = values.reshape(shape, order=order)


def _empty(kind: Any, shape: Any, code: Any) -> _Array:
    """Begin an array, which is filled by its state."""
    if kind is not _Array:
        raise _RefusedError(f"arrays of {kind}")
    return _Array()


def _scalar(kind: _Type, content: Any = b"") -> Any:
    """Rebuild one number."""
    array = _Array()
    array._fill((1,), kind, "C", content)
    return None if array.values is None else array.values[0]


def _from_buffer(buffer: Any, kind: _Type, shape: Any, order: str) -> _Array:
    """Rebuild an array as protocol 5 keeps it."""
    array = _Array()
    array._fill(shape, kind, "F" if order == "F" else "C", buffer)
    return array


class _Unpickler(pickle.Unpickler):
    """Reads arrays, numbers, texts and plain containers, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        """Give what a name stands for, if it is admitted."""
        try:
            return _admitted()[module, name]
        except KeyError as error:
            raise _RefusedError(f"{module}.{name}") from error
