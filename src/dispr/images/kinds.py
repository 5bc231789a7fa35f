"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from dispr.errors import FileError, read_error
from dispr.names import JPEG, PNG

TIFF_BYTES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

PNG_BYTES = b"\x89PNG\r\n\x1a\n"

JPEG_BYTES = b"\xff\xd8\xff"

Kind = Literal["TIFF", "PNG", "JPEG"]

OTHERS = {
    b"version https://git-lfs": "is a Git LFS pointer, not the image; download it with git lfs "
    "pull",
    b"/annex/objects": "is a git-annex pointer, not the image; download it with git annex get",
    b"<!DOCTYPE": "is a web page, not an image; download the file itself",
    b"<html": "is a web page, not an image; download the file itself",
    b"GIF8": "is a GIF image; save the original as TIFF",
    b"BM": "is a BMP image; save it as TIFF or PNG",
    b"\x89HDF": "is an HDF5 file; save its image as TIFF",
    b"\x93NUMPY": "is an NPY file; rename it with the extension .npy",
    b"PK\3\4": "is a ZIP archive; unpack it, or save the image as TIFF",
    b"ZISRAWFILE": "is a Zeiss CZI file; rename it with the extension .czi",
    b"\xda\xce\xbe\x0a": "is a Nikon ND2 file; rename it with the extension .nd2",
}
"""Files that are found under the names of images, by how they begin."""


def kind_of(path: Path) -> Kind:
    """Tell what kind of picture a file is.

    Raises
    ------
    FileError
        If the file is empty, or of a known kind that is not read.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(32)
    except OSError as error:
        raise read_error(path, error) from error
    if start.startswith(PNG_BYTES):
        return "PNG"
    if start.startswith(JPEG_BYTES):
        return "JPEG"
    if start.startswith(TIFF_BYTES):
        return "TIFF"
    if not start:
        raise FileError(f"{path} is empty; export it again.")
    plain = start.lstrip(b"\xef\xbb\xbf \r\n\t")
    for begin, what in OTHERS.items():
        if plain.lower().startswith(begin.lower()):
            raise FileError(f"{path} {what}.")
    suffix = path.suffix.lower()
    return "PNG" if suffix in PNG else "JPEG" if suffix in JPEG else "TIFF"
