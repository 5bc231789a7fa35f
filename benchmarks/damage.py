"""Damage files that are read back, and count what becomes of it.

    python benchmarks/damage.py --seed 1 --each 4

Small folders are made: simulated cells, a prediction with its measures, weights. A file of a copy
is then truncated, or has a byte changed, lines swapped or removed, or a block zeroed; the command
that reads the folder back runs; and what it writes is compared with what the whole folder gives. An
outcome is one of: refused (exit code 2, one sentence), no effect, DIFFERENT WITHOUT A WORD,
TRACEBACK.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import shutil
import tempfile
import unittest.mock
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from dispr.cli.main import main as command_line
from dispr.model.config import ModelConfig
from dispr.model.weights import Weights, build_network, save_weights
from dispr.network.shape_decoder import ShapeDecoderConfig

KINDS = ("truncate", "flip", "swap", "delete", "zero")
IGNORED = (".part",)
"""Endings of files that are not compared."""


class Case(NamedTuple):
    """A folder, and the command that reads it back: `{}` is the folder, `{out}` a new one."""

    name: str
    folder: Path
    arguments: list[str]


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


def run(arguments: list[str]) -> tuple[int, str, bool]:
    """Run a command of dispr in this process: exit code, what it said, whether it broke."""
    said = io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            unittest.mock.patch("sys.argv", ["dispr", *arguments]),
        ):
            command_line()
    except SystemExit as end:
        return int(end.code or 0), said.getvalue(), False
    except BaseException as error:  # what a user would see as a traceback
        return 1, said.getvalue() + repr(error), True
    return 0, said.getvalue(), False


def state(*folders: Path) -> dict[str, bytes]:
    """Give what folders hold after a command, file by file, but for what is not read back."""
    return {
        f"{i}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for i, folder in enumerate(folders)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in IGNORED and path.name != "dispr_checksums.txt"
    }


def outcome(case: Case, target: str | None, kind: str, chance: random.Random, room: Path) -> object:
    """Give what a command leaves of a copy of a folder, one file of which is damaged."""
    copy, out = room / "copy", room / "out"
    for folder in (copy, out):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(case.folder, copy)
    out.mkdir()
    if target is not None:
        path = copy / target
        before = path.read_bytes()
        path.write_bytes(damage(before, kind, chance))
        if path.read_bytes() == before:
            return None
    code, said, broke = run([text.format(copy, out=out) for text in case.arguments])
    if broke:
        return f"TRACEBACK {said[-300:]}"
    if code == 2:
        return f"refused: {said.strip().splitlines()[-1][:160]}"
    found = state(copy, out)
    return {name: content for name, content in found.items() if name != f"0/{target}"}, found, said


def make(room: Path) -> list[Case]:
    """Make small folders of every kind."""
    cells, predicted, weights = room / "cells", room / "predicted", room / "weights"
    config = ModelConfig(ShapeDecoderConfig(channels=4), diffusion=None)
    weights.mkdir()
    file = weights / "weights.safetensors"
    save_weights(file, Weights(config, build_network(config).state_dict()))
    few = ["--split", "test", "--device", "cpu", "--no-report"]
    for arguments in (
        ["simulate", "-o", str(cells), "-n", "6", "--seed", "3"],
        ["predict", str(cells), "-o", str(predicted), "--weights", str(file), *few],
        ["measure", str(predicted), "-o", str(predicted / "measurements.csv"), "--jobs", "1"],
    ):
        code, said, broke = run(arguments)
        if code or broke:
            raise SystemExit(f"{' '.join(arguments)}: {said}")
    test = [str(cells), *few, "--weights"]
    return [
        Case("resumed prediction", predicted, ["predict", *test, str(file), "-o", "{}"]),
        Case(
            "measured prediction", predicted, ["measure", "{}", "-o", "{out}/m.csv", "--jobs", "1"]
        ),
        Case("report", predicted, ["report", "{}", "-o", "{out}/report.html"]),
        Case("meshes", predicted, ["mesh", "{}", "-o", "{out}"]),
        Case("cells", cells, ["measure", "{}", "-o", "{out}/m.csv", "--jobs", "1"]),
        Case("simulation", cells, ["simulate", "-o", "{}", "-n", "6", "--seed", "3"]),
        Case("weights", weights, ["predict", *test, "{}/weights.safetensors", "-o", "{out}"]),
    ]


def trial(cases: list[Case], each: int, seed: int, note: Callable[[str], object]) -> Counter[str]:
    """Damage each kind of file of each case several times; count the outcomes."""
    chance = random.Random(seed)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        for case in cases:
            whole = outcome(case, None, "", chance, room)
            assert isinstance(whole, tuple), f"{case.name}: {whole}"
            kinds: dict[str, list[str]] = {}
            for path in sorted(case.folder.rglob("*")):
                if path.is_file() and path.suffix not in IGNORED:
                    place = path.relative_to(case.folder)
                    key = place.name if len(place.parts) == 1 else place.parent.as_posix()
                    kinds.setdefault(key, []).append(place.as_posix())
            for targets in kinds.values():
                for _ in range(each):
                    target, kind = chance.choice(targets), chance.choice(KINDS)
                    found = outcome(case, target, kind, chance, room)
                    if found is None:
                        continue
                    what = _judge(whole, found, target)
                    counts[what] += 1
                    if what.isupper():
                        note(f"{what}: {case.name}, {target}, {kind}: {str(found)[:200]}")
    return counts


def _judge(whole: tuple, found: object, target: str) -> str:
    if isinstance(found, str):
        return "TRACEBACK" if found.startswith("TRACEBACK") else "refused"
    assert isinstance(found, tuple)
    expected = {name: content for name, content in whole[1].items() if name != f"0/{target}"}
    return "no effect" if found[0] == expected else "DIFFERENT WITHOUT A WORD"


def main() -> None:
    """Run the whole trial."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", type=int, default=3, help="damages to each kind of file")
    parser.add_argument("--only", default="", help="part of the name of a case")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        cases = [case for case in make(Path(name)) if given.only in case.name]
        counts = trial(cases, given.each, given.seed, print)
    print(json.dumps(counts, indent=1))


if __name__ == "__main__":
    main()
