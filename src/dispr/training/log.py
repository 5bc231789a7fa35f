"""Records of a run: CSV files that continue where a checkpoint left off, and TensorBoard."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dispr.errors import ConfigError
from dispr.files import make_folder, write_csv, write_error


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
    """

    def __init__(self, run: Path, step: int, *, tensorboard: bool = False) -> None:
        self.run = run
        make_folder(run)
        for path in (run / "train_log.csv", run / "validation_log.csv"):
            if not path.is_file():
                continue
            with open(path, newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if _number(row.get("step")) <= step]
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
            with open(path, "a", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                if file.tell() == 0:
                    writer.writerow(columns)
                writer.writerow([row.get(column, "") for column in columns])
        except OSError as error:
            raise write_error(path, error) from error
        if self.writer is not None:
            for key, value in values.items():
                if value is not None:
                    self.writer.add_scalar(f"{name}/{key}", value, step)

    def _columns(self, path: Path, now: list[str]) -> list[str]:
        """Give the columns of a file; those that it lacks are added to it."""
        if path not in self.columns and path.is_file():
            with open(path, newline="", encoding="utf-8") as file:
                self.columns[path] = next(csv.reader(file), [])
        known = self.columns.setdefault(path, now)
        new = [column for column in now if column not in known]
        if new:
            with open(path, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            known = self.columns[path] = [*known, *new]
            write_csv(path, [{column: row.get(column, "") for column in known} for row in rows])
        return known

    def best(self, name: str, column: str) -> tuple[float, int]:
        """Give the highest value of a column so far, and its step; -inf and 0 if there is none."""
        path = self.run / f"{name}_log.csv"
        if not path.is_file():
            return -math.inf, 0
        with open(path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row.get(column)]
        scores = [(float(row[column]), int(row["step"])) for row in rows]
        return max(scores, default=(-math.inf, 0), key=lambda score: score[0])

    def close(self) -> None:
        """Finish writing."""
        if self.writer is not None:
            self.writer.close()


def _number(text: str | None) -> float:
    try:
        return float(text or "inf")
    except ValueError:
        return float("inf")
