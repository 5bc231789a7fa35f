"""How batches are begun and filled, compiled or not: the shapes are the same."""

import contextlib
import dataclasses

import numpy as np
import pytest
import torch
from small import CASCADE

from dispr.errors import DisprWarning
from dispr.model.weights import build_network
from dispr.network.compiled import compiled_copy
from dispr.prediction import drawer as module
from dispr.prediction.drawer import DeviceDrawer
from dispr.prediction.model import Model
from dispr.prediction.section import Section
from dispr.prediction.settings import PredictionSettings
from dispr.simulation.cell import simulate_cell
from dispr.training.presets import get_preset

FAST = get_preset("fast").model
CONFIG = dataclasses.replace(FAST, network=CASCADE)
SEEING = dataclasses.replace(FAST, network=dataclasses.replace(CASCADE, planes=True))
SECTION_ONLY = dataclasses.replace(
    FAST, network=dataclasses.replace(CASCADE, planes=True, section_only=True)
)
SETTINGS = PredictionSettings(ensemble=3, batch_size=4)


def random_network(config):
    torch.manual_seed(0)
    made = build_network(config)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return made


@pytest.fixture(scope="module")
def network():
    return random_network(CONFIG)


@pytest.fixture(scope="module")
def sections():
    cells = [simulate_cell(name, 3) for name in ("0.00_discocyte", "-1.00_spherocyte")]
    return [Section(cell.image, cell.mask) for cell in cells]


@pytest.fixture(scope="module")
def expected(network, sections):
    return [*Model(CONFIG, network).predict_stream(sections, SETTINGS, keep_grey=True)]


def same(found, expected, atol=1e-5):
    """In batches of other sizes, sums are in another order: a voxel may be on the other side."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.samples != other.samples).sum() <= 3
        np.testing.assert_allclose(one.grey, other.grey, atol=atol)


def test_shapes_hold_the_mask_of_their_section(expected, sections):
    for prediction, section in zip(expected, sections, strict=True):
        assert (prediction.samples[:, 32] == (section.mask > 127)).all()


def test_batches_are_begun_before_the_last_is_there(network, sections, expected):
    """As on a GPU, where the mask of the section is held by tensors."""
    model = Model(CONFIG, network)
    model.drawer.on_gpu, model.drawer.ahead = True, 1
    begun, order = model.drawer.begin, []

    def begin(asked, *args, **options):
        order.append(f"begin {len(asked)}")
        pending = begun(asked, *args, **options)
        return lambda: order.append("wait") or pending()

    model.drawer.begin = begin
    same([*model.predict_stream(sections, SETTINGS, keep_grey=True)], expected)
    assert order == ["begin 4", "begin 2", "wait", "wait"]


@pytest.mark.parametrize(
    "config",
    [CONFIG, SEEING, SECTION_ONLY],
    ids=["sees the section", "sees planes", "is given the section only"],
)
def test_a_known_plane_is_held_on_a_gpu_too(config, sections):
    plane = np.zeros((64, 64), np.uint8)
    plane[30:40, 20:30] = 255
    two = [dataclasses.replace(sections[0], planes={40: plane}), sections[1]]
    model = Model(config, random_network(config))
    known = [*model.predict_stream(two, SETTINGS, keep_grey=True)]
    model.drawer.on_gpu = True
    same([*model.predict_stream(two, SETTINGS, keep_grey=True)], known)
    assert (known[0].samples[:, 40] == (plane > 127)).all()


@pytest.mark.parametrize("config", [SEEING, SECTION_ONLY])
def test_what_a_network_keeps_is_not_held_again(config, sections, monkeypatch):
    model = Model(config, random_network(config))
    monkeypatch.setattr(module, "hold_planes", None)
    (found,) = model.predict_stream(sections[:1], SETTINGS)
    assert (found.samples[:, 32] == (sections[0].mask > 127)).all()


def test_another_precision_is_that_of_the_drawing(network, sections, monkeypatch):
    """bf16 itself is slow on many computers."""
    entered = []

    def autocast(device, precision):
        entered.append(precision)
        return contextlib.nullcontext()

    monkeypatch.setattr(module, "autocast", autocast)
    exact = Model(CONFIG, network)
    rough = exact.in_precision("bf16")
    for model in (rough, exact):
        next(model.predict_stream(sections[:1], SETTINGS))
    assert entered == ["bf16", "fp32"]


def test_larger_batches_on_a_gpu():
    assert module.SHAPES_AT_ONCE["cuda"] > module.SHAPES_AT_ONCE["cpu"] == 5
    assert Model(CONFIG, build_network(CONFIG)).batch_size(PredictionSettings()) == 5


class Stretched(torch.nn.Module):
    """Stands for a compiled network: takes batches of one size, and can err."""

    def __init__(self, network, error=None, wrong=0.0):
        super().__init__()
        self.network, self.error, self.wrong, self.sizes = network, error, wrong, []

    def given(self, condition, y=None, known=None):
        self.sizes.append(len(condition))
        if self.error:
            raise self.error
        found = self.network.given(condition, y, known)
        finish = found.finish
        found.finish = lambda occupancy, noise: finish(occupancy, noise) + self.wrong
        return found


@pytest.fixture
def stretched(monkeypatch):
    made = []

    def use(**options):
        monkeypatch.setattr(
            module,
            "compiled_copy",
            lambda network: made.append(Stretched(network, **options)) or made[0],
        )
        return made

    return use


def test_batches_of_a_compiled_network_are_filled(network, sections, expected, stretched):
    made, told = stretched(), []
    model = Model(CONFIG, network, compiled=True)
    found = model.predict_stream(sections, SETTINGS, keep_grey=True, on_step=told.append)
    same([*found], expected)
    assert made[0].sizes == [4, 4]
    assert sum(told) == 6 * 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"error": RuntimeError("no compiler\nfound")}, "RuntimeError: no compiler\\)"),
        ({"wrong": 0.01}, "differ by 0.01 on average"),
    ],
)
def test_a_network_that_cannot_be_compiled_is_used_as_it_is(
    network, sections, expected, stretched, options, words
):
    made = stretched(**options)
    model = Model(CONFIG, network, compiled=True)
    with pytest.warns(DisprWarning, match=words):
        found = [*model.predict_stream(sections, SETTINGS, keep_grey=True)]
    same(found, expected)
    assert made[0].sizes == [4]  # it is not tried again


def test_smaller_batches_of_a_compiled_network_where_the_memory_is_full(
    network, sections, expected, stretched, monkeypatch
):
    made = stretched()
    model = Model(CONFIG, network, compiled=True)
    draw = DeviceDrawer._draw

    def small(self, chosen, asked, *args):
        if len(asked) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return draw(self, chosen, asked, *args)

    monkeypatch.setattr(DeviceDrawer, "_draw", small)
    with pytest.warns(DisprWarning, match="2 or fewer"):
        found = [*model.predict_stream(sections, SETTINGS, keep_grey=True)]
    same(found, expected)
    assert set(made[0].sizes) == {2}


def test_the_parts_of_a_network_are_compiled(network, monkeypatch):
    """They are copies, of the same parameters; `benchmarks/bench.py --only runtimes` uses them."""
    told = []
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda part, **options: told.append((part, options))
    )
    copied = compiled_copy(network)
    assert [part for part, _ in told] == [copied.encoder, copied.denoiser, copied.refiner]
    assert all(options == {"dynamic": False} for _, options in told)
    assert copied.denoiser is not network.denoiser
    pairs = zip(copied.parameters(), network.parameters(), strict=True)
    assert all(one is other for one, other in pairs)
