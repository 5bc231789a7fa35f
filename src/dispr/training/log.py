"""Records of a run: CSV files that continue where a checkpoint left off, and TensorBoard."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dispr import checksums
from dispr.errors import ConfigError, FileError, write_error
from dispr.files import make_folder, write_csv
from dispr.limits import largest_table, raise_it


class RunLog:
    """Lines of numbers by step: `<name>.csv` in the folder of the run, and TensorBoard if asked.

    Parameters
    ----------
    run : Path
        Folder of the run.
    step : int
        Steps done; lines of later steps, of a run that was killed after its last checkpoint, are
        removed.
    tensorboard : bool
        Write event files to `run/tensorboard` too.

    Raises
    ------
    ConfigError
        If TensorBoard is asked for and not installed.
    FileError
        If the log of an earlier call is damaged.
    """

    def __init__(self, run: Path, step: int, *, tensorboard: bool = False) -> None:
        self.run = run
        make_folder(run)
        for path in (run / "train_log.csv", run / "validation_log.csv"):
            if not path.is_file():
                continue
            rows = [row for row in read_log(path) if float(row["step"]) <= step]
            if rows:
                write_csv(path, rows)
            else:
                path.unlink()
        self.columns: dict[Path, list[str]] = {}
        self.writer: Any = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise ConfigError(
                    'TensorBoard is not installed; run: pip install "dispr[tensorboard]".'
                ) from error
            self.writer = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)

    def add(self, name: str, step: int, values: Mapping[str, float | None]) -> None:
        """Append one line to `<name>_log.csv`; None is left blank."""
        path = self.run / f"{name}_log.csv"
        texts = {key: "" if value is None else f"{value:.6g}" for key, value in values.items()}
        row = {"step": str(step), **texts}
        columns = self._columns(path, list(row))
        try:
            before = path.read_bytes() if path.is_file() else b""
            lines = io.StringIO()
            writer = csv.writer(lines, lineterminator="\n")
            if not before:
                writer.writerow(columns)
            writer.writerow([row.get(column, "") for column in columns])
            text = lines.getvalue().encode("utf-8")
            checksums.record(path, before + text)
            with open(path, "ab") as file:
                file.write(text)
        except OSError as error:
            raise write_error(path, error) from error
        if self.writer is not None:
            for key, value in values.items():
                if value is not None:
                    self.writer.add_scalar(f"{name}/{key}", value, step)

    def _columns(self, path: Path, now: list[str]) -> list[str]:
        """Give the columns of a file; those that it lacks are added to it."""
        if path not in self.columns and path.is_file():
            self.columns[path] = list(read_log(path)[0])
        known = self.columns.setdefault(path, now)
        new = [column for column in now if column not in known]
        if new:
            rows = read_log(path)
            known = self.columns[path] = [*known, *new]
            write_csv(path, [{column: row.get(column, "") for column in known} for row in rows])
        return known

    def best(self, name: str, column: str) -> tuple[float, int]:
        """Give the highest value of a column so far, and its step; -inf and 0 if there is none."""
        path = self.run / f"{name}_log.csv"
        if not path.is_file():
            return -math.inf, 0
        rows = [row for row in read_log(path) if row.get(column)]
        scores = [(float(row[column]), int(row["step"])) for row in rows]
        return max(scores, default=(-math.inf, 0), key=lambda score: score[0])

    def steps(self, name: str) -> set[int]:
        """Give the steps that a file has lines of."""
        path = self.run / f"{name}_log.csv"
        return {int(row["step"]) for row in read_log(path)} if path.is_file() else set()

    def close(self) -> None:
        """Finish writing."""
        if self.writer is not None:
            self.writer.close()


def read_log(path: Path) -> list[dict[str, str]]:
    """Read the lines of a log; a last one that was cut short is left out.

    Returns
    -------
    list of dict
        Numbers by column, as text, the step whole; blank where there is none.

    Raises
    ------
    FileError
        If the file cannot be read or is damaged.
    """
    checksums.check(path)
    try:
        if path.stat().st_size > largest_table():
            raise ValueError(f"it is larger than any log; {raise_it()}")
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines.pop()
        if not lines:
            return []
        heading, *rows = csv.reader(lines, strict=True)
        if heading[0] != "step" or len(set(heading)) < len(heading):
            raise ValueError("its heading")
        for number, row in enumerate(rows, 2):
            if len(row) != len(heading) or not re.fullmatch("[0-9]{1,15}", row[0]):
                raise ValueError(f"line {number}")
            for value in filter(None, row):
                float(value)
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise FileError(
            f"{path} cannot be read ({error}); move it to another place to continue the run with "
            "a new log."
        ) from error
    return [dict(zip(heading, row, strict=True)) for row in rows]
