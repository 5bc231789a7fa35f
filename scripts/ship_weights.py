"""Put trained weights into the package, in half precision and with their checksum.

python scripts/ship_weights.py runs/fast/weights.safetensors --name fast
"""

import hashlib
import json
from pathlib import Path

import click
import torch

from dispr.cli.main import run
from dispr.files import atomic_path
from dispr.model.shipped import FOLDER, INDEX
from dispr.model.weights import load_weights, save_weights


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.option("--name", default="fast", show_default=True, help="Name to ship them under.")
def main(weights: Path, name: str) -> None:
    """Ship WEIGHTS, a file that dispr train wrote, inside the package."""
    path = FOLDER / f"{name}.safetensors"
    save_weights(path, load_weights(weights), dtype=torch.float16)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    index = json.loads(INDEX.read_text(encoding="utf-8")) if INDEX.is_file() else {}
    # What weights of the same data do not state themselves, such as their frame, is kept.
    kept = {key: value for key, value in index.get(name, {}).items() if key != "intervals"}
    index[name] = {**kept, "file": path.name, "sha256": checksum}
    with atomic_path(INDEX) as temporary:
        temporary.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB, SHA-256 {checksum}")


if __name__ == "__main__":
    run(main)
