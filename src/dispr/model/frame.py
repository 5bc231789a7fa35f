"""The frame that weights state, in the remarks that they carry as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from dispr.cells.frame import PUBLISHED, Frame
from dispr.errors import ConfigError

PUBLISHED_DATA = "red_blood_cells"
"""What weights of earlier versions, which do not state their frame, call the published data."""


def frame_to_dict(frame: Frame) -> dict[str, Any]:
    """Give what `frame_of` reads, as JSON can hold it."""
    return asdict(frame)


def frame_of(about: Mapping[str, Any]) -> Frame | None:
    """Read the frame from the remarks in weights; None where it is not known.

    Weights of earlier versions do not state it. That of weights that were trained on the published
    data is known all the same, and others have that of the weights that their training began with.

    Raises
    ------
    ConfigError
        If what stands there is no frame.
    """
    stated = about.get("frame")
    if stated is None:
        if about.get("data") == PUBLISHED_DATA:
            return PUBLISHED
        return None
    try:
        known = {item.name for item in fields(Frame)}
        return Frame(**{name: value for name, value in stated.items() if name in known})
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigError("the weights state an invalid frame; train them again.") from error
