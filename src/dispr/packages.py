"""Packages that are imported only where they are needed, and what to say where they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from dispr.errors import ConfigError, DisprError


def imported(
    module: str,
    extra: str,
    why: str,
    instead: str = "",
    kind: type[DisprError] = ConfigError,
) -> Any:
    """Import a module of an extra.

    Parameters
    ----------
    module : str
        Its name.
    extra : str
        The extra of dispr that installs it.
    why : str
        What cannot be done without it: the beginning of the message.
    instead : str
        What else a user can do: its end.
    kind : type
        The error; `FileError` where only one file of several needs the module.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise kind(f"{why}: pip install 'dispr[{extra}]'{instead}.") from error


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
    why = f"{what} cannot be written or read without zarr"
    zarr = imported("zarr", "zarr", why, instead)
    if int(zarr.__version__.split(".")[0]) < 3:
        raise ConfigError(
            f"{what} cannot be written or read with zarr {zarr.__version__}, but with 3 or later: "
            f"pip install --upgrade 'dispr[zarr]'{instead}."
        )
    imported("zarr.codecs", "zarr", why, instead)
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
    return imported("roifile", "formats", f"{what} without roifile")
