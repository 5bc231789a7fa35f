"""Do cells lie on the slide with a preferred side up? Asymmetry in Z of a data set, by type.

    python benchmarks/up_and_down.py DATA [--split train]

Prints for each type the mean and standard deviation of the height of the centre of mass above the
section (plane 32) in voxels, the share of cells with it above, and the IoU of the cells with their
mirror images.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from tabulate import tabulate

from dispr.cells.classes import parse_name
from dispr.cells.folder import find_cells
from dispr.cells.read import read_obj
from dispr.scores.shape import iou

SECTION = 32


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="train")
    arguments = parser.parse_args()
    found = defaultdict(list)
    for file in find_cells(arguments.data, split=arguments.split, need_obj=True):
        body = read_obj(file.obj) > 127
        counts = body.sum((1, 2))
        height = (counts * (np.arange(len(counts)) - SECTION)).sum() / counts.sum()
        mirrored = np.concatenate([np.zeros_like(body[:1]), body[1:][::-1]])
        found[parse_name(file.name).type].append((height, iou(body, mirrored)))
    rows = []
    for cell_type, values in sorted(found.items()):
        heights, mirror = np.array(values).T
        row = (heights.mean(), heights.std(), (heights > 0).mean(), mirror.mean())
        rows.append([cell_type, len(values), *(f"{value:.2f}" for value in row)])
    heads = ["type", "cells", "height", "sd", "above", "mirror IoU"]
    print(tabulate(rows, heads, disable_numparse=True))


if __name__ == "__main__":
    main()
