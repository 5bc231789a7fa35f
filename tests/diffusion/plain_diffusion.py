"""The diffusion's schedules and losses once more, plainly, to test the package against.

Derived anew, in numpy and float64: the posterior of a step is the product of two Gaussians, one
from the step before and one from the step itself, instead of the closed forms of the papers.
"""

import math

import numpy as np


def plain_schedule(name, steps):
    """Give a dict of arrays (T,): what each step leaves and adds, and its posterior."""
    if name == "linear":  # 1e-4 to 0.02 in 1000 steps, as much noise in total for other numbers
        first, last = 0.1 / steps, 20 / steps
        betas = np.array([first + (last - first) * i / (steps - 1) for i in range(steps)])
    else:  # arXiv 2102.09672, eq. 17
        f = [math.cos(math.pi / 2 * (i / steps + 0.008) / 1.008) ** 2 for i in range(steps + 1)]
        betas = np.minimum(1 - np.array(f[1:]) / np.array(f[:-1]), 0.999)
    left = np.exp(np.cumsum(np.log1p(-betas)))
    before = np.concatenate([[1.0], left[:-1]])
    # x_{t-1} given x_0 has variance 1 - before; x_t given x_{t-1} has variance beta. Precisions of
    # a product add up; at the first step x_{t-1} is x_0 itself.
    with np.errstate(divide="ignore"):
        variance = 1 / (1 / (1 - before) + (1 - betas) / betas)
    weight_xt = variance * np.sqrt(1 - betas) / betas
    weight_x0 = np.concatenate([[1.0], (variance * np.sqrt(before))[1:] / (1 - before)[1:]])
    return {
        "betas": betas,
        "alphas_cumprod": left,
        "posterior_variance": variance,
        # The first is 0, whose logarithm the second stands in for.
        "posterior_log_variance": np.log(np.concatenate([variance[1:2], variance[1:]])),
        "fixed_large_log_variance": np.log(np.concatenate([variance[1:2], betas[1:]])),
        "posterior_mean_x0": weight_x0,
        "posterior_mean_xt": weight_xt,
    }


def plain_losses(schedule, prediction, variance, loss, x0, noise, output, t):
    """Give the terms of the loss, a dict of arrays (N,).

    Parameters
    ----------
    schedule : dict
        From `plain_schedule`.
    prediction, variance, loss : str
        As in `DiffusionConfig`.
    x0, noise : ndarray
        (N, 1, Z, Y, X).
    output : ndarray
        What the network answers, (N, 1 or 2, Z, Y, X).
    t : ndarray
        (N,) int.
    """
    at = {key: values[t].reshape(-1, 1, 1, 1, 1) for key, values in schedule.items()}
    steps = len(schedule["betas"])
    signal, spread = np.sqrt(at["alphas_cumprod"]), np.sqrt(1 - at["alphas_cumprod"])
    x_t = signal * x0 + spread * noise
    answer = output[:, :1]
    guess = {
        "epsilon": (x_t - spread * answer) / signal,
        "x0": answer,
        "v": signal * x_t - spread * answer,
    }[prediction]
    wanted = {"epsilon": noise, "x0": x0, "v": signal * noise - spread * x0}[prediction]
    if variance == "learned-range":
        high, low = np.log(at["betas"]), at["posterior_log_variance"]
        log_variance = low + (high - low) * (output[:, 1:] / 2 + 0.5)
    else:
        key = {"fixed-small": "posterior", "fixed-large": "fixed_large"}[variance]
        log_variance = at[f"{key}_log_variance"] + 0 * x0

    def mean_given(start):
        return at["posterior_mean_x0"] * start + at["posterior_mean_xt"] * x_t

    true, ours = np.exp(at["posterior_log_variance"]), np.exp(log_variance)
    gap = mean_given(x0) - mean_given(guess)
    divergence = (np.log(ours / true) + (true + gap**2) / ours - 1) / 2
    likelihood = bin_probability(x0, mean_given(guess), np.sqrt(ours))
    bound = np.where(t.reshape(-1, 1, 1, 1, 1) == 0, -np.log(likelihood), divergence)
    vb = average(bound) / math.log(2)
    if "kl" in loss:
        return {"loss": vb * (steps if loss == "rescaled-kl" else 1)}
    terms = {"mse": average((wanted - answer) ** 2)}
    if variance == "learned-range":
        terms["vb"] = vb * (steps / 1000 if loss == "rescaled-mse" else 1)
    return {"loss": sum(terms.values()), **terms}


def bin_probability(x, mean, deviation):
    """Probability of the 8-bit bin around x: a 255th to either side, open at -1 and 1."""

    def cdf(edge):  # the tanh approximation, which is part of what is published
        z = (edge - mean) / deviation
        return (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))) / 2

    above = np.where(x > 0.999, 1.0, cdf(x + 1 / 255))
    below = np.where(x < -0.999, 0.0, cdf(x - 1 / 255))
    return np.maximum(above - below, 1e-12)


def average(values):
    return values.reshape(len(values), -1).mean(1)
