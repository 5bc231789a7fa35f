"""The two losses of a cascade: of its coarse diffusion, and of its refiner."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dispr.diffusion.objective import overlap_loss, training_loss
from dispr.diffusion.process import Process
from dispr.network.cascade import Cascade


def cascade_loss(
    cascade: Cascade,
    process: Process,
    condition: Tensor,
    target: Tensor,
    t: Tensor,
    noise: Tensor,
    refined: Tensor,
    known: Tensor | None = None,
    grain: Tensor | None = None,
) -> dict[str, Tensor]:
    """Loss of a cascade: that of the diffusion, and cross-entropy + Dice of the refined volume.

    Parameters
    ----------
    cascade : Cascade
        The network.
    process : Process
        The diffusion of the coarse volume.
    condition, target : Tensor
        (N, 2, size, size) and (N, 1, size, size, size), 0 to 1.
    t : Tensor
        Places in the schedule, (N,) long.
    noise : Tensor
        Standard normal, (N, 1, coarse, coarse, coarse). That on the refiner's input is the same,
        weaker and growing with t.
    refined : Tensor
        Whether to train the refiner on a sample, (N,) bool.
    known : Tensor, optional
        Known planes, (N, size, size, size), for a network that sees them.
    grain : Tensor, optional
        Noise of a refiner that takes some, one row for each sample that it is trained on.

    Returns
    -------
    dict of Tensor
        "loss" and its terms "coarse" and "refined", (N,) each. The refiner's loss counts more
        where it is trained on fewer samples, so that its mean is that of the samples it saw.
    """
    config = cascade.config
    given = cascade.given(condition, None, known)
    coarse = F.avg_pool3d(target, config.factor)
    diffusion = training_loss(process, given, process.encode(coarse), t, noise)["loss"]
    rows = refined.nonzero()[:, 0]
    refinement = torch.zeros_like(diffusion)
    if len(rows):
        spread = config.refine_noise * (t[rows].float() + 1) / len(process.schedule)
        noisy = coarse[rows] + spread.view(-1, 1, 1, 1, 1) * noise[rows]
        overlap = overlap_loss(given.refine(noisy, rows, grain), target[rows])["loss"]
        refinement = refinement.index_put((rows,), overlap / config.refine_share)
    else:  # processes that share gradients need one for every parameter
        unused = [given.features.fine, *cascade.refiner.parameters()]
        refinement = refinement + 0 * sum(value.sum() for value in unused)
    return {"loss": diffusion + refinement, "coarse": diffusion, "refined": refinement}
