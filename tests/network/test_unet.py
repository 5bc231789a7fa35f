import pytest
import torch

from dispr.network.config import UNetConfig
from dispr.network.shape_decoder import ShapeDecoder, ShapeDecoderConfig
from dispr.network.unet import UNet, fold, height_above_section, unfold


def randomise(network):
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network.eval()


def test_published_number_of_parameters():
    assert sum(p.numel() for p in UNet(UNetConfig()).parameters()) == 9_772_802


def test_fold_and_unfold():
    x = torch.randn(2, 3, 4, 4, 4)
    folded = fold(x, 2)
    assert folded.shape == (2, 24, 2, 2, 2)
    assert torch.equal(unfold(folded, 2), x)
    # The first eight channels of a place are the voxels of its cube.
    assert set(folded[0, :8, 1, 0, 1].tolist()) == set(x[0, 0, 2:4, 0:2, 2:4].flatten().tolist())


def test_height_is_zero_on_the_section():
    height = height_above_section(torch.zeros(1, 1, 64, 2, 2))
    assert height[0, 0, 32].abs().max() == 0
    assert height[0, 0, 0, 0, 0] == -1


@pytest.mark.parametrize("pooling", ["in-plane", "isotropic"])
@pytest.mark.parametrize("patch", [1, 2])
@pytest.mark.parametrize("resblock_updown", [False, True])
def test_shapes_and_condition(pooling, patch, resblock_updown):
    config = UNetConfig(
        size=16,
        channel_mult=(1, 2),
        attention_levels=(1,),
        pooling=pooling,
        patch=patch,
        resblock_updown=resblock_updown,
        position=True,
        scale_shift_norm=True,
    )
    network = randomise(UNet(config))
    condition, x_t, t = (
        torch.rand(2, 2, 16, 16),
        torch.randn(2, 1, 16, 16, 16),
        torch.tensor([3, 7]),
    )
    planes = condition[:, :, None].expand(-1, -1, 16, -1, -1)
    with torch.no_grad():
        direct = network(torch.cat([planes, x_t], dim=1), t)
        given = network.given(condition)(x_t, t)
        other = network.given(1 - condition)(x_t, t)
    assert direct.shape == (2, 2, 16, 16, 16)
    assert torch.equal(direct, given)
    assert (given - other).abs().max() > 1e-4


def test_checkpointing_changes_nothing():
    config = UNetConfig(size=16, channel_mult=(1, 2), attention_levels=(1,))
    plain = randomise(UNet(config)).train()
    frugal = UNet(UNetConfig(size=16, channel_mult=(1, 2), attention_levels=(1,), checkpoint=True))
    frugal.load_state_dict(plain.state_dict())
    x, t = torch.randn(1, 3, 16, 16, 16), torch.tensor([5])
    for network in (plain, frugal):
        network(x, t).square().mean().backward()
    for a, b in zip(plain.parameters(), frugal.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_bfloat16_is_close():
    config = UNetConfig(size=8, channels=32, channel_mult=(1, 2), attention_levels=(1,))
    network = randomise(UNet(config))
    x, t = torch.randn(1, 3, 8, 8, 8), torch.tensor([5])
    with torch.no_grad():
        exact = network(x, t)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(x, t)
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() / exact.norm() < 0.05


def test_classes_are_needed():
    network = UNet(UNetConfig(size=16, channel_mult=(1,), attention_levels=(), num_classes=6))
    with pytest.raises(ValueError, match="class"):
        network(torch.zeros(1, 3, 16, 16, 16), torch.tensor([0]))


def test_shape_decoder():
    network = randomise(ShapeDecoder(ShapeDecoderConfig(size=32, channels=4, levels=3)))
    condition = torch.rand(2, 2, 32, 32)
    with torch.no_grad():
        both = network(condition)
        one = network(condition[1:])
    assert both.shape == (2, 1, 32, 32, 32)
    # A cell's answer does not depend on the others of its batch.
    torch.testing.assert_close(both[1:], one, atol=1e-5, rtol=1e-4)
