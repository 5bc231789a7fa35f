"""Tables as Parquet files, for screens whose tables are large."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from dispr.errors import FileError
from dispr.files import atomic_path, write_csv
from dispr.packages import imported

GROUP = 4096
"""Rows that are written, and are in memory, together."""


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as Parquet where the name of the file ends in .parquet, else as CSV."""
    if path.suffix.lower() == ".parquet":
        write_parquet(path, rows)
    else:
        write_csv(path, rows)


def read_parquet(path: Path, remedy: str) -> list[dict[str, Any]]:
    """Read the rows of a Parquet file that `write_parquet` wrote; what is missing is an empty text.

    Raises
    ------
    ConfigError
        If pyarrow is not installed.
    FileError
        If it is missing or damaged, with what to do about it.
    """
    if not path.is_file():
        raise FileError(f"{path} does not exist; check the name.")
    pq = _package("pyarrow.parquet")
    try:
        rows = pq.read_table(path).to_pylist()
    except (OSError, ValueError, MemoryError) as error:  # those of arrow are among them
        raise FileError(f"{path} is damaged, or no Parquet file; {remedy}.") from error
    return [{k: "" if v is None else v for k, v in row.items()} for row in rows]


def _package(name: str) -> Any:
    return imported(name, "zarr", "Parquet needs more packages")


def write_parquet(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as a Parquet file whose columns are the keys of the rows.

    Columns are of whole numbers, of numbers or of text; an empty text in a column of numbers is a
    missing value.

    Parameters
    ----------
    path : Path
        File to write.
    rows : iterable of mapping
        They are gone through twice: give no iterator. Without any there is no file.

    Raises
    ------
    ConfigError
        If pyarrow is not installed.
    FileError
        If the file cannot be written.
    """
    kinds: dict[str, set[type]] = {}
    for row in rows:
        for name, value in row.items():
            kinds.setdefault(name, set()).add(type(value) if value != "" else type(None))
    if not kinds:
        path.unlink(missing_ok=True)
        return
    pa, pq = _package("pyarrow"), _package("pyarrow.parquet")
    text = {name: not found <= {int, float, type(None)} for name, found in kinds.items()}
    types = {
        name: pa.string() if text[name] else pa.float64() if float in found else pa.int64()
        for name, found in kinds.items()
    }
    # A column that is empty in all rows: of numbers or text, nobody knows.
    types |= {name: pa.string() for name, found in kinds.items() if found == {type(None)}}
    schema = pa.schema(list(types.items()))
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for some in _grouped(rows):
            columns = [
                pa.array([_value(row.get(name, ""), types[name] == pa.string()) for row in some], t)
                for name, t in types.items()
            ]
            writer.write_table(pa.table(columns, schema=schema))


def _value(value: Any, text: bool) -> Any:
    if text:
        return str(value)
    return None if value == "" else value


def _grouped(rows: Iterable[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    found = iter(rows)
    while some := list(islice(found, GROUP)):
        yield some
