"""Put trained weights into the package, in half precision and with their checksum.

python scripts/ship_weights.py runs/release/released.safetensors --name fast

What the package keeps beside the weights is left out of the file: their intervals, which get a file
of their own (`scripts/ship_intervals.py` renews them), and of the same training cells the frame in
the index and the statistics (`scripts/fit_familiarity.py`).
"""

import dataclasses
import hashlib
from pathlib import Path

import click
import torch

from dispr.cli.main import run
from dispr.familiarity.reference import SHIPPED, load_familiarity
from dispr.model.seen import digest_of
from dispr.model.shipped import FOLDER, INDEX
from dispr.model.weights import load_weights, save_weights
from dispr.records import read_json, write_json


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.option("--name", default="fast", show_default=True, help="Name to ship them under.")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=FOLDER, help="Folder of the package."
)
def main(weights: Path, name: str, folder: Path) -> None:
    """Ship WEIGHTS, a file that dispr train wrote, inside the package."""
    found = load_weights(weights)
    about = dict(found.about)
    intervals = about.pop("intervals", None)
    path, index_path = folder / f"{name}.safetensors", folder / INDEX.name
    index = read_json(index_path) if index_path.is_file() else {}
    statistics = folder / SHIPPED.name
    cells = digest_of(about.get("training_cells", ()))
    if statistics.is_file() and load_familiarity(statistics).digest == cells:
        about.pop("familiarity", None)
        if "frame" in index.get(name, {}):
            about.pop("frame", None)
    save_weights(path, dataclasses.replace(found, about=about), dtype=torch.float16)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    # What weights of the same data do not state themselves, such as their frame, is kept.
    entry = {key: value for key, value in index.get(name, {}).items() if key != "intervals"}
    entry |= {"file": path.name, "sha256": checksum}
    if intervals is not None:
        target = folder / f"{name}_intervals.json"
        write_json(target, intervals, sealed=True)
        entry["intervals"] = target.name
    write_json(index_path, {**index, name: entry})
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB, SHA-256 {checksum}")
    click.echo("without intervals" if intervals is None else f"intervals: {target}")


if __name__ == "__main__":
    run(main)
