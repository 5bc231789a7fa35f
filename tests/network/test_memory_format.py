import dataclasses

import pytest
import torch
from small import CASCADE
from torch import nn

from dispr.model.weights import fingerprint
from dispr.network import memory_format
from dispr.network.config import UNetConfig
from dispr.network.memory_format import GroupNorm, channels_last, is_channels_last, normalised
from dispr.network.registry import make_network


@pytest.mark.parametrize("shape", [(2, 16, 5, 6), (3, 16, 4, 5, 6)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_normalised_is_group_normalisation_in_the_same_layout(shape, dtype):
    torch.manual_seed(0)
    layout = memory_format.FORMATS[len(shape)]
    x = (3 + 2 * torch.randn(shape)).to(dtype).contiguous(memory_format=layout)
    weight, bias = torch.randn(16), torch.randn(16)
    found = normalised(x, 4, weight, bias, 1e-5)
    expected = nn.functional.group_norm(x.float(), 4, weight, bias, 1e-5)
    assert found.dtype == torch.float32
    assert is_channels_last(found)
    torch.testing.assert_close(found, expected.contiguous(memory_format=layout))


def test_gradients_are_those_of_group_normalisation():
    torch.manual_seed(0)
    x = torch.randn(2, 8, 3, 4, 5, dtype=torch.float64)
    x = x.contiguous(memory_format=torch.channels_last_3d)
    gradients = []
    for norm in (
        lambda x, w, b: normalised(x, 2, w, b, 1e-5),
        lambda x, w, b: nn.functional.group_norm(x.float(), 2, w, b, 1e-5),
    ):
        given = [x.clone().requires_grad_(), torch.ones(8), torch.zeros(8)]
        for one in given[1:]:
            one.requires_grad_()
        norm(*given).pow(3).sum().backward()
        gradients.append([one.grad for one in given])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_contiguous_features_are_not_channels_last():
    x = torch.randn(2, 4, 3, 3, 3)
    assert not is_channels_last(x)
    assert is_channels_last(x.contiguous(memory_format=torch.channels_last_3d))
    assert not is_channels_last(torch.randn(2, 1, 3, 3, 3))  # both at once


NETWORKS = {
    "cascade": dataclasses.replace(CASCADE, size=32, planes=True),
    "u-net": UNetConfig(size=16, channels=32, channel_mult=(1, 2), attention_levels=(1,)),
}


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(0)
    made = make_network(NETWORKS[request.param]).eval().requires_grad_(False)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.1)
    return made


def answer(network):
    torch.manual_seed(1)
    condition = torch.rand(2, 2, network.config.size, network.config.size)
    given = network.given(condition)
    edge = network.config.noise_edge
    x = torch.randn(2, 1, edge, edge, edge)
    finished = given.finish(torch.rand_like(x), lambda shape=x.shape[1:]: torch.ones(2, *shape))
    return given(x, torch.tensor([3, 7])), finished


def test_answers_do_not_depend_on_the_layout(network, monkeypatch):
    expected, before = answer(network), fingerprint(network)
    channels_last(network)
    assert fingerprint(network) == before
    monkeypatch.setattr(memory_format, "KEEPS", ())
    for found, known in zip(answer(network), expected, strict=True):
        torch.testing.assert_close(found, known, rtol=1e-4, atol=1e-4)


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """Convolutions give the layout of features or kernel; interpolation is contiguous."""
    monkeypatch.setattr(memory_format, "KEEPS", ())
    convolve, interpolate = nn.Conv3d.forward, nn.functional.interpolate

    def convolved(self, x):
        layout = any(is_channels_last(one) for one in (x, self.weight))
        found = convolve(self, x)
        return found.contiguous(memory_format=torch.channels_last_3d) if layout else found

    monkeypatch.setattr(nn.Conv3d, "forward", convolved)
    monkeypatch.setattr(
        nn.functional, "interpolate", lambda *a, **options: interpolate(*a, **options).contiguous()
    )


@pytest.mark.usefixtures("as_on_a_gpu")
def test_convolutions_take_the_features_of_normalisations_as_they_are(network):
    channels_last(network)
    copied, taken = [], []

    def look(module, args, result):
        taken.append(module)
        if not is_channels_last(args[0]):
            copied.append(module)

    for part in network.modules():
        if isinstance(part, nn.Sequential):
            for norm, convolution in zip(part, part[2:], strict=False):
                if isinstance(norm, GroupNorm) and isinstance(convolution, nn.Conv3d):
                    convolution.register_forward_hook(look)
    answer(network)
    assert len(taken) > 8
    assert not copied
