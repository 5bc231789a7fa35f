"""Run a function on many things in parallel processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from dispr.errors import ArrayError, FileError, WorkerError, WriteError

MOST_PROCESSES = 61
"""Windows cannot wait for more."""

MOST_AT_ONCE = 4
"""Tasks that are handed to a process together."""


def map_in_processes(
    function: Callable[[Any], Any], tasks: Sequence[Any], jobs: int | None = None
) -> Iterator[Any]:
    """Yield the results of a function, in the order of the tasks.

    Parameters
    ----------
    function : callable
        A function at the top of a module, of one task.
    tasks : sequence
        What it is called with.
    jobs : int, optional
        Processes; as many as cores if not given. One runs in this process.

    Raises
    ------
    WorkerError
        If a process was ended from outside.
    """
    workers = min(jobs or os.cpu_count() or 1, len(tasks), MOST_PROCESSES)
    if workers <= 1:
        yield from map(function, tasks)
        return
    try:
        with ProcessPoolExecutor(workers, initializer=begin_worker) as pool:
            # Few at once: what a process has begun, it finishes before it ends on Ctrl-C.
            chunk = max(1, min(len(tasks) // (workers * 8), MOST_AT_ONCE))
            with _signals_later():
                results = pool.map(function, tasks, chunksize=chunk)
            yield from results
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process was killed, perhaps because memory ran out; run the command again, "
            "with --jobs 1 where it has that option."
        ) from error


def try_in_processes(
    function: Callable[[Any], Any], tasks: Sequence[Any], jobs: int | None = None
) -> Iterator[Any]:
    """Yield the results as `map_in_processes`, or the error where a file cannot be read or used."""
    yield from map_in_processes(partial(_tried, function), tasks, jobs)


def _tried(function: Callable[[Any], Any], task: Any) -> Any:
    try:
        return function(task)
    except WriteError:  # as the others could not be written either
        raise
    except (FileError, ArrayError) as error:
        return error


@contextlib.contextmanager
def _signals_later() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait while processes begin: amid that Python may lose them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin_worker() -> None:
    """Leave interruptions to the parent of this process, and end with it."""
    _leave_interrupts()
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent is gone, killed say, which cannot end it any more."""
    if os.name == "posix":
        # The sentinel of a forked parent is no help: all processes hold it open.
        parent = os.getppid()
        while os.getppid() == parent:
            time.sleep(0.5)
    else:
        multiprocessing.parent_process().join()  # type: ignore[union-attr]
    os._exit(1)


def _leave_interrupts() -> None:
    """Let Ctrl-C reach the parent alone, which ends its processes; they would print tracebacks.

    SIGTERM, which the parent takes as an interruption too, ends one of them at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
