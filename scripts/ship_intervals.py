"""Put the intervals of calibrated weights beside those that ship with the package.

dispr calibrate fast.safetensors red_blood_cells --precision fp32 -o calibrated.safetensors
python scripts/ship_intervals.py calibrated.safetensors

The weights of the package stay as they are, so that their checksum does.
"""

from pathlib import Path

import click

from dispr.cli.main import run
from dispr.errors import ConfigError
from dispr.intervals.rules import from_dict
from dispr.model.shipped import FOLDER, INDEX, shipped_weights
from dispr.model.weights import build_network, fill_network, fingerprint, load_weights
from dispr.records import read_json, write_json


@click.command()
@click.argument("calibrated", type=click.Path(path_type=Path))
@click.option("--name", default="fast", show_default=True, help="Name of the shipped weights.")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=FOLDER, help="Folder of the package."
)
def main(calibrated: Path, name: str, folder: Path) -> None:
    """Copy the intervals of the weights CALIBRATED."""
    weights = load_weights(calibrated)
    if print_of(calibrated) != print_of(shipped_weights(name)[0]):
        raise ConfigError(f"{calibrated} is another network than the shipped weights {name}.")
    found = from_dict(weights.about["intervals"])
    target = folder / f"{name}_intervals.json"
    before = from_dict(read_json(target)) if target.is_file() else None
    same = before is not None and before.of_sections() == found.of_sections()
    write_json(target, found.to_dict(), sealed=True)
    index = read_json(folder / INDEX.name)
    index[name]["intervals"] = target.name
    write_json(folder / INDEX.name, index)
    further = f"with {len(found.further)} classes of further planes" if found.further else "alone"
    changed = "the same as before" if same else "new"
    click.echo(f"intervals of {found.cells} cells: {target}")
    click.echo(f"those of one section are {changed}, {further}")


def print_of(path: Path) -> str:
    """Give the fingerprint of the network in a file of weights."""
    weights = load_weights(path)
    network = build_network(weights.config)
    fill_network(network, weights.state, str(path))
    return fingerprint(network)


if __name__ == "__main__":
    run(main)
