"""Read damaged files of all kinds in processes of their own, and count what becomes of it.

    python benchmarks/fuzz.py --seed 1 --inputs 20000 --minutes 20

Small valid files of every kind are made (`fuzz_readers.py`). Half of the inputs are such files,
changed in one to four places: bits, blocks, numbers of binary headers, words of texts. The others
are built piece by piece (`hostile_files.py`), where there is a builder for their kind. Files stand
without checksums, so that readers see what is in them.

An outcome is one of: value, refused (`dispr.errors`), TRACEBACK, HANG (more than 10 s), MEMORY
(more than 1 GiB with images limited to 0.25 GiB, or none left), CRASH, CODE (a program, a shell, a
connection or a file's own Python code was started), OUTSIDE (something outside the folder of the
file was written, moved or removed; told by audit events of Python). The first of each kind of the
last six is shown, and its input kept with `--keep`. The exit code is 1 if there was any.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

CHECKSUMS = "dispr_checksums.txt"
LIMIT_S = 10.0
START_S = 600.0
MOST_MEMORY = 2**30
LIMIT_GIB = "0.25"

CODE = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "subprocess.Popen")
CODE += ("socket.connect", "ctypes.dlopen", "pty.spawn", "os.fork")
WRITES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")
WRITES += ("os.chmod", "os.chown", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile")
"""Events of Python (PEP 578) that a reader has no reason for; and those that it has within its own
folder."""

WORDS = (
    *(b"", b"0", b"-1", b"1e999", b"nan", b"inf", b"9" * 5000, b"null", b"true", b"[]", b"{}"),
    *(b'""', b'"', b",", b"\n", b"\0", b"\xff", b"0x10", b"1_0", b"..", b"/", b"[" * 3000),
    *("\u00b2".encode(), "\u0661".encode(), "\u2028".encode(), b"1.5", b"[[], [], [], []]"),
)
"""What takes the place of a word or number of a text."""

VALUES: tuple[Any, ...] = (
    *(0, -1, 1, 1.5, -0.0, 1e308, 2**31, 2**70, True, None, "", "a", "..", "1", "nan", "\u00b2"),
    *([], {}, [[]], [1], ["a"], {"a": 1}, [None] * 4, [1, 2, 3, [4]], "a" * 5000, [0] * 5000),
)
"""What takes the place of a value in a record or a table."""

NUMBERS = (0, 1, 2**7, 2**15 - 1, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
"""What takes the place of numbers in binary headers."""


def changed(content: bytes, chance: random.Random) -> bytes:
    """Change a file in one to four places; half of the texts so that they stay JSON or a table."""
    if chance.random() < 0.5:
        with contextlib.suppress(ValueError):
            text = content.decode("utf-8")
            return (_other_json if text[:1] in "{[" else _other_table)(text, chance).encode()
    found = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4))):
        if not found:
            break
        # Headers are at the beginning, and at the end of archives.
        near = chance.randrange(min(512, len(found)))
        at = chance.choice((chance.randrange(len(found)), near, len(found) - 1 - near))
        kind = chance.choice(("flip", "number", "cut", "drop", "repeat", "zero", "word", "word"))
        block = bytes(found[at : at + chance.randrange(1, 65)])
        if kind == "flip":
            found[at] ^= 1 << chance.randrange(8)
        elif kind == "number":
            size = chance.choice((1, 2, 4, 8))
            value = chance.choice(NUMBERS) % 256**size
            found[at : at + size] = value.to_bytes(size, chance.choice(("little", "big")))
        elif kind == "cut":
            del found[at:]
        elif kind == "word":
            words = list(re.finditer(rb"[\w.+-]+", found[at : at + 200]))
            if words:
                first, last = chance.choice(words).span()
                found[at + first : at + last] = chance.choice(WORDS)
        else:
            new = {"drop": b"", "repeat": block * 2, "zero": bytes(len(block))}[kind]
            found[at : at + len(block)] = new
    return bytes(found)


def _other_json(text: str, chance: random.Random) -> str:
    """Put another value, or none, into a place of a JSON text."""
    record = json.loads(text)
    places: list[tuple[Any, Any]] = []
    todo = [record]
    while todo:
        inner = todo.pop()
        for key in list(inner) if isinstance(inner, dict) else range(len(inner)):
            places.append((inner, key))
            if isinstance(inner[key], (dict, list)):
                todo.append(inner[key])
    if places:
        inner, key = chance.choice(places)
        if chance.random() < 0.2:
            del inner[key]
        else:
            inner[key] = chance.choice(VALUES)
    return json.dumps(record)


def _other_table(text: str, chance: random.Random) -> str:
    """Put another value into a field of a CSV text."""
    lines = [line.split(",") for line in text.split("\n")]
    line = chance.choice(lines)
    line[chance.randrange(len(line))] = str(chance.choice(VALUES)).replace(",", ";")
    return "\n".join(map(",".join, lines))


class Watch:
    """Takes note of what a reader does beside reading."""

    def __init__(self) -> None:
        self.inside: tuple[str, ...] = ()
        self.seen: list[str] = []
        sys.addaudithook(self.event)

    def event(self, name: str, given: tuple[Any, ...]) -> None:
        """Take note of an event of Python."""
        if not self.inside:
            return
        if name in CODE or (name == "exec" and getattr(given[0], "co_filename", "") == "<string>"):
            self.seen.append(f"CODE {name}")
        elif name == "open" and isinstance(given[0], (str, bytes)):
            writes = given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if given[2] else 0
            if writes:
                self.outside(name, given[0])
        elif name in WRITES:
            self.outside(name, given[0])

    def outside(self, name: str, path: object) -> None:
        """Take note of a path outside the folder."""
        if isinstance(path, (str, bytes, os.PathLike)):
            whole = os.path.abspath(os.fsdecode(path))
            if not whole.startswith(self.inside):
                self.seen.append(f"OUTSIDE {name}: {whole[:100]}")


def serve(pipe: Connection, name: str, made: str) -> None:
    """Read what comes through a pipe, one file after another, and answer with the outcome."""
    import logging
    import warnings

    from fuzz_readers import readers

    warnings.simplefilter("ignore")
    logging.disable()
    reader = readers(Path(made))[name]
    watch = Watch()
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "folder"
        if reader.beside:
            shutil.copytree(Path(made) / reader.beside, folder)
            (folder / CHECKSUMS).unlink(missing_ok=True)
        folder.mkdir(exist_ok=True)
        path = folder / reader.file
        outcomes = set()
        for valid in reader.valid:  # so that all is imported
            path.write_bytes(valid)
            outcomes.add(_outcome(reader.read, path))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff writes there
        pipe.send("ready" if "value" in outcomes else f"no file of {name} is valid: {outcomes}")
        limit_memory()
        os.environ["DISPR_LARGEST_GIB"] = LIMIT_GIB
        os.chdir(folder)
        # Libraries keep files of their own in the folder of temporary files.
        inside = (os.path.abspath(room), os.devnull)
        while True:
            path.write_bytes(pipe.recv_bytes())
            before = most_memory()
            watch.inside = inside
            outcome = _outcome(reader.read, path)
            watch.inside = ()
            more = most_memory() - before
            if watch.seen:
                outcome = watch.seen[0]
                watch.seen.clear()
            pipe.send(f"MEMORY {more / 2**30:.0f} GiB" if more > MOST_MEMORY else outcome)


def _outcome(read: object, path: Path) -> str:
    from dispr.errors import DisprError

    assert callable(read)
    try:
        read(path)
    except DisprError as error:
        inner: BaseException | None = error
        while inner is not None and not isinstance(inner, MemoryError):
            inner = inner.__cause__ or inner.__context__
        return "refused" if inner is None else "MEMORY none left, refused"
    except MemoryError:
        return "MEMORY none left"
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "dispr" in Path(frame.filename).parts]
        place = (own or frames)[-1]
        where = f"{Path(place.filename).name}:{place.lineno} {place.name}"
        return f"TRACEBACK {type(error).__name__} in {where}: {str(error)[:100]}"
    return "value"


def most_memory() -> int:
    """Give the most memory that this process has had, in bytes; 0 where that is not told.

    On Linux since the last call.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        peak = re.search(r"VmHWM:\s+(\d+)", status.read_text())
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        return int(peak[1]) * 1024 if peak else 0
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def limit_memory() -> None:
    """Let this process have so much more memory that too much is told, and others have theirs."""
    status = Path("/proc/self/statm")
    if status.is_file():
        import resource

        now = int(status.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + 2 * MOST_MEMORY, resource.RLIM_INFINITY))


class Server:
    """A process that reads files, begun anew where it does not answer."""

    def __init__(self, name: str, made: Path) -> None:
        self.arguments = (name, str(made))
        self.begin()

    def begin(self) -> None:
        """Start the process."""
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, *self.arguments), daemon=True)
        self.process.start()
        other.close()
        said = self.pipe.recv() if self.pipe.poll(START_S) else f"{self.arguments[0]} hangs"
        if said != "ready":
            raise SystemExit(said)

    def outcome(self, content: bytes) -> str:
        """Read one file."""
        self.pipe.send_bytes(content)
        found = "HANG"
        if self.pipe.poll(LIMIT_S):
            try:
                return str(self.pipe.recv())
            except (EOFError, ConnectionError):
                self.process.join()
                found = f"CRASH with exit code {self.process.exitcode}"
        self.end()
        self.begin()
        return found

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()


def main() -> None:
    """Try all readers in turn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--inputs", type=int, default=20_000, help="files to read in all")
    parser.add_argument("--minutes", type=float, default=20.0, help="time for all")
    parser.add_argument("--only", default="", help="parts of the names of readers: A,B")
    parser.add_argument("--keep", type=Path, help="folder for the inputs that are shown")
    given = parser.parse_args()
    from fuzz_readers import make, readers
    from hostile_files import Chance, build

    total: Counter[str] = Counter()
    kinds: set[str] = set()
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        make(room)
        chosen = {
            key: one
            for key, one in readers(room).items()
            if any(part in key for part in given.only.split(","))
        }
        end = time.monotonic() + 60 * given.minutes
        for turn, (key, reader) in enumerate(chosen.items()):
            chance = random.Random(f"{given.seed} {key}")
            counts: Counter[str] = Counter()
            server = Server(key, room)
            stop = time.monotonic() + (end - time.monotonic()) / (len(chosen) - turn)
            for number in range(-(-given.inputs // len(chosen))):
                valid = chance.choice(reader.valid)
                built = build(key, Chance(chance), valid) if number % 2 else None
                content = changed(valid, chance) if built is None else built
                outcome = server.outcome(content)
                counts[outcome.split()[0]] += 1
                kind = re.sub(r"\d+", "0", f"{key}: {outcome.partition(': ')[0]}")
                if outcome[0].isupper() and kind not in kinds:
                    kinds.add(kind)
                    print(f"{key}, input {number}: {outcome}", flush=True)
                    if given.keep:
                        given.keep.mkdir(parents=True, exist_ok=True)
                        (given.keep / f"{key} {number} {reader.file}").write_bytes(content)
                if time.monotonic() > stop:
                    break
            server.end()
            total += counts
            print(f"{key}: {dict(counts)}", flush=True)
    print(json.dumps({"inputs": total.total(), **total}, indent=1))
    sys.exit(bool(kinds))


if __name__ == "__main__":
    main()
