"""Predict the cells of a folder on a Dask cluster.

One process, the client, holds the folder, plans what to do and keeps the record. It sends the cells
in parts to workers, which read them, compute, and write the shapes to the folder, that they share;
what they know of the cells, they send back. A part that is done twice, since a worker died, gives
the same files.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import torch

from dispr.arguments import one_of
from dispr.cells.folder import CellFiles
from dispr.errors import ConfigError, DisprError
from dispr.model.device import PRECISIONS, check_precision, find_device
from dispr.prediction.files import PredictionFolder
from dispr.prediction.model import Model, load
from dispr.prediction.part import CELLS_OF_TASK, Part
from dispr.prediction.tasks import Done, Task, accept, checked, do, tasks_of

RETRIES = 2
"""How often a task that raised an error is tried again, and one whose worker died."""

POLL = 2.0
"""Seconds after which the client looks for new workers."""

GPU = "GPU"
"""The resource of workers of which tasks take one each, where they state it."""

LOCAL = "local"

TIMEOUT = 10.0
"""Seconds to wait for a scheduler."""


class Cluster:
    """The workers of a Dask cluster; for `dispr.prediction.folder.predict_folder`.

    They see the same files under the same names, and have the same version of the program.

    Parameters
    ----------
    client : distributed.Client
        A client of the cluster.
    weights : path, optional
        As for `dispr.load`, which each worker calls once.
    device : str
        As for `dispr.load`.
    cells_per_task : int
        Most cells that a worker is sent at once; of packed shapes it is sent those of a shard.
    """

    elsewhere = True

    def __init__(
        self,
        client: Any,
        weights: Path | None = None,
        device: str = "auto",
        cells_per_task: int = CELLS_OF_TASK,
    ) -> None:
        self.client, self.device, self.cells_per_task = client, device, cells_per_task
        self.weights = None if weights is None else Path(weights).absolute()

    def predict(
        self,
        drawn: PredictionFolder,
        part: Part,
        todo: Sequence[CellFiles],
        report: Callable[..., None],
    ) -> None:
        """Predict cells; see `dispr.prediction.folder.Workers`.

        Raises
        ------
        ConfigError
            If the cluster ends, or its workers are of another version, or die of a task.
        """
        tasks = list(
            tasks_of(
                drawn,
                part,
                todo,
                weights=self.weights,
                device=self.device,
                most=self.cells_per_task,
            )
        )
        for task, done in self._run(tasks):
            accept(drawn, part, done)
            report(len(task.files))

    def _run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Done]]:
        """Send tasks, two for each worker at a time, and give what comes back."""
        from distributed import wait
        from distributed.client import Future

        run = uuid.uuid4().hex
        waiting = deque(enumerate(tasks))
        flying: dict[Future, Task] = {}
        try:
            resources = self._resources() if waiting else {}
            while waiting or flying:
                room = 2 * max(self._workers(), 1)
                while waiting and len(flying) < room:
                    i, task = waiting.popleft()
                    key = f"dispr-{run}-{i}"
                    future = self.client.submit(
                        work, task, key=key, retries=RETRIES, resources=resources, pure=False
                    )
                    flying[future] = task
                with contextlib.suppress(TimeoutError):
                    wait(list(flying), POLL, "FIRST_COMPLETED")
                for future in [future for future in flying if future.done()]:
                    yield flying[future], self._result(future, flying[future])
                    del flying[future]
        except (CancelledError, OSError) as error:
            raise self._lost() from error
        finally:
            self._cancel(list(flying))

    def _resources(self) -> dict[str, float]:
        """Wait for the first worker, and give what tasks take of its resources."""
        while not self._workers():
            time.sleep(0.2)
        known = self.client.scheduler_info()["workers"].values()
        return {GPU: 1} if any(GPU in worker["resources"] for worker in known) else {}

    def _workers(self) -> int:
        if self.client.status not in ("running", "newly-created"):
            raise self._lost()
        return len(self.client.nthreads())

    def _result(self, future: Any, task: Task) -> Done:
        from distributed.scheduler import KilledWorker

        if future.status in ("cancelled", "lost"):
            raise self._lost()
        first = task.files[0].name
        try:
            done: Done = future.result()
        except KilledWorker as error:
            raise ConfigError(
                f"several workers died of the task that begins with the cell {first}, perhaps for "
                "lack of memory; give workers more, and run the command again, which resumes."
            ) from error
        except DisprError:
            raise
        except (CancelledError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise ConfigError(
                f"a worker failed at the task that begins with the cell {first}: "
                f"{type(error).__name__}: {error}; run the command again, which resumes."
            ) from error
        return done

    def _lost(self) -> ConfigError:
        return ConfigError(
            "the Dask scheduler does not answer any more; start the cluster and run the command "
            "again, which resumes."
        )

    def _cancel(self, flying: list[Any]) -> None:
        if flying and self.client.status == "running":
            with contextlib.suppress(Exception):
                self.client.cancel(flying, force=True, asynchronous=False)


def model_of_client(
    weights: Path | None, precision: str, level: float | None = None, device: str = "auto"
) -> Model:
    """Load the model where nothing is computed: on the CPU, in the precision of the workers.

    Workers may not be alike, so "auto" is what suits this process; "fp32" where it does not have
    the device.

    Raises
    ------
    ConfigError
        If the precision is none.
    """
    model = load(weights, "cpu", level=level)
    if precision != "auto":
        return model.in_precision(one_of(precision, tuple(PRECISIONS), "precision"))
    try:
        model.precision = check_precision("auto", find_device(device))
    except ConfigError:  # the device is one of the workers
        model.precision = "fp32"
    return model


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect to a Dask cluster, or start one of this computer.

    Parameters
    ----------
    address : str
        Address of a scheduler, such as tcp://10.0.0.1:8786; the file that it writes with
        `--scheduler-file`; or "local", for processes of this computer.

    Raises
    ------
    ConfigError
        If there is no scheduler, or Dask is not installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise ConfigError("Dask is not installed: pip install 'dispr[dask]'.") from error
    _silence()
    with contextlib.ExitStack() as stack:
        if address == LOCAL:
            gpus = torch.cuda.device_count()
            size = {"n_workers": 1, "threads_per_worker": 1} if gpus else {}
            cluster = distributed.LocalCluster(
                dashboard_address=None, silence_logs=logging.CRITICAL, preload=[_DEAF], **size
            )
            stack.enter_context(cluster)
            yield stack.enter_context(distributed.Client(cluster))
            return
        try:
            found = Path(address)
            place = json.loads(found.read_text())["address"] if found.is_file() else address
            asyncio.run(_call(place))  # clients that do not get to one leave threads behind
            client = distributed.Client(place, timeout=TIMEOUT)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"no Dask scheduler answers at {address}; start one with dask scheduler, or give "
                "local."
            ) from error
        yield stack.enter_context(client)


_DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""Run by workers of this computer: Ctrl-C reaches them too, and is for the client to act on."""


async def _call(address: str) -> None:
    from distributed.comm import connect

    comm = await connect(address, timeout=TIMEOUT)
    await comm.close()


def _silence() -> None:
    """Have Dask log nothing, since errors are told as a sentence; its loggers have own levels."""
    for name in ["distributed", *logging.root.manager.loggerDict]:
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


# On workers

_computing = threading.Lock()
_model: tuple[tuple[Any, ...], Model] | None = None


def work(task: Task) -> Done:
    """Do a task on a worker; one at a time computes."""
    with _computing, _threads():
        return do(task, _loaded)


def _loaded(task: Task) -> Model:
    """Load the model, once in each process."""
    global _model
    drawing = task.terms.drawing
    key = task.weights, task.device, drawing["model"], drawing["precision"], task.level
    if _model is None or _model[0] != key:
        model = load(task.weights, task.device, drawing["precision"], task.level)
        _model = key, checked(model, task)
    return _model[1]


@contextlib.contextmanager
def _threads() -> Iterator[None]:
    """Compute with all threads of the worker, of which Dask leaves torch one."""
    from distributed import get_worker

    before = torch.get_num_threads()
    with contextlib.suppress(ValueError):  # it is no worker
        torch.set_num_threads(get_worker().state.nthreads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
