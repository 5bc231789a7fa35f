"""Put faults into the commands of `dispr`, and see whether anything is lost.

    python benchmarks/faults.py --seed 1 --minutes 30
    python benchmarks/faults.py --seed 1 --kills 100 --only train

Each command (`faults_commands.py`) is run undisturbed once. Then it is stopped at random moments in
a second folder (`faults_kills.py`) and run again with the same command line until it ends. Both
folders must then hold the same, bit for bit (`faults_compare.py` says what may differ); no process
may be left, nor a file that is not finished; no command may break with a traceback. The exit code
is 1 if a fault was found. Linux only.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from faults_commands import COMMANDS, Command, make_inputs
from faults_kills import Note, Reference, kill_trial, refer
from faults_server import Server, servers

COLUMNS = (
    *("faults", "lost", "doubled", "different", "tracebacks", "left over", "processes"),
    "codes",
)
"""What is counted: faults put in, and what became of it."""


def main() -> None:
    """Run trials until the time is over, and show what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=10, help="trials of each command")
    parser.add_argument("--minutes", type=float, help="go on for so long, in place of --kills")
    parser.add_argument("--only", default="", help="part of the name of commands")
    given = parser.parse_args()
    if sys.platform != "linux":
        raise SystemExit("This needs Linux.")
    commands = [command for command in COMMANDS if given.only in command.name]
    trials = sys.maxsize if given.minutes else given.kills
    until = time.monotonic() + 60 * given.minutes if given.minutes else float("inf")
    with tempfile.TemporaryDirectory() as name, servers(given.seed, given.seed + 1) as found:
        counts = campaign(found, commands, Path(name), given.seed, trials, until, print)
    print(f"\n{table(counts)}")
    if any(faulty(counts).values()):
        print(f"Faults were found; repeat this with --seed {given.seed}.")
        raise SystemExit(1)


def campaign(
    found: Sequence[Server],
    commands: Sequence[Command],
    room: Path,
    seed: int,
    trials: int,
    until: float,
    note: Note,
) -> dict[str, Counter[str]]:
    """Put faults into commands in turn; count what becomes of it, by command.

    Parameters
    ----------
    found : sequence of Server
        One for the references and one for the trials.
    commands : sequence of Command
        The commands.
    room : Path
        An empty folder.
    seed : int
        Of all chance: trial i of a command is the same whatever else is run.
    trials : int
        Trials of each command.
    until : float
        When to end, by `time.monotonic`; not before the first trial of each.
    note : callable
        Told of what is wrong.
    """
    inputs = room / "inputs"
    inputs.mkdir()
    make_inputs(found[0], inputs, {name for command in commands for name in command.inputs})
    references: dict[str, Reference] = {}
    counts: dict[str, Counter[str]] = {command.name: Counter() for command in commands}
    for trial in range(trials):
        for command in commands:
            if trial and time.monotonic() > until:
                return counts
            if command.name not in references:
                references[command.name] = refer(found[0], command, inputs, room / "reference")
            chance = random.Random(f"{seed} {command.name} {trial}")
            counts[command.name] += kill_trial(
                found[-1], command, references[command.name], inputs, room / "trial", chance, note
            )
    return counts


def faulty(counts: dict[str, Counter[str]]) -> Counter[str]:
    """Count what was wrong, over all commands."""
    total = sum(counts.values(), Counter())
    return Counter({name: total[name] for name in COLUMNS[1:]})


def table(counts: dict[str, Counter[str]]) -> str:
    """Lay out what was counted."""
    width = max(map(len, (*counts, "command")))
    lines = ["  ".join((f"{'command':{width}}", *(f"{name:>10}" for name in COLUMNS)))]
    for name, found in counts.items():
        lines.append("  ".join((f"{name:{width}}", *(f"{found[c]:>10}" for c in COLUMNS))))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
