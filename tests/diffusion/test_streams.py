import torch

from dispr.diffusion.streams import BLOCK, BalancedStream, NoiseStreams, Stream, generator


def test_streams_depend_on_their_key_alone():
    a = torch.randn(3, generator=generator("x", 1, 2))
    assert torch.equal(a, torch.randn(3, generator=generator("x", 1, 2)))
    assert not torch.equal(a, torch.randn(3, generator=generator("x", 12, "")))
    assert not torch.equal(a, torch.randn(3, generator=generator("x", 1, 3)))


def test_noise_of_a_sample_does_not_depend_on_its_batch():
    pair = NoiseStreams([Stream(0), Stream(1)], (4,))
    alone = NoiseStreams([Stream(1)], (4,))
    for _ in range(3):
        assert torch.equal(pair()[1], alone()[0])


def test_balanced_starts_add_up_to_zero():
    streams = [BalancedStream("cell", k=k) for k in range(2 * BLOCK)]
    starts = torch.stack([stream((1000,)) for stream in streams])
    for block in starts.split(BLOCK):
        torch.testing.assert_close(block.sum(0), torch.zeros(1000), atol=1e-5, rtol=0)
    assert starts[:BLOCK].abs().max() > 1
    # What follows is the sample's own.
    later = torch.stack([stream((1000,)) for stream in streams[:BLOCK]])
    assert later.sum(0).abs().max() > 1


def test_balanced_start_is_standard_normal():
    starts = torch.cat([BalancedStream(cell, k=2)((4, 5)).flatten() for cell in range(500)])
    assert abs(starts.mean()) < 0.05
    assert abs(starts.std() - 1) < 0.02


def test_balanced_sample_does_not_depend_on_the_others():
    a = BalancedStream("cell", k=3)
    [b] = NoiseStreams([BalancedStream("cell", k=3)], (6,))()
    assert torch.equal(a((6,)), b)


def test_a_batch_draws_each_from_its_stream_in_the_shape_asked_for():
    noise = NoiseStreams([Stream(1), Stream(2)], (2, 3))
    first, other = noise(), noise((4,))
    assert (first.shape, other.shape) == ((2, 2, 3), (2, 4))
    alone = Stream(2)
    assert torch.equal(first[1], alone((2, 3)))
    assert torch.equal(other[1], alone((4,)))
