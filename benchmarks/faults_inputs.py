"""Let inputs vanish or change as commands read them; run the commands again, and compare."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from faults_bench import Bench, Judge
from faults_commands import Command
from faults_compare import CHECKSUMS, state
from faults_server import Fault


def inputs_trial(bench: Bench, command: Command, chance: random.Random) -> Judge:
    """Take an input away, or exchange it, just before an event.

    What was taken away is put back, and the command must then end as if nothing had happened. After
    an exchange it must end as in a new folder with the new inputs, or refuse to go on.
    """
    judge, reference = Judge(), bench.refer(command)
    paths = _inputs(bench, command, chance)
    if not paths:
        return judge
    path = chance.choice(paths)
    others = [other for other in paths if _alike(other, path)]
    other = chance.choice(others) if others and chance.random() < 0.5 else None
    kept = bench.room.parent / "kept"
    shutil.copyfile(other or path, kept)
    name = path.relative_to(bench.room).as_posix()
    at = chance.randrange(max(len(reference.end.events), 1))
    fault = Fault(at, "input", old=str(path), new=str(kept) if other else "")
    what = f"{name} {f'is {other.name}' if other else 'vanishes'} at event {at}"
    judge.end(bench.run(command, fault).end(), {0, 2, 3}, what)
    judge.counts["faults"] += 1
    if other is None:
        shutil.copyfile(kept, path)
        judge.end(bench.run(command).end(), {0}, "put back, then")
        judge.left(_without(reference.state, bench.room), bench.room)
        return judge
    end = bench.run(command).end()
    judge.end(end, {0, 2, 3}, "then")
    if end.code == 2:
        judge.counts["refused"] += 1
        return judge
    anew = bench.room.parent / "anew"
    shutil.rmtree(anew, ignore_errors=True)
    shutil.copytree(bench.room / "inputs", anew / "inputs")
    fresh = bench.run(command, room=anew, server=bench.servers[0]).end()
    judge.end(fresh, {end.code}, "in a new folder")
    judge.left(state(anew), bench.room)
    return judge


def _inputs(bench: Bench, command: Command, chance: random.Random) -> list[Path]:
    """Put inputs into the folder for trials, half of the time without checksums."""
    bench.begin(command)
    folder = bench.room / "inputs"
    if chance.random() < 0.5:
        for path in folder.rglob(CHECKSUMS):
            path.unlink()
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != CHECKSUMS)


def _alike(one: Path, other: Path) -> bool:
    """Tell whether a file could take the place of another."""
    return one != other and one.parent == other.parent and one.suffix == other.suffix


def _without(expected: dict[str, bytes], room: Path) -> dict[str, bytes]:
    """Leave out the checksums of inputs where there are none."""
    return {
        name: content
        for name, content in expected.items()
        if not (name.startswith("inputs/") and name.endswith(CHECKSUMS)) or (room / name).is_file()
    }
