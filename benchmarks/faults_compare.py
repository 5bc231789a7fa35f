"""Compare what two runs of a command leave: the same files, bit for bit, but for what may differ.

What may differ between two undisturbed runs of one command:

- `prediction.json`, and what reports repeat of it: the list of runs, with their dates; and where
  the inputs are, for each run has its own.
- `train_log.csv`: the speed, `cells_per_second`.
- `checkpoint.pt`: how it is pickled; the numbers and settings in it are compared.
- `probability/NAME.tif` and `grey/NAME.tif`: rounding, for after an interruption other cells share
  a batch. It shows in models that draw no samples, whose occupancies these files hold.
- `cells.jsonl`: the order of its lines; a cell that failed at first comes last.
- `dispr_checksums.txt`: the order of its lines, and lines of earlier contents. Every file that has
  a line in one folder must have one in the other, and be as one of its last two lines says.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import pickle
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch

CHECKSUMS = "dispr_checksums.txt"
ROUNDING = 1e-5
OCCUPANCIES = re.compile(r"/(probability|grey)/[^/]+\.tif$")
RUNS = re.compile(rb'"runs": ?\[[^]]*\]')
UNFINISHED = (".part", ".tmp", ".new")
"""Endings of files that are not finished; so are hidden files."""


def state(room: Path) -> dict[str, bytes]:
    """Give files and folders below a folder, without what may differ; folders end with a slash."""
    found = {}
    for path in sorted(room.rglob("*")):
        name = path.relative_to(room).as_posix()
        found[name if path.is_file() else f"{name}/"] = _content(path) if path.is_file() else b""
    return found


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    try:
        if path.name == CHECKSUMS:
            return _checksums(path, content.decode())
        if path.name == "prediction.json":
            record = json.loads(content)
            record.get("made", {}).pop("runs", None)
            record.get("inputs", {}).pop("data", None)
            return json.dumps(record).encode()
        if path.name == "cells.jsonl":
            return b"".join(sorted(content.splitlines(keepends=True)))
        if path.name == "train_log.csv":
            rows = list(csv.DictReader(io.StringIO(content.decode())))
            for row in rows:
                row.pop("cells_per_second", None)
            return json.dumps(rows).encode()
        if path.suffix == ".html":
            return RUNS.sub(b"", content)
        if path.name == "checkpoint.pt":
            return repr(_plain(torch.load(path, weights_only=True))).encode()
    except (ValueError, AttributeError, RuntimeError, pickle.UnpicklingError):
        # Damaged, and so different.
        return content
    return content


def _plain(value: Any) -> Any:
    """Turn what a checkpoint holds into values that are equal where their texts are."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), [*value.shape], value.contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return [(key, _plain(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _checksums(path: Path, text: str) -> bytes:
    sums: dict[str, list[str]] = {}
    for line in text.splitlines():
        digest, _, name = line.partition("  ")
        sums.setdefault(name, []).append(digest)
    lines = []
    for name, digests in sorted(sums.items()):
        file = path.parent / name
        if file.is_file():
            right = hashlib.sha256(file.read_bytes()).hexdigest() in digests[-2:]
            lines.append(f"{name} {'as written' if right else 'NOT AS WRITTEN'}")
    return "\n".join(lines).encode()


def differences(expected: dict[str, bytes], found: dict[str, bytes]) -> list[tuple[str, str]]:
    """Say what is wrong with what was found.

    Returns
    -------
    list of (str, str)
        The kind: "lost" files or rows, "doubled" ones, "different" content, "left over", what
        is not finished; and the name of the file.
    """
    wrong = [("lost", name) for name in expected.keys() - found.keys()]
    for name in found.keys() - expected.keys():
        last = name.rstrip("/").rpartition("/")[2]
        unfinished = last.startswith(".") or last.endswith(UNFINISHED)
        wrong.append(("left over" if unfinished else "doubled", name))
    for name in expected.keys() & found.keys():
        if expected[name] != found[name] and not _rounding(name, expected[name], found[name]):
            wrong.append((_kind(name, expected[name], found[name]), name))
    return sorted(wrong)


def _rounding(name: str, expected: bytes, found: bytes) -> bool:
    """Tell whether two files of occupancies differ by rounding alone."""
    if not OCCUPANCIES.search(name):
        return False
    try:
        one, other = (tifffile.imread(io.BytesIO(content)) for content in (expected, found))
    except Exception:  # damaged, of which tifffile tells by many types
        return False
    return one.shape == other.shape and bool(np.abs(one - other).max() <= ROUNDING)


def _kind(name: str, expected: bytes, found: bytes) -> str:
    """Say whether a table has rows too few or too many."""
    if name.endswith(".csv"):
        before, now = Counter(expected.splitlines()), Counter(found.splitlines())
        if before - now and not now - before:
            return "lost"
        if now - before and not before - now:
            return "doubled"
    return "different"
