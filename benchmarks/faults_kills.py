"""Stop commands at random moments, run them again until they end, and compare."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time

from faults_bench import Bench, Judge, Reference
from faults_commands import Command
from faults_server import LIMIT_S, End, Fault

KINDS = {
    "KILL": (signal.SIGKILL,),
    "TERM": (signal.SIGTERM,),
    "INT": (signal.SIGINT,),
    "INT twice": (signal.SIGINT, signal.SIGINT),
    "KILL of a worker": (),
}
"""What stops a command, or one of the processes that work for it, as where memory is short."""

MOMENTS = ("time", "file", "event", "event")
"""At any time; as a file appears; just before a change of a file (`faults_server.Watch`)."""

STOPPED = 130
REFUSED = 2
MOST_RUNS = 4
BETWEEN_S = 0.05
"""Longest time between two signals."""


def kill_trial(bench: Bench, command: Command, chance: random.Random) -> Judge:
    """Stop a command one to four times, run it to its end, and compare."""
    judge, reference = Judge(), bench.refer(command)
    bench.begin(command)
    ended = False
    for _ in range(chance.randint(1, MOST_RUNS)):
        kind, moment = chance.choice(list(KINDS)), chance.choice(MOMENTS)
        end, when = _stopped(bench, command, reference, chance, KINDS[kind], moment)
        ended = end.code == 0
        judge.counts["faults"] += not ended
        code = {"KILL": -signal.SIGKILL, "KILL of a worker": REFUSED}.get(kind, STOPPED)
        judge.end(end, {0, code}, f"{kind} {when}")
        if ended:
            break
    if not ended:
        judge.end(bench.run(command).end(), {0}, "then")
    judge.left(reference.state, bench.room)
    return judge


def _stopped(
    bench: Bench,
    command: Command,
    reference: Reference,
    chance: random.Random,
    signals: tuple[int, ...],
    moment: str,
) -> tuple[End, str]:
    """Run a command and stop it; say when."""
    if not signals:
        return _worker_killed(bench, command, reference, chance)
    if moment == "event":
        at = chance.randrange(max(len(reference.end.events), 1))
        running = bench.run(command, Fault(at, signal=signals[0]))
        when = f"at event {at}"
        if len(signals) > 1:  # the first is on its way
            running.ended(chance.uniform(0, reference.end.seconds))
            for kind in signals[1:]:
                running.signal(kind)
        return running.end(), when
    running = bench.run(command)
    if moment == "time":
        seconds = chance.uniform(0, reference.end.seconds)
        running.ended(seconds)
        when = f"after {seconds:.3f} s"
    else:
        count = chance.randint(1, max(len(reference.files), 1))
        when = f"as file {count} appeared"
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until and not running.ended(0.001):
            if sum(path.is_file() for path in (bench.room / "out").rglob("*")) >= count:
                running.ended(chance.choice((0.0, 0.0, 0.002, 0.01)))
                break
    for kind in signals:
        running.signal(kind)
        if len(signals) > 1:
            running.ended(chance.uniform(0, BETWEEN_S))
    return running.end(), when


def _worker_killed(
    bench: Bench, command: Command, reference: Reference, chance: random.Random
) -> tuple[End, str]:
    """Run a command and kill one of its other processes, if it has any; say when."""
    running = bench.run(command)
    seconds = chance.uniform(0, reference.end.seconds)
    running.ended(seconds)
    while not running.ended(0.001):
        others = [pid for pid in running.alive() if pid != running.pid]
        if others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(sorted(others)), signal.SIGKILL)
            break
    return running.end(), f"after {seconds:.3f} s"
