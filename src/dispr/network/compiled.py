"""Networks compiled by `torch.compile`."""

from __future__ import annotations

import copy

from dispr.network.network import Network


def compiled(network: Network) -> Network:
    """Give the same network, of the same parameters, with its parts compiled.

    Each part is compiled when it is first called, and again for other shapes of its input.
    """
    tensors = (*network.parameters(), *network.buffers())
    made = copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
    for part in made.parts():
        part.compile(dynamic=False)
    return made
