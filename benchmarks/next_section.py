"""Which section to take next: a plane that the samples choose, beside simple rules.

    python benchmarks/next_section.py red_blood_cells

For each real cell that the model has not seen, and for new simulated ones, one more plane of the
true shape is given to the drawn shapes, beside the section alone, or beside the section and the
plane half way to the top. Prints the error of the volume and the overlap (IoU) of the consensus
afterwards, and the mean difference from the choice by the samples, with its standard error over
cells.

By the samples: for each plane, each sample in turn is taken as the true shape, and the others are
given its area in this plane, and beside it by and by less, as `hold_planes` does; the plane with
the least mean square of the error of their mean volume is chosen. The other rules go by the
consensus: the mean over all its planes that are not known; half way from the section to the top;
the middle of the widest gap between known planes and ends; and shares of the way from the last
known plane to the farther end. Shapes are moved to the planes and not drawn anew for each, which
would take hours on a CPU.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
from drawn_cells import DrawnCell, draw_cells
from tabulate import tabulate

import dispr
from dispr.cells.arrays import SECTION, SIZE
from dispr.cli.main import run
from dispr.prediction.planes import FAR_REACH, move_of
from dispr.scores.shape import iou

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
CHOSEN = "by the samples"


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--simulated", default=64, show_default=True, help="Number of simulated cells.")
@click.option("--seed", default=818181, show_default=True, help="Seed of the simulated cells.")
@click.option("--weights", type=click.Path(path_type=Path), help="Default: the shipped ones.")
@click.option("--device", default="auto", show_default=True)
def main(data: Path, simulated: int, seed: int, weights: Path | None, device: str) -> None:
    """Score further planes of the cells of DATA that the model has not seen."""
    real, new = draw_cells(dispr.load(weights, device), data, simulated, seed, anew=False)
    for kind, cells in (("real", real), ("simulated", new)):
        for further in (False, True):
            if cells:
                beside = "the section and half way to the top" if further else "the section"
                click.echo(f"\n{len(cells)} {kind} cells, beside {beside}:\n")
                click.echo(compared([outcomes(cell, further) for cell in cells]))


def outcomes(cell: DrawnCell, further: bool) -> dict[str, tuple[float, float]]:
    """Give the error of the volume and the IoU by the rule that the next plane was chosen by."""
    known = [SECTION]
    if further:
        known = sorted({SECTION, SECTION + (ends(cell.held([]))[1] - SECTION) // 2})
    held = cell.held(known)
    low, high = ends(held)
    scored: dict[int, tuple[float, float]] = {}

    def score(z: float) -> tuple[float, float]:
        plane = min(max(round(z), 0), SIZE - 1)
        if plane not in scored:
            scored[plane] = score_of(cell, [*known, plane])
        return scored[plane]

    unknown = [z for z in range(low, high + 1) if z not in known]
    places = [low - 0.5, *known, high + 0.5]
    widest = int(np.argmax(np.diff(places)))
    up = high - known[-1] >= known[0] - low
    found = {
        "no further plane": score_of(cell, known),
        CHOSEN: score(chosen_by(held, known)),
        "any plane (mean)": tuple(np.mean([score(z) for z in unknown], axis=0)),
        "half way to the top": score(SECTION + (high - SECTION) / 2),
        "middle of the widest gap": score((places[widest] + places[widest + 1]) / 2),
    }
    for share in SHARES:
        z = known[-1] + share * (high - known[-1]) if up else known[0] - share * (known[0] - low)
        found[f"{share:g} of the way to the farther end"] = score(z)
    return found


def ends(held: np.ndarray) -> tuple[int, int]:
    """Give the first and the last plane of the consensus."""
    filled = np.flatnonzero((held.mean(axis=0) > 0.5).any(axis=(1, 2)))
    return int(filled[0]), int(filled[-1])


def score_of(cell: DrawnCell, planes: Sequence[int]) -> tuple[float, float]:
    consensus = cell.held(planes).mean(axis=0) > 0.5
    error = abs(float(consensus.sum()) / float(cell.truth.sum()) - 1)
    return error, float(iou(consensus, cell.truth))


def chosen_by(held: np.ndarray, known: Sequence[int]) -> int:
    """Give the plane whose mask would tell most of the volume, by the samples."""
    areas = held.sum(axis=(2, 3)).astype(float)
    volumes = areas.sum(axis=1)
    filled = np.flatnonzero(areas.any(axis=0))
    best, least = SECTION, np.inf
    for z in range(max(filled[0] - 1, 0), min(filled[-1] + 2, SIZE)):
        if z in known:
            continue
        # Of sample i, the area of each plane if its plane z were that of sample j: [j, i, plane].
        change = areas[:, None, z] - areas[None, :, z]
        volume = (areas + change[:, :, None] * following(z, known)).clip(0).sum(axis=2)
        others = (volume.sum(axis=1) - volume.diagonal()) / (len(areas) - 1)
        error = float((np.log(others / volumes) ** 2).mean())
        if error < least:
            best, least = z, error
    return best


def following(z: int, known: Sequence[int]) -> np.ndarray:
    """Give by how much each plane follows plane z, -1 to 1, as `hold_planes` moves them."""
    moves = {number: float(number == z) for number in sorted({*known, z})}
    return np.array([move_of(plane, moves, FAR_REACH) for plane in range(SIZE)])


def compared(found: Sequence[Mapping[str, tuple[float, float]]]) -> str:
    """Lay out the means of each rule, and their differences from the choice by the samples."""
    lines = []
    ours = np.array([one[CHOSEN] for one in found])
    for rule in found[0]:
        values = np.array([one[rule] for one in found])
        more = values - ours
        errors = more.std(axis=0, ddof=1) / len(found) ** 0.5
        differences = [
            "" if rule == CHOSEN else f"{mean:+.4f} ± {error:.4f}"
            for mean, error in zip(more.mean(axis=0), errors, strict=True)
        ]
        error, overlap = values.mean(axis=0)
        lines.append([rule, f"{error:.4f}", differences[0], f"{overlap:.4f}", differences[1]])
    head = ["next plane", "volume error", "more than by the samples", "IoU", "more"]
    return str(tabulate(lines, head, disable_numparse=True))


if __name__ == "__main__":
    run(main)
