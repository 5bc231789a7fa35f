"""Compare the stores of predictions: bytes and files for each cell.

python benchmarks/stores.py --cells 128
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from dispr.cells.folder import find_cells
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.gather import copy_cells
from dispr.prediction.model import load
from dispr.prediction.settings import PredictionSettings
from dispr.simulation.folder import simulate_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=128)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate_folder(folder / "cells", options.cells, seed=4, test_fraction=0)
        settings = PredictionSettings(pixel_size=0.172)
        predict_folder(load(), find_cells(folder / "cells"), folder / "files", settings)
        drawn = PredictionFolder(folder / "files")
        where = dict.fromkeys(drawn.names(), drawn)
        copy_cells(where, folder / "zarr", {**drawn.settings, "store": "zarr"})
        for store in ("files", "zarr"):
            found = [path for path in (folder / store).rglob("*") if path.is_file()]
            size = sum(path.stat().st_size for path in found) / options.cells
            count = len(found) / options.cells
            print(f"{store}: {size / 1000:.1f} kB and {count:.2f} files a cell")


if __name__ == "__main__":
    main()
