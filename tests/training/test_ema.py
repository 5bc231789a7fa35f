import pytest
import torch

from dispr.training.ema import MovingAverage


class Thing(torch.nn.Module):
    def __init__(self, value, count):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((2,), float(value)))
        self.register_buffer("count", torch.tensor(count))


def averaged(rate, *, warmup=False, steps=(0,)):
    """Begin at 10, and take in networks of 20 at these steps."""
    average = MovingAverage(Thing(10, 1), rate, warmup=warmup)
    for step in steps:
        average.update(Thing(20, 7), step)
    return average.state


def test_the_rate_is_what_is_kept():
    state = averaged(0.9)
    torch.testing.assert_close(state["weight"], torch.full((2,), 11.0))
    torch.testing.assert_close(averaged(0.9, steps=(0, 1))["weight"], torch.full((2,), 11.9))
    assert int(state["count"]) == 7  # whole numbers are not averaged


@pytest.mark.parametrize(
    ("step", "kept"), [(0, 1 / 10), (1, 2 / 11), (40, 41 / 50), (80, 0.9), (10**6, 0.9)]
)
def test_less_is_kept_at_first(step, kept):
    state = averaged(0.9, warmup=True, steps=(step,))
    torch.testing.assert_close(state["weight"], torch.full((2,), 20 - 10 * kept))


def test_the_beginning_is_not_changed_with_the_network():
    network = Thing(10, 1)
    average = MovingAverage(network, 0.5)
    with torch.no_grad():
        network.weight.fill_(30)
    assert average.state["weight"].tolist() == [10, 10]
    average.load({"weight": torch.tensor([1.0, 2.0]), "count": torch.tensor(3)})
    assert average.state["weight"].tolist() == [1, 2]
    assert int(average.state["count"]) == 3
