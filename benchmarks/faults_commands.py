"""The commands that faults are put into: a line of a table each, and small inputs for them."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
from faults_server import Server


class Command(NamedTuple):
    """A command of dispr, run in a folder of its own.

    Attributes
    ----------
    name : str
        How the summary calls it.
    line : str
        Its arguments. It writes to `out` and below, and reads below `inputs`.
    inputs : tuple of str
        What it reads, of `make_inputs`.
    """

    name: str
    line: str
    inputs: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        """Its arguments, one by one."""
        return shlex.split(self.line)


NETWORK = (
    "--preset paper --network-channel-mult 1,1 --network-attention-levels '' --network-patch 8 "
    "--network-pooling isotropic --diffusion-steps 50 --sampling-steps 2 --diffusion-prediction "
    "occupancy --diffusion-loss cross-entropy --diffusion-variance fixed-small --device cpu"
)
"""A diffusion model that answers at once."""

FEW = (
    "--ensemble 2 --batch-size 2 --sampling-steps 2 --device cpu --pixel-size 0.172 "
    "--weights inputs/weights"
)
"""One cell at once, since with other numbers of shapes at once rounding may change a voxel."""

PREPARE = (
    "prepare inputs/stacks --labels 'labels/*.tif' --voxel-size 0.344,0.172,0.172 "
    "--test-fraction 0.5"
)
MADE = (
    Command("cells", "simulate -o out -n 6 --seed 3 --test-fraction 0.34"),
    Command("fields", "simulate -o out --fields 2 -n 2 --field-size 128 --seed 1"),
    Command(
        "weights",
        f"train inputs/cells -o out {NETWORK} --steps 30 --lr 0.003 --batch-size 2 "
        "--validation-interval 0",
        ("cells",),
    ),
    Command(
        "predicted",
        f"predict inputs/cells -o out --split test {FEW}/weights.safetensors --no-report",
        ("cells", "weights"),
    ),
    Command("prepared", f"{PREPARE} -o out", ("stacks",)),
)
"""What is made for the commands below by commands themselves."""

COMMANDS = (
    Command("simulate", "simulate -o out -n 6 --seed 3"),
    Command("simulate fields", "simulate -o out --fields 2 -n 2 --field-size 128 --seed 1"),
    Command(
        "predict",
        f"predict inputs/cells -o out --split test {FEW}/weights.safetensors",
        ("cells", "weights"),
    ),
    Command(
        "predict packed",
        f"predict inputs/cells -o out {FEW}/weights.safetensors --store zarr --no-report",
        ("cells", "weights"),
    ),
    Command(
        "predict shard",
        f"predict inputs/cells -o out {FEW}/weights.safetensors --shard 1/2 --no-report",
        ("cells", "weights"),
    ),
    Command("gather", "gather inputs/predicted -o out --store zarr", ("predicted",)),
    Command(
        "predict fields",
        f"predict inputs/fields --labels 'labels/*.tif' -o out {FEW}/weights.safetensors",
        ("fields", "weights"),
    ),
    Command("measure", "measure inputs/predicted -o out/measures.csv --jobs 2", ("predicted",)),
    Command("measure cells", "measure inputs/cells -o out/measures.csv --jobs 1", ("cells",)),
    Command("mesh", "mesh inputs/predicted -o out --samples", ("predicted",)),
    Command("baseline", "baseline ellipsoid inputs/cells -o out", ("cells",)),
    Command(
        "report",
        "report inputs/predicted inputs/cells -o out/report.html --jobs 2",
        ("predicted", "cells"),
    ),
    Command(
        "evaluate",
        "evaluate inputs/predicted inputs/cells --split test -o out/metrics.csv --jobs 2",
        ("predicted", "cells"),
    ),
    Command(
        "train",
        f"train inputs/cells -o out {NETWORK} --steps 4 --save-interval 2 --log-interval 1 "
        "--batch-size 1 --validation-fraction 0.5 --validation-interval 2 --validation-samples 2 "
        "--keep-every 2",
        ("cells",),
    ),
    Command("prepare", f"{PREPARE} -o out", ("stacks",)),
    Command("prepare shard", f"{PREPARE} -o out --shard 2/2", ("stacks",)),
    Command("gather prepared", "gather inputs/prepared -o out", ("prepared",)),
    Command(
        "reproduce",
        "reproduce -o out --simulated-cells 11 --methods decoder --folds 2 --scheme random "
        "--ensemble 2 --pretraining-cells 4 --pretraining-steps 1 --steps 1 --batch-size 2 "
        "--features '' --device cpu --jobs 2",
    ),
)
"""Where faults are put."""


def copy_inputs(command: Command, inputs: Path, room: Path) -> None:
    """Give a command a new folder with its inputs."""
    shutil.rmtree(room, ignore_errors=True)
    (room / "inputs").mkdir(parents=True)
    for name in command.inputs:
        shutil.copytree(inputs / name, room / "inputs" / name)


def make_inputs(server: Server, inputs: Path, wanted: set[str]) -> None:
    """Make the inputs of these names, and what they are made from, in a folder."""
    needed = {name for made in MADE if made.name in wanted for name in made.inputs}
    if needed - wanted:
        make_inputs(server, inputs, wanted | needed)
        return
    if "stacks" in wanted:
        _make_stacks(server, inputs / "stacks")
    for made in MADE:
        if made.name in wanted:
            room = inputs.parent / f"making_{made.name}"
            copy_inputs(made, inputs, room)
            end = server.start(made.arguments, room, watched=room, fault=None).end()
            if end.code:
                raise SystemExit(f"{made.line}: {end.said}")
            shutil.move(room / "out", inputs / made.name)
            if made.name == "weights":  # alone, as weights travel: their checksum is inside
                for path in (inputs / "weights").iterdir():
                    if path.name != "weights.safetensors":
                        path.unlink()


def _make_stacks(server: Server, folder: Path) -> None:
    """Make stacks of planes from the fields, whose shapes are known."""
    room = folder.parent.parent / "making_stacks"
    room.mkdir()
    line = "simulate -o out --fields 2 -n 2 --field-size 128 --seed 2"
    server.start(shlex.split(line), room, watched=room, fault=None).end()
    (folder / "labels").mkdir(parents=True)
    for path in sorted((room / "out" / "truth").glob("*.tif")):
        truth = np.pad(tifffile.imread(path), ((6, 6), (0, 0), (0, 0)))[::2]
        light = np.where(truth > 0, 150, 20).astype(np.uint8)
        light += np.random.default_rng(0).integers(0, 5, light.shape, np.uint8)
        tifffile.imwrite(folder / path.name, light, imagej=True, metadata={"axes": "ZYX"})
        tifffile.imwrite(
            folder / "labels" / path.name, truth, imagej=True, metadata={"axes": "ZYX"}
        )
