import pytest

from dispr.errors import ConfigError
from dispr.training.config import TrainingConfig
from dispr.training.presets import PRESETS, get_preset


def rates(steps, **settings):
    config = TrainingConfig(lr=8.0, **settings)
    return [config.learning_rate(step) for step in steps]


def test_the_rate_is_kept():
    assert rates((0, 1, 10**6)) == [8, 8, 8]


def test_warm_up():
    assert rates((0, 1, 2, 3, 4, 9), warmup_steps=4) == [2, 4, 6, 8, 8, 8]


def test_annealing():
    assert rates((0, 1, 2, 3, 4, 5), lr_anneal_steps=4) == [8, 6, 4, 2, 0, 0]


def test_both():
    assert rates((0, 1, 2, 3), warmup_steps=2, lr_anneal_steps=4) == [4, 6, 4, 2]


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"save_interval": 0},
        {"log_interval": 0},
        {"microbatch": -1},
        {"warmup_steps": -1},
        {"lr_anneal_steps": -1},
        {"grad_clip": -0.1},
        {"weight_decay": -0.1},
        {"weight_decay": float("nan")},
        {"seed": -1},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"ema_rates": ()},
        {"ema_rates": (0.9, 1.0)},
        {"ema_rates": (-0.1,)},
        {"validation_fraction": 1.0},
        {"extra_share": 1.0},
        {"extra_share": -0.1},
        {"precision": "fp8"},
        {"schedule_sampler": "odd"},
    ],
)
def test_invalid_settings(changes):
    (name,) = changes
    with pytest.raises(ConfigError, match=name):
        TrainingConfig(**changes)


def test_limits_are_valid():
    TrainingConfig(steps=1, microbatch=0, grad_clip=0.0, weight_decay=0.0, seed=0)
    TrainingConfig(ema_rates=(0.0,), validation_fraction=0.0, extra_share=0.0)


def test_presets_are_those_of_the_documentation():
    """docs/training.md and README.md say so; the published method is in test_published.py."""
    fast = get_preset("fast")
    training = fast.training
    assert (training.lr, training.batch_size, training.steps) == (4e-4, 8, 5000)
    assert (training.warmup_steps, training.lr_anneal_steps) == (100, 5000)
    assert (training.grad_clip, training.weight_decay) == (1.0, 0.01)
    assert (training.ema_rates, training.ema_warmup) == ((0.999,), True)
    varied = training.augment
    # Sections of cells that lie on the glass tell up from down.
    assert varied.flip
    assert varied.rotate
    assert not varied.flip_z
    assert (varied.scale, varied.shift, varied.exact) == (0.1, 2.0, 0.5)
    assert (varied.intensity, varied.noise) == (0.1, 0.02)
    assert (fast.model.sampler, fast.model.sampling_steps) == ("dpm-solver", "2")
    assert fast.model.balanced
    assert (fast.model.diffusion.low, fast.model.diffusion.high) == (-0.3, 0.3)
    assert not fast.model.diffusion.clip
    paper = PRESETS["paper"].training
    assert (paper.lr, paper.batch_size, paper.ema_rates) == (1e-4, 1, (0.9999,))
    assert PRESETS["decoder"].training.lr == 4e-3
    with pytest.raises(ConfigError, match=r"one of paper, fast, regression, decoder, shapr"):
        get_preset("slow")
