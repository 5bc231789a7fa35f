"""The weights that come with the package."""

from __future__ import annotations

from pathlib import Path

from dispr.errors import FileError

NAME = "fast.safetensors"
SHA256 = ""


def shipped_weights() -> tuple[Path, str]:
    """Give the file of the shipped weights and the SHA-256 that it must have.

    Raises
    ------
    FileError
        If the package was installed without them.
    """
    path = Path(__file__).parents[1] / "weights" / NAME
    if not path.is_file():
        raise FileError(f"{path} is not installed; install dispr again, or name other weights.")
    return path, SHA256
