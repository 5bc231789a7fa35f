"""Join the parts of a data set that several machines prepared from stacks, or verify them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispr.cells.classes import parse_name
from dispr.checksums import check, files_digest
from dispr.errors import ConfigError, FileError
from dispr.failures import TABLE as FAILURES
from dispr.failures import Failures, read_failures
from dispr.files import atomic_path
from dispr.labelled.stack.manifest import Manifest, Row, cell_paths, lacking_cells, read_manifest
from dispr.labelled.stack.plan import RECORD, WHOLE, take_up
from dispr.locks import hold
from dispr.progress import SILENT, Progress
from dispr.records import begin, changes, read_json
from dispr.shards import MOST_NAMED, as_shard, folders_of_parts, lacking, named

OF_THE_PART = ("shard", "labels")
"""What records of parts have beside that of the whole."""


@dataclass(frozen=True)
class PreparedParts:
    """The parts of a data set.

    Attributes
    ----------
    where : dict of str to Path
        The part that each stack is in, in order of the stacks; those that failed are in none.
    record : dict
        The record of the whole.
    cells : int
        How many cells there are.
    failures : Failures
        Stacks that failed in their part.
    """

    where: dict[str, Path]
    record: dict[str, Any]
    cells: int
    failures: Failures


def is_prepared(folders: Sequence[Path]) -> bool:
    """Tell whether one of some folders is a data set of stacks, or holds one."""
    return any(
        (path / RECORD).is_file()
        for folder in folders
        if folder.is_dir()
        for path in (folder, *folder.iterdir())
    )


def find_prepared(folders: Sequence[Path]) -> PreparedParts:
    """Look at the parts of a data set, and make sure that they are one whole.

    Parameters
    ----------
    folders : sequence of Path
        Folders that `dispr prepare --shard` wrote, or folders that hold these.

    Raises
    ------
    FileError
        If a folder holds no cells of stacks, or stacks or cells are missing or are there twice; it
        names them.
    ConfigError
        If parts are of other stacks or settings.
    """
    found = {
        path: read_json(path / RECORD, {"stacks": dict, "splits": dict}, remedy="prepare it again")
        for path in folders_of_parts(folders, RECORD, "cells of stacks", "prepare")
    }
    first, record = next(iter(found.items()))
    whole = {name: value for name, value in record.items() if name not in OF_THE_PART}
    for path, other in found.items():
        changed = changes(whole, {name: other.get(name) for name in whole})
        if changed:
            raise ConfigError(
                f"{path} was prepared with other settings or stacks than {first} "
                f"({', '.join(changed)}); prepare it again with the same."
            )
    where: dict[str, Path] = {}
    given: dict[str, list[str]] = {}
    names: dict[str, Path] = {}
    failures = Failures()
    doubled: list[str] = []
    twice: list[str] = []
    for path, other in found.items():
        failed = read_failures(path / FAILURES)
        failures.found += failed
        for stack, rows in _finished(path, other, {failure.name for failure in failed}):
            if stack in where:
                twice.append(f"{stack} ({where[stack]} and {path})")
                continue
            where[stack] = path
            given[stack] = [row["name"] for row in rows if row["name"]]
            for name in given[stack]:
                if name in names:
                    doubled.append(f"{name} ({names[name]} and {path})")
                names[name] = path
    if twice:
        raise FileError(
            f"{named(twice, 'stack is', 'stacks are')} there twice; leave one part out."
        )
    if doubled:
        raise FileError(
            f"{named(doubled, 'cell is', 'cells are')} there twice; leave one part out."
        )
    failures.found = sorted({f.name: f for f in failures.found if f.name not in where}.values())
    missing = [stack for stack in whole["stacks"] if stack not in {*where, *failures.names}]
    if missing:
        absent = lacking({other.get("shard", WHOLE) for other in found.values()})
        parts = ", ".join(absent[:MOST_NAMED])
        raise FileError(
            f"{named(missing, 'stack is', 'stacks are')} missing: there is no shard {parts}; "
            "prepare it."
        )
    ordered = {stack: where[stack] for stack in whole["stacks"] if stack in where}
    _check_numbers(ordered, given)
    return PreparedParts(ordered, whole, len(names), failures)


def _finished(
    path: Path, record: Mapping[str, Any], failed: set[str]
) -> Iterator[tuple[str, list[Row]]]:
    """Give the stacks of a part with their rows, and make sure that all of them is there."""
    manifest = read_manifest(path)
    labels = record.get("labels", {})
    for stack in as_shard(str(record.get("shard", WHOLE))).of(list(record["stacks"])):
        if stack in failed:
            continue
        rows = manifest.get(stack, [])
        count = labels.get(stack, len(rows)) if isinstance(labels, dict) else len(rows)
        if stack not in record["splits"] or len({row["label"] for row in rows}) != count:
            raise FileError(
                f"the stack {stack} of {path} is not finished ({len(rows)} of {count} labels); run "
                "dispr prepare for this part again, which resumes."
            )
        absent = lacking_cells(path, rows)
        if absent:
            raise FileError(
                f"{named(absent, 'cell is', 'cells are')} missing in {path}; run dispr prepare for "
                "this part again, which cuts them again."
            )
        yield stack, rows


def _check_numbers(where: Mapping[str, Path], given: Mapping[str, Sequence[str]]) -> None:
    """Make sure that cells of a type are numbered on from stack to stack, as by one machine.

    Raises
    ------
    FileError
        If they are not: a stack could be read on one machine and not on another.
    """
    last: dict[str, int] = {}
    for stack, path in where.items():
        here: dict[str, list[int]] = {}
        for parsed in map(parse_name, given[stack]):
            if parsed.number is not None:
                here.setdefault(parsed.type, []).append(parsed.number)
        for kind, numbers in here.items():
            if kind in last and min(numbers) < last[kind] + 2:
                raise FileError(
                    f"cells of the type {kind} of {stack} in {path} have numbers of other stacks, "
                    "as where a stack could not be read on one of the machines; prepare this part "
                    "again."
                )
            last[kind] = max(numbers)


def gather_prepared(parts: PreparedParts, out: Path, progress: Progress = SILENT) -> None:
    """Write the parts as one data set; a run that was interrupted goes on.

    Parameters
    ----------
    parts : PreparedParts
        The parts.
    out : Path
        Folder to write. It is as one machine would have written it.
    progress : Progress
        Told of each stack (`dispr.progress`).

    Raises
    ------
    FileError
        If a file cannot be read or written, or the folder holds other cells.
    ConfigError
        If it holds cells of other stacks or settings.
    """
    with hold(out):
        take_up(out, {**parts.record, "shard": WHOLE})
        begin(out / RECORD, parts.record)
        manifest = Manifest(out, list(parts.where))
        count = progress.counter("Copying", len(parts.where))
        for folder in dict.fromkeys(parts.where.values()):
            rows = read_manifest(folder)
            for stack in [stack for stack, path in parts.where.items() if path == folder]:
                for row in rows.get(stack, []):
                    if row["name"]:
                        _copy(row, folder, out)
                manifest.add(stack, rows.get(stack, []))
                count()
        manifest.write()
        parts.failures.write(out / FAILURES)
        manifest.close()


def _copy(row: Row, source: Path, out: Path) -> None:
    there = cell_paths(out, row["split"], row["name"])
    for kind, path in cell_paths(source, row["split"], row["name"]).items():
        check(path)
        if not there[kind].is_file() or files_digest([there[kind]]) != files_digest([path]):
            with atomic_path(there[kind]) as temporary:
                shutil.copyfile(path, temporary)
