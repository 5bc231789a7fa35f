"""Predict with processes beside the network: they read, measure and write, it draws the shapes.

For networks that are faster than all that is around them, on a GPU. Each process does tasks of the
run (`dispr.prediction.tasks`) with a model that asks this process for shapes; those that all of
them ask for are drawn together.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dispr.cells.folder import CellFiles
from dispr.errors import DisprError, WorkerError
from dispr.memory import is_out_of_memory
from dispr.prediction.cluster import model_of_client
from dispr.prediction.drawer import Asked, Drawn, Pending
from dispr.prediction.files import PredictionFolder
from dispr.prediction.model import Model
from dispr.prediction.part import CELLS_OF_TASK, Part
from dispr.prediction.settings import PredictionSettings
from dispr.prediction.tasks import Done, Task, accept, checked, do, tasks_of
from dispr.processes import begin_worker

PATIENCE = 30.0
"""Seconds that processes have to write what they have finished, when a run is stopped."""

TASKS_EACH = 4
"""Tasks of a process, at least, where there are enough cells, so that all end at about one time."""

MANY = 500
"""Cells from which on processes are started by themselves: they take seconds to begin."""

MOST = 16
"""Processes that are started by themselves, at most."""


def jobs_by_default(device: torch.device, cells: int) -> int:
    """Give the number of processes that suits a run: 1, this one, if the network is slower."""
    if device.type == "cpu" or cells < MANY:
        return 1
    return max(1, min((os.cpu_count() or 1) - 1, MOST))


KILLED = "a process that read and wrote cells was killed, perhaps because memory ran out"
NO_MEMORY = "there is not enough memory for the processes that read and write cells"
AGAIN = "run the command again, which resumes, with a smaller --jobs."


@dataclass(frozen=True)
class _Ask:
    """What a process asks for: shapes."""

    asked: list[Asked]
    grey: bool


class _End:
    """The connection is closed."""


class _Stop(DisprError):
    """The run is stopped: what is finished is written."""


@dataclass(eq=False)
class _Worker:
    """A process, its connection, and whether it is at a task."""

    process: Any
    connection: Any
    busy: bool = False


@dataclass(eq=False)
class _Batch:
    """Shapes of some processes on their way from the device."""

    asks: list[tuple[_Worker, _Ask]]
    parts: list[Pending] = field(default_factory=list)


class Beside:
    """Processes beside the network; for `dispr.prediction.folder.predict_folder`.

    Parameters
    ----------
    jobs : int
        Number of processes.
    weights : path, optional
        The weights of the model, as for `dispr.load`.
    """

    elsewhere = False

    def __init__(self, jobs: int, weights: Path | None = None) -> None:
        self.jobs = jobs
        self.weights = None if weights is None else Path(weights).absolute()

    def predict(
        self,
        drawn: PredictionFolder,
        part: Part,
        todo: Sequence[CellFiles],
        report: Callable[..., None],
    ) -> float:
        """Predict cells; see `dispr.prediction.folder.Workers`.

        Raises
        ------
        WorkerError
            If a process was ended from outside.
        DisprError
            What stopped one of them.
        """
        most = max(1, min(CELLS_OF_TASK, len(todo) // (self.jobs * TASKS_EACH)))
        tasks = deque(tasks_of(drawn, part, todo, weights=self.weights, device="cpu", most=most))
        with _started(min(self.jobs, len(tasks)), part) as workers:
            run = _Run(drawn, part, tasks, workers, report)
            try:
                return run.run()
            except BaseException:
                run.stop()
                raise


class _Run:
    """Deals tasks out, draws what is asked for, and takes note of what is done."""

    def __init__(
        self,
        drawn: PredictionFolder,
        part: Part,
        tasks: deque[Task],
        workers: list[_Worker],
        report: Callable[..., None],
    ) -> None:
        self.drawn, self.part, self.tasks, self.workers = drawn, part, tasks, workers
        self.report = report
        self.model, self.settings = part.model, part.terms.settings
        self.share = 1 / self.model.samples_of(self.settings.ensemble)
        self.asks: deque[tuple[_Worker, _Ask]] = deque()
        self.flying: deque[_Batch] = deque()
        self.idle = 0.0

    def run(self) -> float:
        """Do all tasks; give the share of the time for which there was something to draw."""
        start = time.perf_counter()
        for worker in self.workers:
            self._deal(worker)
        while self.asks or self.flying or any(worker.busy for worker in self.workers):
            heard = self._hear()
            enough = sum(len(ask.asked) for _, ask in self.asks) >= self._most
            if self.asks and (enough or not heard):
                self._begin()
            if self.flying and (len(self.flying) > self.model.drawer.ahead or not self.asks):
                self._answer(self.flying.popleft())
        return 1 - self.idle / (time.perf_counter() - start)

    def stop(self) -> None:
        """Have the processes write what they have finished, and take note of it."""
        for worker in self.workers:  # what they have asked for, or ask for next, does not come
            with contextlib.suppress(OSError):  # one that was killed
                worker.connection.send(None)
        end = time.monotonic() + PATIENCE
        while any(worker.busy for worker in self.workers) and time.monotonic() < end:
            for worker in self._speaking(0.1):
                try:
                    said = worker.connection.recv()
                    if isinstance(said, _Ask):
                        worker.connection.send(None)
                        continue
                except (EOFError, OSError):
                    worker.busy = False
                    continue
                worker.busy = False
                if isinstance(said, Done):
                    with contextlib.suppress(DisprError):
                        accept(self.drawn, self.part, said)

    @property
    def _most(self) -> int:
        return self.model.batch_size(self.settings)

    def _deal(self, worker: _Worker) -> None:
        worker.busy = bool(self.tasks)
        if self.tasks:
            worker.connection.send(self.tasks.popleft())

    def _hear(self) -> bool:
        """Listen to all processes; wait for one where there is nothing to draw."""
        start = time.perf_counter()
        nothing = not self.asks and not self.flying
        speaking = self._speaking(None if nothing else 0)
        if nothing:
            self.idle += time.perf_counter() - start
        for worker in speaking:
            self._take(worker)
        return bool(speaking)

    def _speaking(self, seconds: float | None) -> list[_Worker]:
        """Give the processes at a task that say something; wait for so long, or for the first."""
        busy = {worker.connection: worker for worker in self.workers if worker.busy}
        return [busy[one] for one in wait([*busy], seconds)] if busy else []  # type: ignore[index]

    def _take(self, worker: _Worker) -> None:
        try:
            said = worker.connection.recv()
        except (EOFError, OSError) as error:
            worker.busy = False
            worker.process.join(1)
            if worker.process.exitcode == 1:  # as Python ends after an error, which it prints
                raise WorkerError(
                    "a process that reads and writes cells ended with an error; in a script of "
                    'your own, predict below the line if __name__ == "__main__":.'
                ) from error
            raise WorkerError(f"{KILLED}; {AGAIN}") from error
        if isinstance(said, _Ask):
            self.asks.append((worker, said))
            return
        worker.busy = False
        if not isinstance(said, Done):
            raise said
        accept(self.drawn, self.part, said)
        self.report(len(said.failures))
        self._deal(worker)

    def _begin(self) -> None:
        """Begin to draw what is asked for, as many shapes as are computed at once."""
        batch, count = _Batch([]), 0
        while self.asks and (not count or count + len(self.asks[0][1].asked) <= self._most):
            batch.asks.append(self.asks.popleft())
            count += len(batch.asks[-1][1].asked)
        rows = [one for _, ask in batch.asks for one in ask.asked]
        grey = any(ask.grey for _, ask in batch.asks)
        self.flying.append(batch)
        while rows:
            count, pending = self.model.begin(rows, self.settings, grey=grey)
            batch.parts.append(pending)
            del rows[:count]

    def _answer(self, batch: _Batch) -> None:
        """Send shapes to those who asked for them."""
        drawn = [pending() for pending in batch.parts]
        held = all(one.held for one in drawn)  # to hold what is held already changes nothing
        shapes = np.concatenate([one.shapes for one in drawn])
        greys = [one.grey for one in drawn if one.grey is not None]
        grey = np.concatenate(greys) if greys else None
        start = 0
        for worker, ask in batch.asks:
            here = slice(start, start + len(ask.asked))
            bits = np.packbits(shapes[here], axis=-1)
            answer = Drawn(bits, held, None if grey is None else grey[here])
            with contextlib.suppress(BrokenPipeError):  # it is told of when it is listened to
                worker.connection.send(answer)
            self.report(len(ask.asked) * self.share)
            start = here.stop


class _Asker:
    """Draws by asking the process that has the network.

    A thread takes what that sends, so that neither waits to be heard while it speaks.
    """

    ahead = 1

    def __init__(self, connection: Any, batch_size: int) -> None:
        self.connection, self.batch_size = connection, batch_size
        self._heard: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while True:
                self._heard.put(self.connection.recv())
        except (EOFError, OSError):
            self._heard.put(_End())

    def hear(self) -> Any:
        """Give what was sent next.

        Raises
        ------
        EOFError
            If the connection is closed.
        """
        said = self._heard.get()
        if isinstance(said, _End):
            raise EOFError
        return said

    def begin(
        self,
        asked: Sequence[Asked],
        settings: PredictionSettings,
        *,
        grey: bool = False,
        on_step: Callable[[int], None] | None = None,
    ) -> Pending:
        """Ask for shapes; see `dispr.prediction.drawer.Drawer`."""
        self.connection.send(_Ask(list(asked), grey))
        return self._wait

    def _wait(self) -> Drawn:
        answer = self.hear()
        if answer is None:
            raise _Stop("the run is stopped.")
        return replace(answer, shapes=np.unpackbits(answer.shapes, axis=-1).view(bool))

    def in_precision(self, precision: str) -> _Asker:
        """Give this: the other process knows."""
        return self


@contextlib.contextmanager
def _started(jobs: int, part: Part) -> Iterator[list[_Worker]]:
    """Start processes, and end them."""
    # What is forked off a process that uses a GPU, or has threads, may not run.
    context = multiprocessing.get_context("spawn")
    shapes = part.model.samples_of(part.terms.settings.ensemble)
    each = -(-part.model.batch_size(part.terms.settings) // max(jobs, 1))
    workers: list[_Worker] = []
    try:
        for _ in range(jobs):
            here, there = context.Pipe()
            process = context.Process(
                target=_work, args=(there, -(-each // shapes) * shapes), daemon=True
            )
            process.start()
            there.close()
            workers.append(_Worker(process, here))
        yield workers
    finally:
        for worker in workers:
            worker.connection.close()
        for worker in workers:
            worker.process.join(1)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _work(connection: Any, batch_size: int) -> None:
    """Do tasks until the connection is closed."""
    begin_worker()
    torch.set_num_threads(1)
    asker = _Asker(connection, batch_size)
    model: Model | None = None

    def loaded(task: Task) -> Model:
        nonlocal model
        if model is None:
            precision = task.terms.drawing["precision"]
            model = checked(model_of_client(task.weights, precision, task.level), task)
            model.drawer = asker
        return model

    with contextlib.suppress(EOFError, OSError):
        while True:
            task = asker.hear()
            if task is None:  # the run is stopped
                continue
            settings = replace(task.terms.settings, batch_size=batch_size)
            terms = replace(task.terms, settings=settings)
            try:
                said: Any = do(replace(task, terms=terms), loaded)
            except EOFError:
                return
            except Exception as error:
                if is_out_of_memory(error):
                    said = WorkerError(f"{NO_MEMORY}; {AGAIN}")
                else:
                    said = RuntimeError(f"{type(error).__name__}: {error}")
            if isinstance(said, Done) and isinstance(said.error, _Stop):
                said.error = None
            connection.send(said)
