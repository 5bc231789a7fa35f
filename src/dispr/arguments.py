"""Numbers and words as users give them, of Python, numpy or torch, as plain values of Python."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Iterable
from typing import Any, TypeVar

from dispr.errors import ConfigError

Word = TypeVar("Word", bound=str)


def as_whole(value: Any, name: str, least: int | None = None, most: int | None = None) -> int:
    """Give a whole number as an `int`.

    Parameters
    ----------
    value : int or array-like of one
        Also a whole number of numpy or torch, in floating point (3.0), or as text ("3"). Truth
        values are refused.
    name : str
        What errors call it.
    least, most : int, optional
        Smallest and largest number allowed.

    Raises
    ------
    ConfigError
        If it is none, or out of range.
    """
    plain = _plain(value)
    number: int | None = None
    if isinstance(plain, float) and plain.is_integer():
        number = int(plain)
    elif not isinstance(plain, bool):
        with contextlib.suppress(TypeError):
            number = operator.index(plain)
    if number is None:
        raise ConfigError(f"{name} must be a whole number, not {_shown(value)}.")
    if least is not None and number < least:
        raise ConfigError(f"{name} must be at least {least}, not {number}.")
    if most is not None and number > most:
        raise ConfigError(f"{name} must be at most {most}, not {number}.")
    return number


def as_number(value: Any) -> float:
    """Give a real number as a `float`; NaN for a truth value and whatever else is none."""
    plain = _plain(value)
    if isinstance(plain, bool):
        return math.nan
    try:
        return float(plain)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def one_of(word: Word, known: Iterable[str], name: str) -> Word:
    """Give a word back that is one of those known; else raise ConfigError, which has its name."""
    words = list(known)
    if word not in words:
        choice = " or ".join(words) if len(words) == 2 else f"one of {', '.join(words)}"
        raise ConfigError(f'{name} must be {choice}, not "{word}".')
    return word


def as_steps(steps: Any) -> str | int | None:
    """Give the steps to sample in as a plain value: None, text, or a whole number.

    Raises
    ------
    ConfigError
        If they are none of these.
    """
    if steps is None:
        return None
    return str(steps) if isinstance(steps, str) else as_whole(steps, "steps", least=1)


def _plain(value: Any) -> Any:
    """Take a number out of text, a scalar of numpy, or an array or tensor without axes."""
    if isinstance(value, str):
        for kind in (int, float):
            with contextlib.suppress(ValueError):
                return kind(value)
        return None
    if hasattr(value, "item") and not getattr(value, "ndim", 0):
        try:
            return value.item()
        except (TypeError, ValueError, RuntimeError):
            return None
    return None if getattr(value, "ndim", 0) else value


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:60]}..."
