"""IoU of drawn shapes on the validation cells, while training."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dispr.cells.dataset import CellDataset
from dispr.cells.prepare import condition_tensor, occupancy
from dispr.diffusion.streams import Stream
from dispr.model.config import ModelConfig
from dispr.model.weights import build_network
from dispr.prediction.draw import draw_occupancy

BATCH = 8


def validate(
    state: Mapping[str, Tensor],
    config: ModelConfig,
    cells: CellDataset,
    device: torch.device,
    *,
    most: int,
    sampler: str = "",
    steps: str = "",
) -> dict[str, float]:
    """Draw one shape for each validation cell and compare it with the truth.

    Parameters
    ----------
    state : mapping of str to Tensor
        The averaged weights.
    config : ModelConfig
        The model.
    cells : CellDataset
        Validation cells; evenly chosen ones are taken where there are more than `most`.
    device : torch.device
        Where to compute.
    most : int
        Most cells to take.
    sampler, steps : str
        Empty for the model's defaults.

    Returns
    -------
    dict of str to float
        "iou" and "volume_error", means over the cells. The noise is the same at each call, so
        that values compare along a run.
    """
    network: nn.Module = build_network(config).to(device).eval()
    network.load_state_dict(dict(state))
    count = min(most, len(cells))
    chosen = [i * len(cells) // count for i in range(count)]
    ious, errors = [], []
    for start in range(0, count, BATCH):
        batch = cells.batch(chosen[start : start + BATCH])
        drawn = draw_occupancy(
            network,
            config,
            condition_tensor(batch["image"], batch["mask"]).to(device),
            [Stream("validation", name) for name in batch["names"]],
            sampler=sampler or None,
            steps=steps or None,
            labels=batch["label"].to(device) if config.num_classes else None,
        )
        ours = (drawn > 0.5).flatten(1)
        truth = (occupancy(batch["obj"])[:, 0].to(device) > 0.5).flatten(1)
        both = (ours & truth).sum(1)
        ious.append(both / (ours | truth).sum(1).clamp(min=1))
        errors.append((ours.sum(1) - truth.sum(1)).abs() / truth.sum(1))
    return {
        "iou": float(torch.cat(ious).mean()),
        "volume_error": float(torch.cat(errors).mean()),
    }
