import torch

from dispr.diffusion.objective import overlap_loss
from dispr.model.weights import Weights, build_network, load_weights, save_weights
from dispr.network.shapr import Shapr, ShaprConfig
from dispr.training.presets import PRESETS


def test_it_is_the_published_network():
    network = Shapr(ShaprConfig())
    assert sum(p.numel() for p in network.parameters()) == 419_720
    kinds = [type(layer).__name__ for layer in network.modules()]
    assert kinds.count("MaxPool3d") == 2
    assert kinds.count("ConvTranspose3d") == 6
    assert kinds.count("BatchNorm3d") == 20
    kernels = [m.kernel_size for m in network.modules() if isinstance(m, torch.nn.Conv3d)]
    assert kernels == [(1, 3, 3)] * 21 + [(3, 3, 3)]


def test_it_learns_and_answers_alike_in_any_batch(tmp_path):
    torch.manual_seed(0)
    config = PRESETS["shapr"].model
    network = build_network(config)
    condition = torch.rand(2, 2, 64, 64)
    target = torch.zeros(2, 1, 64, 64, 64)
    target[:, :, 20:40, 16:48, 16:48] = 1
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(4):
        loss = overlap_loss(network.regress(condition), target)["loss"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    network.eval()
    with torch.inference_mode():
        both = network.regress(condition)
        assert both.shape == (2, 1, 64, 64, 64)
        torch.testing.assert_close(network.regress(condition[1:]), both[1:], atol=1e-4, rtol=1e-4)
    # The statistics of the batches are kept with the weights.
    save_weights(tmp_path / "w.safetensors", Weights(config, network.state_dict()))
    again = build_network(load_weights(tmp_path / "w.safetensors").config)
    again.load_state_dict(dict(load_weights(tmp_path / "w.safetensors").state))
    with torch.inference_mode():
        torch.testing.assert_close(again.eval().regress(condition), both)
