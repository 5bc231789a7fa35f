"""A polite end on Ctrl-C and SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class Stop:
    """While entered, the first signal only sets `asked`; a second one interrupts at once.

    Parameters
    ----------
    on_ask : callable, optional
        Called at the first signal, to tell the user.
    """

    def __init__(self, on_ask: Callable[[], Any] | None = None) -> None:
        self.asked = False
        self.on_ask = on_ask
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        """Take over the signals; only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            for kind in (signal.SIGINT, signal.SIGTERM):
                self._before[kind] = signal.signal(kind, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for kind, handler in self._before.items():
            signal.signal(kind, handler)

    def _handle(self, kind: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self.on_ask:
            self.on_ask()
