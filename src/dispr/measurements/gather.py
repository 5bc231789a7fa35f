"""Join the parts of a table of measures that several machines made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dispr.errors import ConfigError, FileError
from dispr.failures import TABLE as FAILURES
from dispr.failures import Failures, read_failures
from dispr.parquet import write_table
from dispr.records import read_csv, read_json, write_json
from dispr.shards import Shard, lacking, names_record

AGAIN = "measure it again"


def write_part(table: Path, shard: Shard, names: Sequence[str], here: Sequence[str]) -> None:
    """Record beside a table which part of which cells it is.

    Parameters
    ----------
    table : Path
        The table.
    shard : Shard
        The part.
    names, here : sequence of str
        All cells of the run, and those of this part.
    """
    record = {**names_record(names), "shard": str(shard), "here": list(here)}
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
        If the tables are of other cells, or have other columns.
    """
    rows: dict[str, dict[str, str]] = {}
    where: dict[str, Path] = {}
    failures = Failures()
    stated: list[tuple[str, int]] = []
    shards: list[str] = []
    columns: list[list[str]] = []
    for table in tables:
        kinds = {"shard": str, "here": list, "names": str, "cells": int}
        record = read_json(_record(table), kinds, remedy=AGAIN)
        stated.append((record["names"], record["cells"]))
        shards.append(record["shard"])
        failed = read_failures(table.with_name(f"{table.stem}_{FAILURES}"))
        failures.found += failed
        found = {
            f"{row.get('split', '')}/{row['name']}": row
            for row in read_csv(table, ["name"], remedy=AGAIN)
        }
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


def _record(table: Path) -> Path:
    return table.with_name(f"{table.stem}_shard.json")
