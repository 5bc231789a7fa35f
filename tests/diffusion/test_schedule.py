import numpy as np
import pytest

from dispr.diffusion.schedule import make_schedule, respacing
from dispr.errors import ConfigError


def test_linear_schedule():
    schedule = make_schedule("linear", 1000)
    assert schedule.betas[[0, -1]] == pytest.approx([1e-4, 0.02])
    assert len(schedule) == 1000


@pytest.mark.parametrize(("name", "steps"), [("linear", 1000), ("linear", 250), ("cosine", 100)])
def test_signal_falls_to_almost_nothing(name, steps):
    left = make_schedule(name, steps).alphas_cumprod
    assert (np.diff(left) < 0).all()
    assert left[-1] < 1e-4


def test_posterior_agrees_with_bayes():
    """Product of q(x_t | x_{t-1}) and q(x_{t-1} | x_0), both Gaussian, at one step."""
    schedule = make_schedule("linear", 1000)
    t = 500
    beta, before = schedule.betas[t], schedule.alphas_cumprod_prev[t]
    precision = (1 - beta) / beta + 1 / (1 - before)
    assert schedule.posterior_variance[t] == pytest.approx(1 / precision)
    assert schedule.posterior_mean_xt[t] == pytest.approx(np.sqrt(1 - beta) / beta / precision)
    assert schedule.posterior_mean_x0[t] == pytest.approx(
        np.sqrt(before) / (1 - before) / precision
    )


def test_respacing_keeps_noise_levels():
    full = make_schedule("cosine", 1000)
    kept = respacing(1000, "25")
    few = full.respaced(kept)
    np.testing.assert_allclose(few.alphas_cumprod, full.alphas_cumprod[kept])
    assert few.timesteps.tolist() == kept


@pytest.mark.parametrize(
    ("steps", "spec", "kept"),
    [
        (1000, "10", [0, 111, 222, 333, 444, 555, 666, 777, 888, 999]),
        (10, 10, list(range(10))),
        (100, "ddim25", list(range(0, 100, 4))),
        (1000, "21", [*range(0, 500, 50), 499, *[round(49.95 * k) for k in range(11, 21)]]),
        (9, "1,2,3", [0, 3, 5, 6, 7, 8]),
        (1000, "trailing4", [249, 499, 749, 999]),
        (10, "trailing3", [2, 6, 9]),
        (7, "trailing7", list(range(7))),
        (1000, "centred4", [124, 374, 624, 874]),
        (7, "centred7", list(range(7))),
        (7, "centred2", [1, 4]),
        (300, "10,15,20", None),
    ],
)
def test_respacing(steps, spec, kept):
    ours = respacing(steps, spec)
    if kept is None:
        assert len(ours) == 45
        assert [sum(lo <= k < lo + 100 for k in ours) for lo in (0, 100, 200)] == [10, 15, 20]
    else:
        assert ours == kept


@pytest.mark.parametrize(
    "spec",
    [
        "0",
        "-3",
        "fast",
        "ddim",
        "ddim333",
        "1001",
        "",
        "600,600",
        "trailing",
        "trailing1001",
        "centred1001",
    ],
)
def test_bad_respacing(spec):
    with pytest.raises(ConfigError):
        respacing(1000, spec)


def test_too_short_linear_schedule():
    with pytest.raises(ConfigError, match="at least 21 steps"):
        make_schedule("linear", 20)


def test_sections_that_do_not_divide_the_steps_come_longer_first():
    assert respacing(10, "2,2,2") == [0, 3, 4, 6, 7, 9]
    assert respacing(11, "2,2,2") == [0, 3, 4, 7, 8, 10]
    assert respacing(9, (2, 2, 2)) == [0, 2, 3, 5, 6, 8]
    assert respacing(10, "4,3,3") == list(range(10))
    with pytest.raises(ConfigError, match="4 steps cannot be selected from a section of 3"):
        respacing(10, "4,4,2")


def test_two_steps_are_enough_and_one_is_not():
    schedule = make_schedule("linear", 50)
    two = schedule.respaced([0, 49])
    assert two.timesteps.tolist() == [0, 49]
    np.testing.assert_allclose(two.alphas_cumprod, schedule.alphas_cumprod[[0, 49]])
    np.testing.assert_allclose(two.betas[0], schedule.betas[0])
    for wrong in ([0], [49], [], [-1, 3], [0, 50]):
        with pytest.raises(ConfigError, match="at least 2 steps, from 0 to 49"):
            schedule.respaced(wrong)


def test_the_shortest_linear_schedule():
    assert make_schedule("linear", 21).betas[-1] == pytest.approx(0.02 * 1000 / 21)
    with pytest.raises(ConfigError, match="at least 21 steps, not 20"):
        make_schedule("linear", 20)
