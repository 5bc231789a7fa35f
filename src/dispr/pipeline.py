"""Work in the background: read ahead of what computes, and write behind it."""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class Ahead(Generic[Item]):
    """Iterate over items that a thread gets ready, a bounded number ahead.

    An error of the items is raised where they are taken. Use it as a context manager, which ends
    the thread.

    Parameters
    ----------
    items : iterable
        What to iterate over.
    most : int
        How many are kept ready.

    Attributes
    ----------
    waited : float
        Seconds for which nothing was ready.
    """

    def __init__(self, items: Iterable[Item], most: int) -> None:
        self.waited = 0.0
        self._ready: queue.Queue[tuple[str, Any]] = queue.Queue(most)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(items,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Ahead[Item]:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        while self._thread.is_alive():  # it may wait for room
            _empty(self._ready)
            self._thread.join(0.05)

    def __iter__(self) -> Iterator[Item]:
        while True:
            start = time.perf_counter()
            kind, value = self._ready.get()
            self.waited += time.perf_counter() - start
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value

    def _fill(self, items: Iterable[Item]) -> None:
        try:
            for item in items:
                self._ready.put(("item", item))
                if self._ended.is_set():
                    return
            self._ready.put(("end", None))
        except BaseException as error:
            self._ready.put(("error", error))


class Behind:
    """Call functions one after another in a thread, a bounded number behind.

    The thread sees the context variables of the one that made it.

    An error of one is raised by the next `put`, or by `close`; what was put behind it is dropped.
    As a context manager it waits for all that was put, whatever happened in the block.

    Parameters
    ----------
    most : int
        How many calls may wait.

    Attributes
    ----------
    waited : float
        Seconds that `put` waited for room.
    """

    def __init__(self, most: int) -> None:
        self.waited = 0.0
        self._calls: queue.Queue[Callable[[], Any] | None] = queue.Queue(most)
        self._error: BaseException | None = None
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._work,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Behind:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(raises=kind is None)

    def put(self, call: Callable[[], Any]) -> None:
        """Have a function called after those before it."""
        self._raise()
        start = time.perf_counter()
        self._calls.put(call)
        self.waited += time.perf_counter() - start

    def close(self, raises: bool = True) -> None:
        """Wait until all is done; an interruption is raised after that, a second one at once."""
        told, stopped = False, None
        while self._thread.is_alive():
            try:
                if not told:
                    self._calls.put(None)
                    told = True
                self._thread.join()
            except KeyboardInterrupt as error:
                if stopped is not None:
                    raise
                stopped = error
        if stopped is not None:
            raise stopped
        if raises:
            self._raise()

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _work(self) -> None:
        failed = False
        while (call := self._calls.get()) is not None:
            if failed:
                continue
            try:
                call()
            except BaseException as error:
                self._error, failed = error, True


def delayed(items: Iterable[Item], count: int) -> Iterator[Item]:
    """Give each item once `count` more have been made, such as work that is begun by making it."""
    made: deque[Item] = deque()
    for item in items:
        made.append(item)
        if len(made) > count:
            yield made.popleft()
    yield from made


def _empty(waiting: queue.Queue[Any]) -> None:
    while True:
        try:
            waiting.get_nowait()
        except queue.Empty:
            return
