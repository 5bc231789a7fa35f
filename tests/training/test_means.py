"""Means between two lines of a log, by number."""

import math

import torch

from dispr.training.means import Means


def one_process(values):
    return values


def test_means_of_terms_and_of_quarters():
    means = Means(1000)
    assert not means
    first = {"loss": torch.tensor([1.0, 3.0]), "mse": torch.tensor([0.5, 1.5])}
    means.add(first, torch.tensor([0, 999]))
    means.add({"loss": torch.tensor([8.0]), "mse": torch.tensor([4.0])}, torch.tensor([249]))
    means.add_value("norm", torch.tensor(2.0))
    means.add_value("norm", torch.tensor(5.0))
    assert means
    assert means.take(one_process) == {
        "loss": 4.0,
        "mse": 2.0,
        "loss_q0": 4.5,
        "loss_q1": None,
        "loss_q2": None,
        "loss_q3": 3.0,
        "norm": 3.5,
    }
    assert not means
    assert means.take(one_process) == {}


def test_quarters_begin_at_whole_quarters():
    means = Means(8)
    t = torch.arange(8)
    means.add({"loss": t.float()}, t)
    found = means.take(one_process)
    assert [found[f"loss_q{i}"] for i in range(4)] == [0.5, 2.5, 4.5, 6.5]


def test_a_model_without_a_diffusion_has_no_quarters():
    means = Means(0)
    means.add({"loss": torch.tensor([1.0, 2.0])}, torch.zeros(2, dtype=torch.long))
    assert means.take(one_process) == {"loss": 1.5}


def test_processes_are_taken_together():
    """The second process has seen three times as many samples, of loss 2."""
    means = Means(0)
    means.add({"loss": torch.tensor([6.0])}, torch.zeros(1, dtype=torch.long))
    other = torch.tensor([6.0, 3.0], dtype=torch.float64)
    assert means.take(lambda values: values + other) == {"loss": 3.0}


def test_what_diverged_stays_in_its_quarter():
    means = Means(4)
    means.add({"loss": torch.tensor([1.0, math.inf])}, torch.tensor([0, 3]))
    found = means.take(one_process)
    assert found["loss_q0"] == 1.0
    assert found["loss_q3"] == math.inf
    assert found["loss"] == math.inf
