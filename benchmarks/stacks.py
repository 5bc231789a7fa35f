"""How well cells come back from stacks of thick planes.

    python benchmarks/stacks.py red_blood_cells [--cells 80]

Of cells with known 3D shapes, evenly chosen from a data set, every plane is kept, or every second,
third or fourth. These are brought back to cubic voxels as `dispr prepare` does, and compared with
the cells; so is what linear interpolation of the labels gives. Also prints of how many cells plane
32 is the middle of the extent, and which is the plane of their largest area.
"""

import argparse
from pathlib import Path

import numpy as np

from dispr.cells.folder import find_cells
from dispr.cells.read import read_obj
from dispr.labelled.stack.resample import resample_shape


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def shape_based(planes: np.ndarray, step: int, first: int) -> np.ndarray:
    return resample_shape(planes, (step, 1, 1), (-first, 0, 0), 1, 64)


def linear(planes: np.ndarray, step: int, first: int) -> np.ndarray:
    place = (np.arange(64) - first) / step
    below = np.clip(np.floor(place).astype(int), 0, len(planes) - 2)
    share = np.clip(place - below, 0, 1)[:, None, None]
    return planes[below] * (1 - share) + planes[below + 1] * share > 0.5


def middles(objs: list[np.ndarray]) -> None:
    """Print where plane 32 is in the cells."""
    spans = [np.nonzero((obj > 0).any((1, 2)))[0] for obj in objs]
    middle = sum(span[0] + (span[-1] - span[0] + 1) // 2 == 32 for span in spans)
    largest = [int((obj > 127).sum((1, 2)).argmax()) for obj in objs]
    print(f"plane 32 is the middle of {middle} of {len(objs)} cells;", end=" ")
    print(f"the plane of the largest area is {min(largest)} to {max(largest)}")
    border = [(obj > 0).sum() / (obj > 127).sum() for obj in objs]
    print("obj > 0 over obj > 127:", np.round(np.quantile(border, [0.05, 0.5, 0.95]), 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cells", type=int, default=80)
    options = parser.parse_args()
    files = [cell.obj for cell in find_cells(options.data, need_obj=True)]
    chosen = np.linspace(0, len(files) - 1, min(options.cells, len(files))).astype(int)
    objs = [read_obj(files[k]) for k in chosen]
    middles(objs)
    print("planes apart, IoU mean and smallest, volume error mean and largest, border, linear IoU")
    for step in (1, 2, 3, 4):
        rows = []
        for obj in objs:
            body, first = obj > 127, 32 % step
            planes = body[first::step]
            grey = shape_based(planes, step, first)
            back = grey > 127
            error = abs(back.sum() / body.sum() - 1)
            border = (grey > 0).sum() / back.sum()
            rows.append([iou(back, body), error, border, iou(linear(planes, step, first), body)])
        ious, errors, borders, linears = np.array(rows).T
        print(
            f"{step}: {ious.mean():.3f} {ious.min():.3f}  {errors.mean():.3f} {errors.max():.3f}  "
            f"{borders.mean():.3f}  {linears.mean():.3f}"
        )


if __name__ == "__main__":
    main()
