"""Damage files that are read back, run the commands that read them, and compare."""

from __future__ import annotations

import random
import signal
from pathlib import Path

from faults_bench import Bench, Judge, Reference
from faults_commands import Command
from faults_compare import CHECKSUMS, state
from faults_server import Fault

KINDS = ("truncate", "flip", "swap", "delete", "zero")


def damage(content: bytes, kind: str, chance: random.Random) -> bytes:
    """Damage the content of a file."""
    if not content:
        return content
    at = chance.randrange(len(content))
    if kind == "truncate":
        return content[:at]
    if kind == "zero":
        size = min(64, len(content) - at)
        return content[:at] + bytes(size) + content[at + size :]
    lines = content.split(b"\n")
    if kind in ("swap", "delete") and len(lines) > 2:
        a, b = chance.sample(range(len(lines) - 1), 2)
        if kind == "delete":
            del lines[a]
        else:
            lines[a], lines[b] = lines[b], lines[a]
        return b"\n".join(lines)
    flipped = bytearray(content)
    flipped[at] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def damage_trial(bench: Bench, command: Command, chance: random.Random) -> Judge:
    """Damage a file of a command that has ended, or was killed, and run the command again.

    It must refuse the file in one sentence, or end as if nothing had happened. Where it does not
    read the file, which then stays as it is, this is counted as "kept". A refused file is removed,
    as such sentences say, and the command must then end so, or refuse again.
    """
    judge, reference = Judge(), bench.refer(command)
    if chance.random() < 0.5:
        bench.begin(command, reference)
        judge.told.append("ended")
    else:
        bench.begin(command)
        at = chance.randrange(max(len(reference.end.events), 1))
        bench.run(command, Fault(at, signal=signal.SIGKILL)).end()
        judge.told.append(f"killed at event {at}")
    path, kind = _chosen(bench.room, chance), chance.choice(KINDS)
    if path is None:
        return judge
    whole, name = path.read_bytes(), path.relative_to(bench.room).as_posix()
    path.write_bytes(damage(whole, kind, chance))
    if path.read_bytes() == whole:
        return judge
    judge.counts["faults"] += 1
    damaged = state(bench.room)[name]
    end = bench.run(command).end()
    judge.end(end, {0, 2, 3}, f"{kind} of {name}, then")
    if end.code:
        judge.counts["refused"] += 1
        judge.told.append(end.said.strip().splitlines()[-1])
        if name.startswith("inputs/"):
            path.write_bytes(whole)
        else:
            path.unlink(missing_ok=True)
        end = bench.run(command).end()
        judge.end(end, {0, 2}, "put right, then")
        if end.code == 0:
            judge.left(_without_line(reference, name, bench.room), bench.room)
        return judge
    found = state(bench.room)
    if found.get(name) == damaged:
        judge.counts["kept"] += 1
        judge.told.append("kept")
        expected = _without_line(reference, name, bench.room) | {name: damaged}
    else:
        expected = reference.state
    judge.left(expected, bench.room)
    return judge


def _chosen(room: Path, chance: random.Random) -> Path | None:
    """Choose a file that is read back: any of `out`, or an input that has a checksum.

    Each kind of file, by its folder or name, is as likely as another.
    """
    guarded = [path.parent for path in (room / "inputs").rglob(CHECKSUMS)]
    kinds: dict[str, list[Path]] = {}
    for path in sorted(room.rglob("*")):
        own = (room / "out") in path.parents
        sealed = path.suffix == ".safetensors" or any(f in path.parents for f in guarded)
        if path.is_file() and (own or sealed):
            key = str(path.parent) + path.suffix + (path.stem if path.suffix != ".tif" else "")
            kinds.setdefault(key, []).append(path)
    return chance.choice(chance.choice(list(kinds.values()))) if kinds else None


def _without_line(reference: Reference, name: str, room: Path) -> dict[str, bytes]:
    """Give what is expected, but for checksums that tell of a file, or that are the file."""
    expected, found = dict(reference.state), state(room)
    for sums in [key for key in expected if key.endswith(CHECKSUMS)]:
        if name.startswith(sums.removesuffix(CHECKSUMS)):
            expected.pop(sums)
            if sums in found:
                expected[sums] = found[sums]
    return expected
