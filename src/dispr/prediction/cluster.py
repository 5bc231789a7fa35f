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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from dispr._version import __version__
from dispr.arguments import one_of
from dispr.cells.folder import CellFiles
from dispr.checksums import kept_back, record_all
from dispr.errors import ConfigError, DisprError
from dispr.failures import Failure, Failures
from dispr.files import write_error
from dispr.journal import Entry
from dispr.locks import holder
from dispr.model.device import PRECISIONS, check_precision, find_device
from dispr.prediction.files import PredictionFolder
from dispr.prediction.model import Model, load
from dispr.prediction.part import CELLS_OF_TASK, Part, Terms
from dispr.prediction.shapes import Shapes, TiffShapes

RETRIES = 2
"""How often a task that raised an error is tried again, and one whose worker died."""

POLL = 2.0
"""Seconds after which the client looks for new workers."""

GPU = "GPU"
"""The resource of workers of which tasks take one each, where they state it."""

LOCAL = "local"

TIMEOUT = 10.0
"""Seconds to wait for a scheduler."""


@dataclass(frozen=True)
class Task:
    """Cells that a worker predicts.

    Attributes
    ----------
    out : Path
        The folder to write to.
    holder : str
        What the lock of the folder says.
    version : str
        Version of the program that asks.
    weights : Path or None
        The weights; None for those shipped.
    device : str
        Where to compute.
    level : float or None
        Level of the intervals; None for that of the weights.
    terms : Terms
        What all cells of the run are predicted by.
    store : str
        How the shapes are kept.
    files : list of CellFiles
        The cells.
    slots : mapping of str to int
        Their places, of packed shapes.
    strict : bool
        Whether the first cell that fails stops the run.
    """

    out: Path
    holder: str
    version: str
    weights: Path | None
    device: str
    level: float | None
    terms: Terms
    store: str
    files: list[CellFiles]
    slots: Mapping[str, int]
    strict: bool


@dataclass
class Done:
    """What came of a task: entries of cells, failures, checksums of files, and what stops a run."""

    entries: dict[str, Entry] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    error: DisprError | None = None


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
        tasks = list(self._tasks(drawn, part, todo))
        for task, done in self._run(tasks):
            try:
                record_all(drawn.path, done.digests)
            except OSError as error:
                raise write_error(drawn.path, error) from error
            if done.entries:
                drawn.shapes.accept(done.entries)
            part.finished += done.entries
            part.failures.found += done.failures
            if done.error is not None:
                raise done.error
            report(len(task.files))

    def _tasks(
        self, drawn: PredictionFolder, part: Part, todo: Sequence[CellFiles]
    ) -> Iterator[Task]:
        files = {file.name: _absolute(file) for file in todo}
        slots: Callable[[Sequence[str]], dict[str, int]]
        slots = getattr(drawn.shapes, "slots", lambda names: {})
        out = drawn.path.absolute()
        for names in drawn.shapes.tasks(list(files), self.cells_per_task):
            remarks = {n: part.terms.remarks[n] for n in names if n in part.terms.remarks}
            yield Task(
                out,
                holder(out),
                __version__,
                self.weights,
                self.device,
                None if part.model.intervals is None else part.model.intervals.level,
                replace(part.terms, remarks=remarks),
                drawn.settings.get("store", "files"),
                [files[name] for name in names],
                slots(names),
                part.failures.strict,
            )

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


def _absolute(file: CellFiles) -> CellFiles:
    """Name the files of a cell as a process in another folder can find them."""
    return replace(
        file,
        image=file.image.absolute(),
        mask=file.mask.absolute(),
        planes=tuple(replace(plane, mask=plane.mask.absolute()) for plane in file.planes),
    )


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
    """Predict cells on a worker, and write their shapes; one task at a time computes."""
    with _computing, _threads(), kept_back() as digests:
        done = Done(digests=digests)
        failures = Failures(task.strict)
        cells = _Entries({name: {"slot": slot} for name, slot in task.slots.items()})
        try:
            _check(task)
            part = Part(_loaded(task), task.terms, _shapes(task, cells), failures)
            part.shapes.plan([file.name for file in task.files])
            try:
                part.predict(task.files, lambda *_: None)
            finally:
                part.shapes.flush()
        except DisprError as error:
            done.error = error
        done.entries, done.failures = cells.new, failures.found
    return done


class _Entries(dict[str, Entry]):
    """Entries of cells in memory, instead of `dispr.journal.Journal`."""

    def __init__(self, known: Mapping[str, Entry]) -> None:
        super().__init__(known)
        self.new: dict[str, Entry] = {}

    def append(self, entries: Mapping[str, Entry]) -> None:
        """Take note of entries."""
        self.update(entries)
        self.new.update(entries)


def _shapes(task: Task, cells: Any) -> Shapes:
    if task.store == "zarr":
        from dispr.prediction.packed_part import PackedPart

        return PackedPart(task.out, task.terms.drawing, cells)
    return TiffShapes(task.out, cells)


def _check(task: Task) -> None:
    """Refuse a task of another version of the program, or of a run that has ended."""
    if task.version != __version__:
        raise ConfigError(
            f"a worker has the version {__version__} of dispr, not {task.version}; install the "
            "same everywhere."
        )
    if not task.out.is_dir():
        raise ConfigError(
            f"a worker does not see {task.out}; name a folder that all workers share."
        )
    if holder(task.out) not in ("", task.holder):  # of a client that was killed
        raise ConfigError(f"another run writes to {task.out} by now.")


def _loaded(task: Task) -> Model:
    """Load the model, once in each process."""
    global _model
    drawing = task.terms.drawing
    key = task.weights, task.device, drawing["model"], drawing["precision"], task.level
    if _model is None or _model[0] != key:
        from dispr.model.weights import fingerprint

        model = load(task.weights, task.device, drawing["precision"], task.level)
        if fingerprint(model.network) != drawing["model"]:
            raise ConfigError(
                f"a worker reads other weights from {task.weights or 'dispr'} than were asked for; "
                "name a file that all of them share."
            )
        _model = key, model
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
