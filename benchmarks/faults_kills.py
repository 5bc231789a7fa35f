"""Stop commands at random moments, run them again until they end, and compare."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faults_commands import Command, copy_inputs
from faults_compare import differences, state
from faults_server import LIMIT_S, End, Fault, Run, Server

KINDS = {
    "KILL": (signal.SIGKILL,),
    "TERM": (signal.SIGTERM,),
    "INT": (signal.SIGINT,),
    "INT twice": (signal.SIGINT, signal.SIGINT),
}
"""What stops a command."""

MOMENTS = ("time", "file", "event", "event")
"""At any time; as a file appears; just before a change of a file (`faults_server.Watch`)."""

STOPPED = 130
MOST_RUNS = 4
BETWEEN_S = 0.05
"""Longest time between two signals."""

Note = Callable[[str], object]


@dataclass(frozen=True)
class Reference:
    """What a command does undisturbed.

    Attributes
    ----------
    end : End
        How it ended.
    state : dict
        What it left, see `faults_compare.state`.
    """

    end: End
    state: dict[str, bytes]

    @property
    def files(self) -> int:
        """How many files it wrote."""
        return sum(name.startswith("out/") and name[-1] != "/" for name in self.state)


def run(server: Server, command: Command, room: Path, fault: Fault | None = None) -> Run:
    """Start a command in its folder."""
    return server.start(command.arguments, room, watched=room, fault=fault)


def refer(server: Server, command: Command, inputs: Path, room: Path) -> Reference:
    """Run a command undisturbed."""
    copy_inputs(command, inputs, room)
    end = run(server, command, room).end()
    if end.code or end.traceback or end.alive:
        raise SystemExit(f"dispr {command.line}\nended with {end.code}, undisturbed: {end.said}")
    return Reference(end, state(room))


def kill_trial(
    server: Server,
    command: Command,
    reference: Reference,
    inputs: Path,
    room: Path,
    chance: random.Random,
    note: Note,
) -> Counter[str]:
    """Stop a command one to four times, run it to its end, and count what is wrong."""
    counts: Counter[str] = Counter()
    told: list[str] = []
    copy_inputs(command, inputs, room)
    ended = False
    for _ in range(chance.randint(1, MOST_RUNS)):
        kind, moment = chance.choice(list(KINDS)), chance.choice(MOMENTS)
        end, when = _stopped(server, command, reference, room, chance, KINDS[kind], moment)
        told.append(f"{kind} {when}: {end.code}")
        ended = end.code == 0
        counts["faults"] += not ended
        allowed = {0, -signal.SIGKILL if kind == "KILL" else STOPPED}
        _judge_end(end, allowed, counts, told)
        if ended:
            break
    if not ended:
        end = run(server, command, room).end()
        told.append(f"then {end.code}")
        _judge_end(end, {0}, counts, told)
    for wrong, name in differences(reference.state, state(room)):
        counts[wrong] += 1
        told.append(f"{wrong} {name}")
    if counts.total() > counts["faults"]:
        note(f"{command.name}: {'; '.join(told)}")
    return counts


def _judge_end(end: End, allowed: set[int], counts: Counter[str], told: list[str]) -> None:
    if end.traceback:
        counts["tracebacks"] += 1
        told.append(f"TRACEBACK {end.said[-1500:]}")
    if end.alive:
        counts["processes"] += end.alive
        told.append(f"{end.alive} processes left")
    if end.hung or end.code not in allowed:
        counts["codes"] += 1
        told.append("HANGS" if end.hung else f"exit code {end.code}: {end.said[-500:]}")


def _stopped(
    server: Server,
    command: Command,
    reference: Reference,
    room: Path,
    chance: random.Random,
    signals: tuple[int, ...],
    moment: str,
) -> tuple[End, str]:
    """Run a command and stop it; say when."""
    if moment == "event":
        at = chance.randrange(max(len(reference.end.events), 1))
        running = run(server, command, room, Fault(at, signal=signals[0]))
        when = f"at event {at}"
        if len(signals) > 1:  # the first is on its way
            running.ended(chance.uniform(0, reference.end.seconds))
            for kind in signals[1:]:
                running.signal(kind)
        return running.end(), when
    running = run(server, command, room)
    if moment == "time":
        seconds = chance.uniform(0, reference.end.seconds)
        running.ended(seconds)
        when = f"after {seconds:.3f} s"
    else:
        count = chance.randint(1, max(reference.files, 1))
        when = f"as file {count} appeared"
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until and not running.ended(0.001):
            if sum(path.is_file() for path in (room / "out").rglob("*")) >= count:
                running.ended(chance.choice((0.0, 0.0, 0.002, 0.01)))
                break
    for kind in signals:
        running.signal(kind)
        if len(signals) > 1:
            running.ended(chance.uniform(0, BETWEEN_S))
    return running.end(), when
