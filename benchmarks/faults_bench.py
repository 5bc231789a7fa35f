"""What all kinds of trials share: inputs, what commands do undisturbed, and a judge."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from faults_commands import Command, copy_inputs
from faults_compare import differences, state
from faults_server import End, Fault, Run, Server

Note = Callable[[str], object]


@dataclass(frozen=True)
class Reference:
    """What a command does undisturbed.

    Attributes
    ----------
    end : End
        How it ended.
    room : Path
        Its folder.
    state : dict
        What it left there, see `faults_compare.state`.
    """

    end: End
    room: Path
    state: dict[str, bytes]

    @property
    def files(self) -> list[str]:
        """The files that it wrote."""
        return [name for name in self.state if name.startswith("out/") and name[-1] != "/"]


@dataclass
class Bench:
    """Where trials are made.

    Attributes
    ----------
    servers : sequence of Server
        One for the references and one for the trials.
    inputs : Path
        The inputs of all commands.
    room : Path
        A folder for the trials, which is emptied before each.
    references : Path
        A folder for the references.
    """

    servers: list[Server]
    inputs: Path
    room: Path
    references: Path
    known: dict[str, Reference] = field(default_factory=dict)

    def refer(self, command: Command) -> Reference:
        """Run a command undisturbed, once."""
        if command.name not in self.known:
            room = self.references / command.name.replace(" ", "_")
            copy_inputs(command, self.inputs, room)
            end = self.run(command, room=room, server=self.servers[0]).end()
            if end.code or end.traceback or end.alive:
                raise SystemExit(f"dispr {command.line}\nends with {end.code}: {end.said}")
            self.known[command.name] = Reference(end, room, state(room))
        return self.known[command.name]

    def begin(self, command: Command, after: Reference | None = None) -> None:
        """Empty the folder for a trial, and put the inputs there, or all of a reference."""
        if after is None:
            copy_inputs(command, self.inputs, self.room)
        else:
            shutil.rmtree(self.room, ignore_errors=True)
            shutil.copytree(after.room, self.room)

    def run(
        self,
        command: Command,
        fault: Fault | None = None,
        *,
        room: Path | None = None,
        server: Server | None = None,
    ) -> Run:
        """Start a command in the folder for trials."""
        room = room or self.room
        return (server or self.servers[-1]).start(
            command.arguments, room, watched=room, fault=fault
        )


class Judge:
    """What is wrong in a trial: counted, and told.

    Attributes
    ----------
    counts : Counter
        Faults that were put in ("faults"), and what became of it.
    told : list of str
        The story of the trial.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.told: list[str] = []

    def end(self, end: End, allowed: set[int], what: str) -> None:
        """Judge how a command ended."""
        self.told.append(f"{what}: {end.code}")
        if end.traceback:
            self.wrong("tracebacks", end.said[-1500:])
        if end.alive:
            self.wrong("processes", f"{end.alive} left")
        if end.hung or end.code not in allowed:
            self.wrong("codes", "HANGS" if end.hung else end.said[-500:])

    def left(self, expected: dict[str, bytes], room: Path) -> None:
        """Judge what is left in a folder."""
        for wrong, name in differences(expected, state(room)):
            self.wrong(wrong, name)

    def unfinished(self, room: Path) -> None:
        """Judge what is left in a folder of a command that has not ended well."""
        for path in sorted(room.rglob(".*")):
            self.wrong("left over", path.relative_to(room).as_posix())

    def wrong(self, kind: str, what: str) -> None:
        """Count and tell something that is wrong."""
        self.counts[kind] += 1
        self.told.append(f"{kind.upper()} {what}")

    @property
    def faulty(self) -> bool:
        """Whether anything is wrong."""
        return any(kind not in HARMLESS for kind in +self.counts)


HARMLESS = ("faults", "refused", "kept", "seconds")
"""What is counted that is not wrong."""

Trial = Callable[[Bench, Command, random.Random], Judge]
"""A trial of one kind of fault with a command."""
