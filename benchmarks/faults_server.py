"""Run commands of `dispr` in children of one process that has imported everything: quick to start.

The process is a child of its own, which runs this file and is told what to run by `Server`. A
command is a fork of it: `dispr.cli.main.main` with the arguments, in a process group of its own, as
a shell would start it. Linux only.

What a command does to the files below a folder is seen by an audit hook of Python (PEP 578),
whatever code does it, and numbered: event n is the n-th time that its main process opens a file to
write, or renames, removes, links, truncates or makes one. A `Fault` is put just before an event.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import pkgutil
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

LIMIT_S = 300.0
"""A command that takes longer hangs."""

PATIENCE_S = 5.0
"""How long processes of a command may outlive it."""

SIGNALS = {signal.SIGINT, signal.SIGTERM}

EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")
GROWS = ("open", "os.mkdir", "os.link", "os.symlink")
"""What a full disk refuses."""


@dataclass(frozen=True)
class Fault:
    """What happens just before an event.

    Attributes
    ----------
    at : int
        Number of the event, from 0; it is the main process's.
    kind : "signal", "error" or "input"
        A signal comes; from then on the file system refuses to write, in all processes; an input
        is exchanged.
    signal : int
        The signal. SIGINT comes to all processes, as from a terminal, others to the main one.
    errno : int
        How the file system refuses.
    old, new : str
        The input, and what takes its place; nothing does if this is empty.
    """

    at: int
    kind: str = "signal"
    signal: int = 0
    errno: int = 0
    old: str = ""
    new: str = ""


@dataclass(frozen=True)
class End:
    """How a command ended.

    Attributes
    ----------
    code : int
        Exit code; that of a signal is negative.
    said : str
        What it wrote to standard error.
    events : list of str
        What it did to files.
    seconds : float
        How long it took.
    alive : int
        Processes that were left, and are ended now.
    hung : bool
        Whether it was ended because it took too long.
    """

    code: int
    said: str
    events: list[str]
    seconds: float
    alive: int = 0
    hung: bool = False

    @property
    def traceback(self) -> bool:
        """Whether it broke, as a user sees it."""
        return any(
            words in self.said
            for words in ("Traceback (most recent", "Exception ignored", "Fatal Python error")
        )


class Run:
    """A command that runs."""

    def __init__(self, server: Server, pid: int, room: Path) -> None:
        self.server, self.pid, self.room = server, pid, room
        self.began = time.monotonic()

    def signal(self, kind: int) -> None:
        """Send a signal: SIGINT to all processes, as a terminal does; others to the main one."""
        with contextlib.suppress(ProcessLookupError):
            if kind == signal.SIGINT:
                os.killpg(self.pid, kind)
            else:
                os.kill(self.pid, kind)

    def ended(self, within: float) -> bool:
        """Wait for its end, for so many seconds."""
        return self.server.has_answer(within)

    def end(self) -> End:
        """Wait for its end, and for its processes."""
        hung = not self.ended(LIMIT_S)
        if hung:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        status = self.server.answer()
        seconds = time.monotonic() - self.began
        alive = self.alive()
        until = time.monotonic() + PATIENCE_S
        while alive and time.monotonic() < until:
            time.sleep(0.02)
            alive = self.alive()
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        said = (self.room / "stderr").read_bytes().decode(errors="replace")
        events = (self.room / "events").read_bytes().decode(errors="replace").splitlines()
        code = os.waitstatus_to_exitcode(status)
        return End(code, said, events, seconds, len(alive), hung)

    def alive(self) -> list[int]:
        """Find the processes of its group in /proc; those that only wait to be reaped are gone."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    about = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                    if int(about[2]) == self.pid and about[0] not in "ZX":
                        found.append(int(entry))
        return found


class Server:
    """A process that has imported `dispr`, and forks a child for each command.

    Parameters
    ----------
    hash_seed : int
        Seed of Python's hashes: what depends on the order of sets differs with it.
    """

    def __init__(self, hash_seed: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": str(hash_seed)},
        )
        assert self._process.stdout is not None
        self._waiting: int | None = None
        self._buffer = b""
        self._line()

    def start(self, arguments: list[str], room: Path, *, watched: Path, fault: Fault | None) -> Run:
        """Start `dispr` in a folder, with an eye on the files below another."""
        log = room.parent / f"{room.name}_log"
        log.mkdir(exist_ok=True)
        request = {
            "arguments": arguments,
            "room": str(room),
            "watched": str(watched),
            "log": str(log),
            "fault": asdict(fault) if fault else None,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return Run(self, int(self._line()), log)

    def has_answer(self, within: float) -> bool:
        """Wait for an answer, for so many seconds."""
        import select

        if b"\n" in self._buffer:
            return True
        return bool(select.select([self._process.stdout], [], [], max(within, 0.0))[0])

    def answer(self) -> int:
        """Give how the child ended, as `os.waitpid` does."""
        return int(self._line())

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        while b"\n" not in self._buffer:
            block = os.read(self._process.stdout.fileno(), 4096)
            if not block:
                raise SystemExit("The process that starts the commands has ended.")
            self._buffer += block
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait()


@contextlib.contextmanager
def servers(*seeds: int) -> Iterator[list[Server]]:
    """Start servers, and end them."""
    found = [Server(seed) for seed in seeds]
    try:
        yield found
    finally:
        for server in found:
            server.close()


# What follows runs in the process that forks, and in its children.


def serve() -> dict[str, Any]:
    """Fork a child for each request of standard input; in the child, give the request."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    answers.write(b"ready\n")
    while line := sys.stdin.buffer.readline():
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until a child is what it becomes
        pid = os.fork()
        if pid == 0:
            answers.close()
            return json.loads(line)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        with contextlib.suppress(PermissionError):  # it has done so itself
            os.setpgid(pid, pid)
        answers.write(b"%d\n" % pid)
        answers.write(b"%d\n" % os.waitpid(pid, 0)[1])
    sys.exit()


def end_with_parent() -> None:
    """Let the kernel end this process with its parent."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def become(request: dict[str, Any]) -> None:
    """Make this process the command of a request."""
    end_with_parent()
    os.setpgid(0, 0)
    log = Path(request["log"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(log / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
    events = os.open(log / "events", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.chdir(request["room"])
    random.seed()  # as in a new process, which nothing may depend on
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    sys.argv = ["dispr", *request["arguments"]]
    fault = Fault(**request["fault"]) if request["fault"] else None
    sys.addaudithook(Watch(request["watched"], events, fault))
    if signal.sigpending() & SIGNALS:  # stopped before it began
        os._exit(130)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


class Watch:
    """An audit hook that numbers events and lets a fault happen."""

    def __init__(self, folder: str, log: int, fault: Fault | None) -> None:
        self.folder, self.log, self.fault = folder + os.sep, log, fault
        self.main, self.number, self.full = os.getpid(), 0, False
        self.busy = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at what Python is about to do."""
        if self.busy or (event != "open" and event not in EVENTS):
            return
        self.busy = True
        try:
            name = self._name(event, arguments)
            if name is not None:
                self._happen(event, name)
        finally:
            self.busy = False

    def _name(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        path = arguments[0]
        if isinstance(path, int) or path is None:
            return None
        if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return None
        whole = os.path.abspath(os.fsdecode(path))
        if not whole.startswith(self.folder):
            return None
        return whole[len(self.folder) :]

    def _happen(self, event: str, name: str) -> None:
        fault = self.fault
        if os.getpid() == self.main:
            os.write(self.log, f"{event} {name}\n".encode(errors="replace"))
            if fault is not None and self.number == fault.at:
                if fault.kind == "signal":
                    send = os.killpg if fault.signal == signal.SIGINT else os.kill
                    send(self.main, fault.signal)
                elif fault.kind == "input":
                    _exchange(fault)
            self.number += 1
        if fault is None or fault.kind != "error":
            return
        if self.number > fault.at and event in GROWS:
            raise OSError(fault.errno, os.strerror(fault.errno), name)


def _exchange(fault: Fault) -> None:
    if fault.new:
        shutil.copyfile(fault.new, fault.old + ".new")
        os.replace(fault.old + ".new", fault.old)
    else:
        os.remove(fault.old)


def import_all() -> None:
    """Import what commands import, but for what needs a screen."""
    import dispr

    for module in pkgutil.walk_packages(dispr.__path__, "dispr."):
        if "napari" not in module.name and module.name != "dispr.__main__":
            importlib.import_module(module.name)
    for name in ("accelerate", "matplotlib.pyplot", "sklearn.ensemble", "tifffile", "zarr", "tqdm"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def main() -> NoReturn:
    """Serve, and be the command in the children."""
    end_with_parent()
    os.environ.setdefault("MPLBACKEND", "agg")
    import_all()
    become(serve())
    from dispr.cli.main import main as command_line

    code: Any = 0
    try:
        command_line()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    # As Python ends, but without taking apart what the forks have in common, which takes a second.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    main()
