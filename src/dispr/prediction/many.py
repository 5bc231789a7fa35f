"""Predict a folder of cells in one call, here or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dispr.arguments import as_whole
from dispr.cells.folder import CellFiles, find_cells
from dispr.failures import Failures
from dispr.prediction.folder import Predicted, Workers, predict_folder
from dispr.prediction.model import load
from dispr.prediction.part import CELLS_OF_TASK
from dispr.prediction.settings import PredictionSettings
from dispr.progress import SILENT, Progress


def predict_many(
    cells: str | os.PathLike[str] | Sequence[CellFiles],
    out: str | os.PathLike[str],
    *,
    client: Any = None,
    weights: str | os.PathLike[str] | None = None,
    device: str = "auto",
    precision: str = "auto",
    store: str = "files",
    save_grey: bool = False,
    level: float | None = None,
    strict: bool = False,
    cells_per_task: int = CELLS_OF_TASK,
    jobs: int = 1,
    progress: Progress = SILENT,
    **settings: Any,
) -> Predicted:
    """Predict cells and write their shapes and a table, as `dispr predict` does; resumable.

    Parameters
    ----------
    cells : path or sequence of CellFiles
        A folder of cells, or cells (`dispr.cells.folder.find_cells`).
    out : path
        Folder to write. Call again with the same settings to go on.
    client : distributed.Client, optional
        A Dask cluster to compute on, such as one of dask-jobqueue; this process if not given. Its
        workers need the files of the cells, the weights and `out` under the same names.
    weights, device, precision
        As for `dispr.load`; where the workers compute. With "auto", all workers compute in what
        suits this process, and a run that is resumed in the precision of its record.
    store : "files" or "zarr"
        TIFF files for each cell, or all cells packed.
    save_grey : bool
        Write what the samples were decided from, too.
    level : float, optional
        Level of the intervals, as for `dispr.load`.
    strict : bool
        Stop at the first cell that fails; otherwise `failures.csv` lists them.
    cells_per_task : int
        Most cells that a worker is sent at once, where the shapes are not packed.
    jobs : int
        Number of processes that read, measure and write cells beside the network; 1 for none, as
        long as the network takes most of the time. A script that uses some must predict below
        `if __name__ == "__main__":`, since they import it.
    progress : Progress
        Told of the cells that are done (`dispr.progress`).
    **settings
        As for `PredictionSettings`: ensemble, seed, sampler, steps, batch_size, pixel_size, frame.

    Returns
    -------
    Predicted
        The rows of the table (`dispr.prediction.folder.predict_folder`).

    Raises
    ------
    FileError
        If a file cannot be read or written, or no cell can.
    ConfigError
        If a setting is invalid, the folder is in use or of another prediction, or the cluster ends.
    """
    chosen = PredictionSettings(**settings)
    failures = Failures(strict)
    inputs: dict[str, Any] = {}
    if isinstance(cells, (str, os.PathLike)):
        inputs = {"data": str(Path(cells).absolute()), "split": None}
        cells = find_cells(cells, failures=failures)
    where = None if weights is None else Path(weights)
    workers: Workers | None = None
    if client is None:
        model = load(where, device, precision, level)
        if as_whole(jobs, "jobs", least=1) > 1:
            from dispr.prediction.beside import Beside

            workers = Beside(jobs, where)
    else:
        from dispr.prediction.cluster import Cluster, model_of_client

        model = model_of_client(where, precision, level, device)
        workers = Cluster(client, where, device, cells_per_task)
    return predict_folder(
        model,
        cells,
        Path(out),
        chosen,
        save_grey=save_grey,
        store=store,
        inputs=inputs,
        failures=failures,
        progress=progress,
        workers=workers,
    )
