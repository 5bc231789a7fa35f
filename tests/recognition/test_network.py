"""The network that describes sections."""

import numpy as np
import pytest
import torch

from dispr.cells.classes import TYPES
from dispr.errors import FileError
from dispr.model.shipped import shipped_weights
from dispr.recognition import train
from dispr.recognition.network import FEATURES, describe_section, read_network
from dispr.simulation.cell import simulate, simulate_cell


def test_spherocytes_and_discocytes_are_told_apart():
    kinds = ("-1.00_spherocyte", "0.00_discocyte", "A_cell_clusters")
    cells = [simulate_cell(kind, 99, i) for kind in kinds for i in range(4)]
    found = [describe_section(cell.image, cell.mask) for cell in cells]
    assert all(tuple(one) == FEATURES for one in found)
    likely = [max(TYPES, key=lambda name: one[f"learned_type_{name}"]) for one in found]
    assert sum(a == cell.type for a, cell in zip(likely, cells, strict=True)) >= 10
    score = [one["learned_sde_score"] for one in found]
    assert np.mean(score[:4]) < -0.6
    assert abs(np.mean(score[4:8])) < 0.4
    height = [one["learned_log_height"] for one in found]
    assert min(height[:4]) > max(height[4:8])


def test_turns_and_mirror_images_are_the_same_cell():
    cell = simulate_cell("B_keratocytes", 5)
    one = describe_section(cell.image, cell.mask)
    for turned in (np.rot90, np.fliplr):
        image, mask = (np.ascontiguousarray(turned(a)) for a in (cell.image, cell.mask))
        other = describe_section(image, mask)
        np.testing.assert_allclose(list(other.values()), list(one.values()), atol=1e-3)


def test_another_file_is_refused(tmp_path):
    path, sha256 = shipped_weights("sections")
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(FileError, match="not the file that came with dispr"):
        read_network(tmp_path / "w.safetensors", sha256)
    with pytest.raises(FileError, match="cannot be read"):
        read_network(tmp_path / "none", sha256)


def test_the_values_of_a_ball():
    z, y, x = np.mgrid[:64, :64, :64] - 31.5
    found = train.body_values(z**2 + y**2 + x**2 < 20**2)
    volume = 4 / 3 * np.pi * 20**3
    assert np.exp(found[0]) == pytest.approx(volume, rel=0.01)
    assert np.exp(found[3]) == pytest.approx(40)
    assert found[6] == pytest.approx(0.5)
    assert found[7] == pytest.approx(2 / 3, rel=0.02)  # of its cylinder
    assert (found[9:] ** 2).sum() * 1000 == pytest.approx(volume, rel=0.01)


def test_it_learns_and_repeats():
    cells = list(simulate(12, 3))
    state = torch.random.get_rng_state()
    one, two = train.train(cells, 2), train.train(cells, 2)
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])
