"""Put faults into the commands of `dispr`, and see whether anything is lost.

    python benchmarks/faults.py --seed 1 --minutes 30
    python benchmarks/faults.py --seed 1 --kills 100 --only train --kinds kills

Each command (`faults_commands.py`) is run undisturbed once. Then faults are put into it: it is
stopped at random moments (`faults_kills.py`), cannot write (`faults_disk.py`), has its inputs taken
away or exchanged (`faults_inputs.py`), or finds a file damaged (`faults_damage.py`). Run again with
the same command line it must end as if nothing had happened, or refuse in one sentence: what it
leaves must be that of the undisturbed run, bit for bit (`faults_compare.py` says what may differ).
No process may be left, nor a file that is not finished; no command may break with a traceback.

The exit code is 1 if a fault was found. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from faults_bench import HARMLESS, Bench, Note, Trial
from faults_commands import COMMANDS, Command, make_inputs
from faults_damage import damage_trial
from faults_disk import disk_trial
from faults_inputs import inputs_trial
from faults_kills import kill_trial
from faults_server import Server, servers

TRIALS: dict[str, Trial] = {
    "kills": kill_trial,
    "disk": disk_trial,
    "inputs": inputs_trial,
    "damage": damage_trial,
}
"""Kinds of faults."""

COLUMNS = (
    *("faults", "refused", "kept", "lost", "doubled", "different", "tracebacks", "left over"),
    *("processes", "codes", "seconds"),
)
"""What is counted: faults, files refused, and files left as they are; what is wrong; the time."""

Counts = dict[tuple[str, str], Counter[str]]


def main() -> None:
    """Run trials until the time is over, and show what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=10, help="trials of each kind and command")
    parser.add_argument("--minutes", type=float, help="go on for so long, in place of --kills")
    parser.add_argument("--only", default="", help="parts of the names of commands")
    parser.add_argument("--kinds", default=",".join(TRIALS), help="kinds of faults")
    given = parser.parse_args()
    if sys.platform != "linux":
        raise SystemExit("This needs Linux.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that all is cleared away
    parts = given.only.split(",")
    commands = [one for one in COMMANDS if any(part in one.name for part in parts)]
    kinds = given.kinds.split(",")
    if not commands or set(kinds) - set(TRIALS):
        raise SystemExit(f"Kinds are {', '.join(TRIALS)}; commands {[c.name for c in COMMANDS]}.")
    trials = sys.maxsize if given.minutes else given.kills
    until = time.monotonic() + 60 * given.minutes if given.minutes else float("inf")
    counts: Counts = {}
    with (
        contextlib.suppress(KeyboardInterrupt),  # what was counted until then is shown
        tempfile.TemporaryDirectory() as name,
        servers(given.seed, given.seed + 1) as found,
    ):
        for part in campaign(found, commands, kinds, Path(name), given.seed, trials, until, print):
            counts = part
    if not counts:
        raise SystemExit("Stopped before the first trial had ended.")
    print(f"\n{table(counts)}")
    if any(faulty(counts).values()):
        print(f"Faults were found; repeat this with --seed {given.seed}.")
        raise SystemExit(1)


def campaign(
    found: list[Server],
    commands: Sequence[Command],
    kinds: Sequence[str],
    room: Path,
    seed: int,
    trials: int,
    until: float,
    note: Note,
) -> Iterator[Counts]:
    """Put faults into commands in turn; count what becomes of it, by kind and command.

    The counts are yielded after each trial.

    Parameters
    ----------
    found : list of Server
        One for the references and one for the trials.
    commands : sequence of Command
        The commands.
    kinds : sequence of str
        Kinds of faults, of `TRIALS`.
    room : Path
        An empty folder.
    seed : int
        Of all chance: trial i of a kind and command is the same whatever else is run.
    trials : int
        Trials of each kind and command.
    until : float
        When to end, by `time.monotonic`; not before the first trial of each.
    note : callable
        Told of what is wrong.
    """
    bench = Bench(found, room / "inputs", room / "trial", room / "references")
    bench.inputs.mkdir()
    make_inputs(found[0], bench.inputs, {name for command in commands for name in command.inputs})
    counts: Counts = {(kind, command.name): Counter() for kind in kinds for command in commands}
    for trial in range(trials):
        for kind in kinds:
            for command in commands:
                if trial and time.monotonic() > until:
                    return
                chance = random.Random(f"{seed} {kind} {command.name} {trial}")
                began = time.monotonic()
                judge = TRIALS[kind](bench, command, chance)
                judge.counts["seconds"] += round(time.monotonic() - began)
                counts[kind, command.name] += judge.counts
                if judge.faulty:
                    note(f"{kind} {trial}, {command.name}: {'; '.join(judge.told)}")
                yield counts


def faulty(counts: Counts) -> Counter[str]:
    """Count what was wrong, over all kinds and commands."""
    total = sum(counts.values(), Counter())
    return Counter({name: total[name] for name in COLUMNS if name not in HARMLESS})


def table(counts: Counts) -> str:
    """Lay out what was counted."""
    width = max(len(name) for _, name in counts)
    lines = [f"{'':8}{'':{width}}" + "".join(f"{name:>12}" for name in COLUMNS)]
    for (kind, name), found in counts.items():
        lines.append(f"{kind:8}{name:{width}}" + "".join(f"{found[c]:>12}" for c in COLUMNS))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
