"""Whether a trained model beats what needs no training, on its own validation cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dispr.cells.dataset import CellDataset
from dispr.scores.baselines import ellipsoid, nearest
from dispr.scores.shape import binarise, iou, relative_error
from dispr.training.validate import evenly

Baseline = Callable[[np.ndarray], np.ndarray]


def baseline_scores(
    cells: CellDataset, validation_cells: CellDataset, most: int
) -> dict[str, dict[str, float]]:
    """Score the baselines on the cells that a run is validated on.

    Parameters
    ----------
    cells : CellDataset
        Training cells.
    validation_cells : CellDataset
        Validation cells.
    most : int
        Most of them to take, as for `dispr.training.validate.validate`.

    Returns
    -------
    dict of str to dict
        For each baseline, the training cell with the most similar mask and the ellipsoid on the
        outline: "consensus_iou" and "volume_error" as `validate` gives them.
    """
    masks = np.stack([cell.mask > 127 for cell in cells])
    baselines: dict[str, Baseline] = {
        "most similar training cell": lambda mask: binarise(cells[nearest(mask, masks)].obj),
        "ellipsoid": ellipsoid,
    }
    found: dict[str, dict[str, float]] = {}
    chosen = [validation_cells[i] for i in evenly(len(validation_cells), most)]
    for name, baseline in baselines.items():
        shapes = [(baseline(cell.mask), binarise(cell.obj)) for cell in chosen]
        found[name] = {
            "consensus_iou": float(np.mean([iou(body, truth) for body, truth in shapes])),
            "volume_error": float(
                np.mean([relative_error(body.sum(), truth.sum()) for body, truth in shapes])
            ),
        }
    return found


def verdict(
    scores: Mapping[str, float], baselines: Mapping[str, Mapping[str, float]], count: int
) -> list[str]:
    """Say in sentences how a model compares with the baselines.

    Parameters
    ----------
    scores : mapping of str to float
        "consensus_iou" and "volume_error" of the model.
    baselines : mapping of str to mapping
        What `baseline_scores` gives.
    count : int
        Number of validation cells.
    """

    def words(found: Mapping[str, float]) -> str:
        return f"IoU {found['consensus_iou']:.3f}, volume error {found['volume_error']:.3f}"

    others = "; ".join(f"{name}: {words(found)}" for name, found in baselines.items())
    lines = [f"On {count} validation cells: this model: {words(scores)}; {others}."]
    better = [
        name
        for name, found in baselines.items()
        if found["consensus_iou"] >= scores["consensus_iou"]
        or found["volume_error"] <= scores["volume_error"]
    ]
    if better:
        lines.append(
            f"The model does not beat {' and '.join(f'the {name}' for name in better)} in both "
            "scores; train it longer or on more cells before you use its shapes."
        )
    return lines
