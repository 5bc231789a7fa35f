"""A small network that describes a section: of which type, and how large the unseen body may be.

It was trained on simulated cells alone (`recognition.train`), so it has seen none of the cells that
it describes, and what it says can be used in any fold of a study.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dispr.cells.classes import TYPES
from dispr.errors import FileError
from dispr.model.device import plain_torch
from dispr.model.shipped import shipped_weights

WIDTH = 16
"""Channels of the first block; the others have twice and four times as many."""

BODY = (
    *("log_volume", "log_boundary", "log_roughness", "log_height", "log_box_area"),
    *("log_projected_area", "share_above", "filled", "compactness"),
    *(f"area_profile_{i}" for i in range(16)),
)
"""What is estimated of the body, see `recognition.train.body_values`; in standard deviations."""

FEATURES = (
    *(f"learned_type_{name}" for name in TYPES),
    *(f"learned_{name}" for name in BODY),
    "learned_sde_score",
)
"""What `describe_section` gives."""


class Block(nn.Module):
    """Two convolutions with a connection around them."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.n1 = nn.BatchNorm2d(outside)
        self.c2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.n2 = nn.BatchNorm2d(outside)
        around = inside != outside or stride > 1
        self.sk = nn.Conv2d(inside, outside, 1, stride, bias=False) if around else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Compute (N, inside, Y, X) to (N, outside, Y / stride, X / stride)."""
        return F.relu(self.sk(x) + self.n2(self.c2(F.relu(self.n1(self.c1(x))))))


class SectionNetwork(nn.Module):
    """Residual network of three blocks; see `forward`.

    Parameters
    ----------
    drop : float
        Share of the channels that are left out in training.
    """

    def __init__(self, drop: float = 0.1) -> None:
        super().__init__()
        w = WIDTH
        self.stem = nn.Sequential(
            nn.Conv2d(3, w, 5, 2, 2, bias=False), nn.BatchNorm2d(w), nn.ReLU()
        )
        self.b = nn.Sequential(Block(w, w, 1), Block(w, 2 * w, 2), Block(2 * w, 4 * w, 2))
        self.drop = nn.Dropout(drop)
        self.emb = nn.Linear(8 * w, 64)
        self.t = nn.Linear(64, len(TYPES))
        self.a = nn.Linear(64, len(BODY))
        self.s = nn.Linear(64, 1)

    def forward(self, sections: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Describe sections.

        Parameters
        ----------
        sections : Tensor
            float32, (N, 2, 64, 64), 0 to 1: mask and image.

        Returns
        -------
        types, body, score : Tensor
            (N, 12) logits of `TYPES`; (N, 25) `BODY`; (N,) the score from spherocyte to echinocyte.
        """
        x = self.b(self.stem(_channels(sections)))
        pooled = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        found = self.drop(F.relu(self.emb(self.drop(pooled))))
        return self.t(found), self.a(found), self.s(found)[:, 0]


def _channels(sections: Tensor) -> Tensor:
    """Give mask, brightness inside it and brightness, relative to the mean inside."""
    mask, image = sections[:, 0], sections[:, 1]
    inside = mask * image
    mean = inside.flatten(1).sum(1) / mask.flatten(1).sum(1).clamp(min=1)
    mean = mean[:, None, None].clamp(min=0.02)
    return torch.stack([mask, inside / mean - mask, image / mean * 0.5], 1)


def as_sections(images: np.ndarray, masks: np.ndarray) -> Tensor:
    """Make the input of the network, uint8 (N, 64, 64) twice to (N, 2, 64, 64)."""
    pair = np.stack([masks, images], 1).astype(np.float32) / 255
    return torch.from_numpy(pair)


@cache
def section_network() -> SectionNetwork:
    """Read the network that comes with the package, and compare it with its checksum.

    FileError is raised if it is missing or not the one that was shipped.
    """
    path, sha256 = shipped_weights("sections")
    return read_network(path, sha256)


def read_network(path: Path, sha256: str) -> SectionNetwork:
    """Read a network; FileError if it is missing, or another than that of the checksum."""
    from safetensors.torch import load

    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read; install dispr again.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise FileError(f"{path} is not the file that came with dispr; install dispr again.")
    state: Mapping[str, Tensor] = load(content)
    with plain_torch():
        network = SectionNetwork()
    network.load_state_dict(state)
    return network.eval()


@torch.inference_mode()
def describe_section(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Describe a section by the network that comes with the package.

    Parameters
    ----------
    image, mask : ndarray
        uint8, (64, 64), YX, framed as the training cells are.

    Returns
    -------
    dict of str to float
        `FEATURES`: logits of the types, `BODY`, and the score from -1, spherocyte, over 0,
        discocyte, to 1, echinocyte III. Means over the eight turns and mirror images.
    """
    section = as_sections(image[None], mask[None])
    turned = [torch.rot90(section, k, (2, 3)) for k in range(4)]
    types, body, score = section_network()(torch.cat([*turned, *(x.flip(3) for x in turned)]))
    values = torch.cat([types, body, score[:, None]], 1).mean(0)
    return dict(zip(FEATURES, values.tolist(), strict=True))


def fingerprint() -> str:
    """Give the checksum of the network that comes with the package."""
    return shipped_weights("sections")[1]
