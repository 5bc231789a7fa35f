"""The whole state of a run in one file, written all or nothing and read without executing code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispr.checksums import check
from dispr.errors import FileError
from dispr.model.weights import load_torch, save_torch

NAME = "checkpoint.pt"
FORMAT = 1


def save_checkpoint(run: Path, state: dict[str, Any]) -> None:
    """Write the state of a run: tensors, numbers, text, and lists and dicts of them."""
    save_torch(run / NAME, {"format": FORMAT, **state})


def load_checkpoint(run: Path) -> dict[str, Any] | None:
    """Read the state of a run, on the CPU; None if it has none yet.

    Raises
    ------
    FileError
        If the file is damaged or no checkpoint of a run.
    """
    path = run / NAME
    if not path.exists():
        return None
    check(path)
    try:
        state = load_torch(path)
    except Exception as error:  # torch raises many types for a damaged file
        raise FileError(
            f"{path} is damaged or not a checkpoint of a run; remove it to restart the run."
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise FileError(f"{path} is from another version of dispr; choose another folder.")
    return state
