"""Join the parts of a table of measures that several machines made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dispr.errors import ConfigError, FileError
from dispr.failures import TABLE as FAILURES
from dispr.failures import Failures, read_failures
from dispr.measurements.inputs import Item
from dispr.parquet import read_parquet, write_table
from dispr.prediction.files import PredictionFolder
from dispr.prediction.gather import NOT_COMPARED
from dispr.records import read_csv, read_json, write_json
from dispr.shards import Shard, lacking, names_record

AGAIN = "measure it again"


def shapes_of(folder: Path, items: Sequence[Item]) -> str:
    """Give a checksum of how the shapes in a folder were predicted; empty where they were not."""
    if not items or items[0].kind != "predictions":
        return ""
    record = PredictionFolder(folder).settings
    kept = {k: v for k, v in record.items() if k not in NOT_COMPARED}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def write_part(
    table: Path, shard: Shard, names: Sequence[str], here: Sequence[str], shapes: str = ""
) -> None:
    """Record beside a table which part of which cells it is.

    Parameters
    ----------
    table : Path
        The table.
    shard : Shard
        The part.
    names, here : sequence of str
        All cells of the run, and those of this part.
    shapes : str
        What was measured (`shapes_of`).
    """
    record = {**names_record(names), "shard": str(shard), "here": list(here), "shapes": shapes}
    write_json(_record(table), record, sealed=True)


def gather_tables(tables: Sequence[Path], out: Path | None = None) -> tuple[int, Failures]:
    """Join tables of measures, and make sure that they are one whole.

    Parameters
    ----------
    tables : sequence of Path
        What `dispr measure --shard` wrote.
    out : Path, optional
        Table to write; by default they are verified alone.

    Returns
    -------
    int
        How many cells there are.
    Failures
        Cells that failed in their part.

    Raises
    ------
    FileError
        If a table or its record is missing, or cells are missing or are there twice; it names them.
    ConfigError
        If the tables are of other cells or shapes, have other columns, or are in another format.
    """
    rows: dict[str, dict[str, Any]] = {}
    where: dict[str, Path] = {}
    failures = Failures()
    stated: list[tuple[str, int]] = []
    shapes: set[str] = set()
    _same_format(tables if out is None else [*tables, out])
    shards: list[str] = []
    columns: list[list[str]] = []
    for table in tables:
        kinds = {"shard": str, "here": list, "names": str, "cells": int}
        record = read_json(_record(table), kinds, remedy=AGAIN)
        stated.append((record["names"], record["cells"]))
        shapes.add(str(record.get("shapes", "")))
        shards.append(record["shard"])
        failed = read_failures(table.with_name(f"{table.stem}_{FAILURES}"))
        failures.found += failed
        found = {f"{row.get('split', '')}/{row['name']}": row for row in _rows(table)}
        columns.append(list(next(iter(found.values()), {})))
        for name in record["here"]:
            if name in where:
                raise FileError(f"{name} is in {where[name]} and in {table}; leave one out.")
            where[name] = table
            if name in found:
                rows[name] = found[name]
            elif name.partition("/")[2] not in {failure.name for failure in failed}:
                raise FileError(f"{table} has no row of {name}; {AGAIN}.")
    if len(set(stated)) > 1:
        raise ConfigError("the tables are of different cells; measure the same folder.")
    if len(shapes) > 1:
        raise ConfigError(
            "the tables are of shapes that were predicted with other settings or weights; measure "
            "the same predictions."
        )
    if len({tuple(sorted(names)) for names in columns if names}) > 1:
        raise ConfigError("the tables have different columns; measure with the same options.")
    if names_record(where)["names"] != stated[0][0]:
        raise FileError(
            f"{stated[0][1] - len(where)} of {stated[0][1]} cells are missing: there is no shard "
            f"{', '.join(lacking(shards))}; measure it."
        )
    if out is not None:
        write_table(out, [rows[name] for name in sorted(rows)])
        failures.write(out.with_name(f"{out.stem}_{FAILURES}"))
    return len(rows), failures


def _same_format(paths: Sequence[Path]) -> None:
    """Refuse tables of several formats: of CSV it is not known which columns are numbers."""
    first = paths[0]
    for path in paths:
        if path.suffix.lower() != first.suffix.lower():
            raise ConfigError(f"{first} and {path} are of two formats; give tables of one.")


def _rows(table: Path) -> list[dict[str, Any]]:
    if table.suffix.lower() == ".parquet":
        return read_parquet(table, AGAIN)
    return list(read_csv(table, ["name"], remedy=AGAIN))


def _record(table: Path) -> Path:
    return table.with_name(f"{table.stem}_shard.json")
