"""Put a kept classifier into the package, as the one that names the classes of red blood cells.

dispr classify red_blood_cells --split train --features outline --classifiers linear --repeats 3 \
    --no-pictures -o classes
python scripts/ship_classifier.py classes
"""

import hashlib
from pathlib import Path

import click

from dispr.cli.main import run
from dispr.files import atomic_path
from dispr.model.shipped import FOLDER, INDEX
from dispr.recognition.kept import FOLDER as CLASSIFIERS
from dispr.recognition.kept import load_kept
from dispr.records import read_json, write_json

NAME = "classes"


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--folder", type=click.Path(path_type=Path), default=FOLDER, help="Folder of the package."
)
def main(study: Path, folder: Path) -> None:
    """Copy the classifier on outlines that dispr classify kept in STUDY."""
    kept = load_kept(study, "outline", "linear")
    content = (study / CLASSIFIERS / f"{kept.key}.safetensors").read_bytes()
    target = folder / f"{NAME}.safetensors"
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)
    index = read_json(folder / INDEX.name)
    index[NAME] = {"file": target.name, "sha256": hashlib.sha256(content).hexdigest()}
    write_json(folder / INDEX.name, index)
    click.echo(f"classifier of {len(kept.names)} cells: {target}")


if __name__ == "__main__":
    run(main)
