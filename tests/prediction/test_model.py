import dataclasses
import warnings

import numpy as np
import pytest
import torch
from small import CASCADE, OCCUPANCY

from dispr.cells.folder import find_cells
from dispr.cells.read import read_cell
from dispr.diffusion.config import DiffusionConfig
from dispr.errors import ArrayError, ConfigError, DisprError, DisprWarning, FileError
from dispr.intervals.rules import ANY, Intervals, Rule
from dispr.model.config import ModelConfig
from dispr.model.weights import Weights, build_network, save_weights
from dispr.network.config import UNetConfig
from dispr.prediction.draw import sampling_process
from dispr.prediction.model import Model, load
from dispr.prediction.settings import PredictionSettings

NETWORK = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")
DIFFUSION = DiffusionConfig(steps=50)


FAST = ModelConfig(
    CASCADE,
    dataclasses.replace(OCCUPANCY, low=-1.0, high=1.0),
    sampler="dpm-solver",
    sampling_steps="3",
    balanced=True,
)


def random_network(config):
    torch.manual_seed(0)
    network = build_network(config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


@pytest.fixture(scope="module")
def model():
    config = ModelConfig(NETWORK, DIFFUSION, sampling_steps="4")
    return Model(config, random_network(config))


@pytest.fixture(scope="module")
def cascade():
    rules = {name: Rule(2.0, 0.1, True) for name in ("volume", "boundary")}
    about = {"intervals": Intervals(0.9, 50, {ANY: rules}).to_dict()}
    return Model(FAST, random_network(FAST), about)


def test_a_number_of_steps_can_be_spaced_in_other_ways():
    with pytest.raises(ConfigError, match="spacing must be one of even, trailing, centred"):
        dataclasses.replace(FAST, spacing="odd")
    centred = dataclasses.replace(FAST, spacing="centred")
    assert sampling_process(centred, 5).schedule.timesteps.tolist() == [4, 14, 24, 34, 44]
    config = dataclasses.replace(FAST, spacing="trailing")
    assert sampling_process(config).schedule.timesteps.tolist() == [16, 32, 49]
    assert sampling_process(config, 2).schedule.timesteps.tolist() == [24, 49]
    assert sampling_process(config, "ddim10").schedule.timesteps.tolist() == list(range(0, 50, 5))
    assert sampling_process(FAST, "3").schedule.timesteps.tolist() == [0, 24, 49]


@pytest.fixture(scope="module")
def sections(cells_folder):
    cells = [read_cell(file) for file in find_cells(cells_folder, split="train")]
    return np.stack([c.image for c in cells]), np.stack([c.mask for c in cells])


def test_one_cell(model, sections):
    p = model.predict(sections[0][0], sections[1][0], ensemble=3, seed=0)
    assert p.samples.shape == (3, 64, 64, 64)
    assert p.samples.dtype == bool
    assert p.probability.dtype == np.float32
    np.testing.assert_allclose(p.probability, p.samples.mean(0), atol=1e-6)
    assert (p.samples[0] != p.samples[1]).any()


def test_cascade(cascade, sections):
    image, mask = sections[0][0], sections[1][0]
    five = cascade.predict(image, mask, ensemble=5, batch_size=2)
    assert five.samples.shape == (5, 64, 64, 64)
    assert (five.samples[0] != five.samples[1]).any()
    # A sample does not depend on the size of the ensemble, though its noise balances the others'.
    assert (cascade.predict(image, mask, ensemble=2).samples != five.samples[:2]).mean() < 1e-4


def test_intervals(cascade, model, sections):
    image, mask = sections[0][0], sections[1][0]
    p = cascade.predict(image, mask, ensemble=3)
    for quantity in ("volume", "boundary"):
        low, high = p.interval(quantity)
        assert 0 < low < high
    volumes = p.samples.sum((1, 2, 3))
    assert p.interval() == Rule(2.0, 0.1, True).interval(volumes)
    with pytest.raises(ConfigError, match="not calibrated"):
        model.predict(image, mask, ensemble=2).interval()
    with pytest.raises(ConfigError, match="quantity must be one of"):
        p.interval("colour")


@pytest.mark.parametrize("which", ["model", "cascade"])
def test_batch_size_and_order_do_not_matter(which, sections, request):
    model = request.getfixturevalue(which)
    images, masks = sections[0][:3], sections[1][:3]
    batch = model.predict(images, masks, ensemble=3, batch_size=4)
    assert [found.samples.shape for found in batch] == [(3, 64, 64, 64)] * 3
    turned = model.predict(images[::-1], masks[::-1], ensemble=3, batch_size=1)
    # Rounding differs between batch sizes and may turn a voxel that stands at one half.
    for found, other in zip(batch, turned[::-1], strict=True):
        assert (found.samples != other.samples).mean() < 1e-4
    single = model.predict(images[1], masks[1], ensemble=2, batch_size=4)
    assert (batch[1].samples[:2] != single.samples).mean() < 1e-4


def test_seed_draws_other_shapes(model, sections):
    a, b, c = (model.predict(sections[0][0], sections[1][0], ensemble=1, seed=s) for s in (0, 0, 1))
    assert (a.samples == b.samples).all()
    assert (a.samples != c.samples).any()


def test_what_the_mask_hides_does_not_matter(model, sections):
    image, mask = sections[0][0].copy(), sections[1][0]
    a = model.predict(image, mask, ensemble=1)
    image[mask == 0] = 200
    assert (model.predict(image, mask, ensemble=1).samples == a.samples).all()


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpm-solver"])
def test_samplers(model, sections, sampler):
    p = model.predict(sections[0][0], sections[1][0], ensemble=1, sampler=sampler, steps=3)
    assert p.samples.shape == (1, 64, 64, 64)


def test_steps_are_counted(model, sections):
    seen = []
    model.predict(sections[0][0], sections[1][0], ensemble=5, batch_size=2, on_step=seen.append)
    assert sum(seen) == 5 * model.evaluations() == 20


def test_deterministic_model_gives_one_shape(sections):
    network = dataclasses.replace(NETWORK, in_channels=2, out_channels=1)
    config = ModelConfig(network, diffusion=None)
    model = Model(config, random_network(config))
    p = model.predict(sections[0][0], sections[1][0], ensemble=5)
    assert p.samples.shape == (1, 64, 64, 64)
    assert ((p.probability > 0.5) == p.samples[0]).all()
    with pytest.raises(ConfigError, match="no sampler and no steps"):
        model.predict(sections[0][0], sections[1][0], steps=4)


def test_classes(sections):
    # With one channel a group, normalisation takes out what the embedding adds; FiLM comes after.
    network = dataclasses.replace(NETWORK, num_classes=6, scale_shift_norm=True)
    config = ModelConfig(network, DIFFUSION, sampling_steps="2")
    model = Model(config, random_network(config))
    image, mask = sections[0][0], sections[1][0]
    a = model.predict(image, mask, ensemble=1, cell_class="SDE")
    b = model.predict(image, mask, ensemble=1, cell_class="keratocytes")
    assert (a.samples != b.samples).any()
    images, masks = (np.stack([part[0]] * 2) for part in sections)
    both = model.predict(images, masks, ensemble=1, cell_class=["SDE", "keratocytes"])
    for found, single in zip(both, (a, b), strict=True):
        assert (found.samples != single.samples).mean() < 1e-4
    for wrong in (None, "ball"):
        with pytest.raises(ConfigError, match="needs the class of each cell"):
            model.predict(image, mask, cell_class=wrong)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ensemble": 0}, "ensemble must be at least 1, not 0"),
        ({"ensemble": True}, "ensemble must be a whole number, not True"),
        ({"sampler": "euler"}, "sampler must be one of"),
        ({"ensemble": 2.5}, "ensemble must be a whole number, not 2.5"),
        ({"steps": 2.5}, "steps must be a whole number, not 2.5"),
        ({"steps": "²"}, "is not a valid choice of steps"),
        ({"steps": 51}, "51 steps cannot be selected"),
        ({"steps": "fast"}, "is not a valid choice of steps"),
        ({"cell_class": "SDE"}, "takes no class labels"),
        ({"cell_class": 1}, "takes no class labels"),
    ],
)
def test_bad_settings(model, sections, settings, message):
    with pytest.raises(ConfigError, match=message):
        model.predict(sections[0][0], sections[1][0], **settings)


def test_bad_arrays(model, sections):
    image, mask = sections[0][0], sections[1][0]
    with pytest.raises(ArrayError, match="mask"):
        model.predict(image, np.zeros_like(mask))
    with pytest.raises(ArrayError, match="image"):
        model.predict(np.full((64, 64), np.nan), mask)


def test_load(model, tmp_path, sections):
    path = tmp_path / "w.safetensors"
    save_weights(path, Weights(model.config, model.network.state_dict(), {"data": "made up"}))
    loaded = load(path, device="cpu", precision="fp32")
    assert loaded.config == model.config
    assert loaded.about == {"data": "made up"}
    x = torch.randn(1, 3, 64, 64, 64, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([7])
    torch.testing.assert_close(loaded.network(x, t), model.network(x, t))
    a = model.predict(sections[0][0], sections[1][0], ensemble=1)
    b = loaded.predict(sections[0][0], sections[1][0], ensemble=1)
    assert (a.samples == b.samples).all()


def test_bad_weights(model, tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        load(tmp_path / "none.safetensors")
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"no tensors")
    with pytest.raises(FileError, match="cannot be read as safetensors"):
        load(path)
    state = dict(model.network.state_dict())
    state["out.2.bias"] = torch.zeros(3)
    save_weights(path, Weights(model.config, state))
    with pytest.raises(FileError, match=r"match the configuration: out\.2\.bias has shape"):
        load(path)
    if not torch.cuda.is_available():
        save_weights(path, Weights(model.config, model.network.state_dict()))
        with pytest.raises(ConfigError, match="no device cuda"):
            load(path, device="cuda")


def test_precision(model, sections):
    # Two steps: a CPU without instructions for bf16 takes seconds for each.
    exact = model.predict(sections[0][0], sections[1][0], ensemble=1, steps=2)
    rough = Model(model.config, model.network, precision="bf16")
    p = rough.predict(sections[0][0], sections[1][0], ensemble=1, steps=2)
    assert 0 < (p.samples != exact.samples).mean() < 0.1
    with pytest.raises(ConfigError, match="fp16 needs a GPU"):
        Model(model.config, model.network, precision="fp16")
    with pytest.raises(ConfigError, match="precision must be one of"):
        Model(model.config, model.network, precision="int8")


def test_shipped_weights_are_loaded_by_default():
    model = load(device="cpu")
    assert not model.config.deterministic
    assert "training_cells" in model.about


def test_numbers_of_other_types(model, sections):
    image, mask = sections[0][0], sections[1][0]
    want = model.predict(image, mask, ensemble=2, seed=0, steps=2).samples
    numbers = {"ensemble": np.int64(2), "steps": np.int64(2), "batch_size": np.int32(2)}
    for seed in (0.0, np.array(0), torch.tensor(0), np.uint8(0)):
        found = model.predict(image, mask, seed=seed, **numbers).samples
        np.testing.assert_array_equal(found, want)
    for seed in (False, None, "one", 0.5):
        with pytest.raises(ConfigError, match="seed must be a whole number"):
            model.predict(image, mask, seed=seed)


def test_defaults_of_torch_do_not_matter(model, sections):
    image, mask = sections[0][0], sections[1][0]
    want = model.predict(image, mask, ensemble=2, steps=2).samples
    try:
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        again = Model(model.config, build_network(model.config))
        again.network.load_state_dict(model.network.state_dict())
        for one in (model, again):
            found = one.predict(image, mask, ensemble=2, steps=2).samples
            np.testing.assert_array_equal(found, want)
        assert torch.empty(0).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)


def test_automatic_precision_is_settled_and_recorded(monkeypatch):
    monkeypatch.setattr("dispr.model.device.best_precision", lambda device: "bf16")
    assert load(device="cpu", precision="auto").precision == "bf16"
    assert load(device="cpu").precision == "bf16"
    assert load(device="cpu", precision="fp32").precision == "fp32"


class Small:
    """A memory in which the network computes at most so many shapes at once."""

    def __init__(self, network, most, at_step=1):
        self.most, self.at_step, self.seen = most, at_step, []
        self.hook = network.register_forward_pre_hook(self)
        self.evaluations = 0

    def __call__(self, module, args):
        count = len(args[0])
        self.evaluations += 1
        if count > self.most and self.evaluations >= self.at_step:
            self.evaluations = 0
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.seen.append(count)


@pytest.mark.parametrize("at_step", [1, 3], ids=["at once", "on the way"])
def test_fewer_shapes_at_once_where_the_memory_is_full(sections, at_step):
    config = ModelConfig(NETWORK, DIFFUSION, sampling_steps="4")
    model = Model(config, random_network(config))
    images, masks = (array[:3] for array in sections)
    settings = PredictionSettings(ensemble=3, seed=2, batch_size=9)
    whole, parted = (
        list(model.predict_each(images, masks, chosen, keep_grey=True))
        for chosen in (settings, dataclasses.replace(settings, batch_size=2))
    )
    small, told = Small(model.network, 2, at_step), []
    with pytest.warns(DisprWarning, match="9 shapes at once; from now on, 2 or fewer") as warned:
        found = list(
            model.predict_each(images, masks, settings, keep_grey=True, on_step=told.append)
        )
    assert len(warned) == 1
    assert sum(told) == 9 * 4
    for one, same, close in zip(found, parted, whole, strict=True):
        np.testing.assert_array_equal(one.grey, same.grey)
        np.testing.assert_allclose(one.grey, close.grey, atol=1e-3)  # sums in another order
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        next(model.predict_each(images, masks, settings))  # what was found is kept
    small.hook.remove()


def test_a_memory_too_small_for_one_shape(sections):
    config = ModelConfig(NETWORK, DIFFUSION, sampling_steps="4")
    model = Model(config, random_network(config))
    Small(model.network, 0)
    with pytest.raises(DisprError, match="not enough memory for 1 of the shapes"):
        model.predict(sections[0][0], sections[1][0])
