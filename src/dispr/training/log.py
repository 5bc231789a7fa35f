"""Records of a run: CSV files that continue where a checkpoint left off, and TensorBoard."""

from __future__ import annotations

import csv
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
        self.writer: Any = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise ConfigError(
                    'TensorBoard is not installed; run: pip install "dispr[tensorboard]".'
                ) from error
            self.writer = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)

    def add(self, name: str, step: int, values: dict[str, float]) -> None:
        """Append one line to `<name>_log.csv`."""
        path = self.run / f"{name}_log.csv"
        new = not path.exists()
        try:
            with open(path, "a", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                if new:
                    writer.writerow(["step", *values])
                writer.writerow([step, *(f"{value:.6g}" for value in values.values())])
        except OSError as error:
            raise write_error(path, error) from error
        if self.writer is not None:
            for key, value in values.items():
                self.writer.add_scalar(f"{name}/{key}", value, step)

    def close(self) -> None:
        """Finish writing."""
        if self.writer is not None:
            self.writer.close()


def _number(text: str | None) -> float:
    try:
        return float(text or "inf")
    except ValueError:
        return float("inf")
