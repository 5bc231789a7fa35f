"""Let the disk be full, or not be written to, as commands run; make room, and run them again."""

from __future__ import annotations

import contextlib
import errno
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

from faults_bench import Bench, Judge
from faults_commands import Command
from faults_server import End, Fault

FULL = (errno.ENOSPC, errno.EDQUOT)
REFUSALS = (*FULL, errno.EROFS, errno.EACCES, errno.EIO)
"""Why nothing can be written any more."""


def disk_trial(bench: Bench, command: Command, chance: random.Random) -> Judge:
    """Stop writing at random, in one of two ways; then let the command go on, and compare.

    In one, an event is refused, and so is all that is written later (`faults_server.Watch`). In the
    other, `out` is a disk in memory that is too small, which libraries notice that write files by
    themselves; it takes root.
    """
    judge, reference = Judge(), bench.refer(command)
    bench.begin(command)
    if chance.random() < 0.5 and _may_mount():
        size = sum((reference.room / name).stat().st_size for name in reference.files)
        pages = max(int(chance.uniform(0.02, 0.98) * size / 4096), 1)
        with _disk(bench.room / "out", pages) as grow:
            end = bench.run(command).end()
            _judge(judge, end, errno.ENOSPC, f"disk of {4 * pages} of {size // 1024} KiB")
            judge.unfinished(bench.room)
            grow()
            judge.end(bench.run(command).end(), {0}, "then")
            judge.left(reference.state, bench.room)
        return judge
    at, why = chance.randrange(max(len(reference.end.events), 1)), chance.choice(REFUSALS)
    end = bench.run(command, Fault(at, "error", errno=why)).end()
    _judge(judge, end, why, f"{errno.errorcode[why]} from event {at}")
    judge.unfinished(bench.room)
    judge.end(bench.run(command).end(), {0}, "then")
    judge.left(reference.state, bench.room)
    return judge


def _judge(judge: Judge, end: End, why: int, what: str) -> None:
    """Judge how a command ended that could not write: with one sentence."""
    judge.end(end, {0, 2}, what)
    if end.code == 2:
        judge.counts["faults"] += 1
        errors = [line for line in end.said.splitlines() if "Error: " in line]
        if len(errors) != 1 or (why in FULL and "disk is full" not in errors[0]):
            judge.wrong("codes", f"not one clear sentence: {end.said[-500:]}")


def _may_mount() -> bool:
    """Tell whether this process may mount a disk in memory."""
    status = Path("/proc/self/status").read_text()
    bits = int(status.partition("CapEff:")[2].split()[0], 16)
    return bool(bits >> 21 & 1)  # CAP_SYS_ADMIN


@contextlib.contextmanager
def _disk(folder: Path, pages: int) -> Iterator[object]:
    """Mount a disk in memory, of so many pages of 4 KiB; yield what makes it large enough."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o"]
    subprocess.run([*mount, f"size={pages * 4096}", "tmpfs", folder], check=True)
    try:
        yield lambda: subprocess.run(["mount", "-o", "remount,size=1g", folder], check=True)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
