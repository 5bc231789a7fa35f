"""Packages that are imported only where they are needed, and what to say where they are missing."""

from __future__ import annotations

from typing import Any

from dispr.errors import ConfigError


def zarr_package(what: str = "packed shapes", instead: str = "") -> Any:
    """Import zarr.

    Parameters
    ----------
    what : str
        What it is needed for.
    instead : str
        What else a user can do, for the message.

    Raises
    ------
    ConfigError
        If it is not installed, or is too old.
    """
    try:
        import zarr
        import zarr.codecs
    except ImportError as error:
        raise ConfigError(
            f"{what} cannot be written or read without zarr: pip install 'dispr[zarr]'{instead}."
        ) from error
    if int(zarr.__version__.split(".")[0]) < 3:
        raise ConfigError(
            f"{what} cannot be written or read with zarr {zarr.__version__}, but with 3 or later: "
            f"pip install --upgrade 'dispr[zarr]'{instead}."
        )
    return zarr


def roifile_package(what: str = "regions of ImageJ cannot be written") -> Any:
    """Import roifile.

    Parameters
    ----------
    what : str
        What cannot be done without it, for the message.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    try:
        import roifile
    except ImportError as error:
        raise ConfigError(f"{what} without roifile: pip install 'dispr[formats]'.") from error
    return roifile
