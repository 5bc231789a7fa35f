"""Weights and inputs from seeds, so that the committed numbers need not hold them.

All come from the raw integers of numpy's Philox generator, which are the same in all versions.
"""

import math

import numpy as np

# Changes to the tiny network: what the committed outputs are of. The place is the seed.
TINY = {"size": 8, "channel_mult": (1, 2), "attention_levels": (1,)}
NETWORKS = {
    "plain": {},
    "scale_shift_updown": {"scale_shift_norm": True, "resblock_updown": True},
    "heads": {"num_heads": 2, "num_heads_upsample": 4, "attention_levels": (0, 1)},
    "new_order": {"num_head_channels": 16, "new_attention_order": True},
    "classes": {"num_classes": 6, "out_channels": 1, "num_res_blocks": 2},
}

# Schedule, prediction, variance and loss: what the committed loss terms are of, in so many steps.
LOSSES = [
    ("linear", "epsilon", "learned-range", "mse"),
    ("cosine", "epsilon", "learned-range", "rescaled-mse"),
    ("linear", "x0", "fixed-small", "mse"),
    ("cosine", "v", "learned-range", "mse"),
    ("linear", "epsilon", "learned-range", "rescaled-kl"),
    ("linear", "x0", "fixed-large", "kl"),
]
LOSS_STEPS = 400


def uniform(seed, *shape):
    """Give numbers in [-1, 1), float64: integer r of 64 bits becomes 2 (r >> 11) / 2^53 - 1."""
    raw = np.random.Philox(key=seed).random_raw(math.prod(shape))
    return (2 * ((raw >> np.uint64(11)) * 2.0**-53) - 1).reshape(shape)


def seeded_state(shapes, seed):
    """Give a network's parameters, float64 arrays by name.

    One stream of `uniform` is dealt out in the order of the names. A matrix or kernel w becomes
    w sqrt(3 / inputs), a bias w / 10, and the weight of a normalisation 1 + w / 10.
    """
    names = sorted(shapes)
    stream = uniform(seed, sum(math.prod(shapes[name]) for name in names))
    state = {}
    for name in names:
        shape = tuple(shapes[name])
        w, stream = stream[: math.prod(shape)].reshape(shape), stream[math.prod(shape) :]
        if len(shape) > 1:
            state[name] = w * math.sqrt(3 / math.prod(shape[1:]))
        else:
            state[name] = w / 10 + name.endswith("weight")
    return state


def network_inputs(seed, size=8):
    """Give x, steps t and classes y for a network, of two samples."""
    return uniform(1000 + seed, 2, 3, size, size, size), np.array([7, 900]), np.array([1, 5])


def loss_inputs():
    """Give x0 (0 or 1), noise of variance 1, a network's output and steps t, of four samples."""
    shape = (4, 1, 4, 4, 4)
    x0 = (uniform(1, *shape) > 0).astype(float)
    noise = math.sqrt(3) * uniform(2, *shape)
    return x0, noise, uniform(3, 4, 2, 4, 4, 4), np.array([0, 1, 200, LOSS_STEPS - 1])
