import torch

from dispr.diffusion.streams import NoiseStreams, generator


def test_streams_depend_on_their_key_alone():
    a = torch.randn(3, generator=generator("x", 1, 2))
    assert torch.equal(a, torch.randn(3, generator=generator("x", 1, 2)))
    assert not torch.equal(a, torch.randn(3, generator=generator("x", 12, "")))
    assert not torch.equal(a, torch.randn(3, generator=generator("x", 1, 3)))


def test_noise_of_a_sample_does_not_depend_on_its_batch():
    pair = NoiseStreams([generator(0), generator(1)], (4,))
    alone = NoiseStreams([generator(1)], (4,))
    for _ in range(3):
        assert torch.equal(pair()[1], alone()[0])
