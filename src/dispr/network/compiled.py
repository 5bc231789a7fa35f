"""Networks compiled by `torch.compile`."""

from __future__ import annotations

import copy

from dispr.network.network import Network


def compiled_copy(network: Network) -> Network:
    """Give the same network, of the same parameters, with its parts compiled."""
    tensors = (*network.parameters(), *network.buffers())
    made = copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
    compile_parts(made)
    return made


def compile_parts(network: Network) -> None:
    """Have each part of a network compiled: when it is first called, and for other input sizes."""
    for part in network.parts():
        part.compile(dynamic=False)
