import importlib
import re

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from dispr.cells.square import Square
from dispr.errors import ConfigError
from dispr.labelled.field.place import FieldVolume, placed_likelihood, placed_shape
from dispr.labelled.field.settings import FieldSettings
from dispr.labelled.field.volume import write_volume


def ball(radius=20.0, centre=(32, 32, 32), soft=1.0):
    grid = np.ogrid[:64, :64, :64]
    distance = np.sqrt(sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)))
    return np.clip((radius - distance) / soft + 0.5, 0, 1).astype(np.float32)


def whole(volume):
    return np.stack(list(volume.planes()))


def test_same_voxels_where_nothing_is_scaled():
    body = np.random.default_rng(0).random((64, 64, 64)).astype(np.float32)
    found = whole(FieldVolume([placed_shape(3, Square(10, 7, 64), body)], (80, 90)))
    np.testing.assert_array_equal(found[:, 10:74, 7:71], np.where(body > 0.5, 3, 0))
    assert found.shape == (64, 80, 90)
    assert not found[:, :10].any()


@pytest.mark.parametrize("edge", [37, 63, 110])
@pytest.mark.parametrize("samples", [2, 3, 4, 5])
def test_consensus_of_any_number_of_samples_keeps_its_size(samples, edge):
    shapes = [ball(radius) > 0.5 for radius in np.linspace(16, 22, samples)]
    probability = np.mean(shapes, axis=0, dtype=np.float32)
    found = whole(FieldVolume([placed_shape(1, Square(0, 0, edge), probability)], (edge, edge)))
    consensus = (probability > 0.5).sum() * (edge / 64) ** 3
    assert (found > 0).sum() == pytest.approx(consensus, rel=0.03)


@pytest.mark.parametrize("edge", [25, 40, 63, 64, 97, 160])
def test_place_and_size_at_any_scale(edge):
    shape = placed_shape(1, Square(5, 9, edge), ball())
    volume = FieldVolume([shape], (edge + 20, edge + 30))
    found = whole(volume)
    radius = 20 * edge / 64
    assert (found > 0).sum() == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.03)
    # The middle of voxel 32 of 64.
    middle = 32.5 * edge / 64 - 0.5
    centre = np.array(ndimage.center_of_mass(found))
    np.testing.assert_allclose(centre, [middle, 5 + middle, 9 + middle], atol=0.35)
    assert abs(volume.focus - middle) <= 1


def test_squares_of_several_sizes_share_their_focus():
    shapes = [
        placed_shape(1, Square(0, 0, 64), ball(10)),
        placed_shape(2, Square(0, 70, 128), ball(10)),
    ]
    found = whole(FieldVolume(shapes, (140, 200)))
    assert len(found) == 128
    z = [ndimage.center_of_mass(found == k)[0] for k in (1, 2)]
    assert z[0] == pytest.approx(z[1], abs=0.6)


def test_likelier_cell_wins_and_overlap_is_told():
    shapes = [
        placed_shape(1, Square(0, 0, 64), ball() * 0.8),
        placed_shape(2, Square(0, 20, 64), ball()),
    ]
    volume = FieldVolume(shapes, (64, 100))
    found = whole(volume)
    inside = [np.zeros((64, 64, 100), bool) for _ in range(2)]
    inside[0][:, :, :64], inside[1][:, :, 20:84] = ball() * 0.8 > 0.5, ball() > 0.5
    both = inside[0] & inside[1]
    np.testing.assert_array_equal(found > 0, inside[0] | inside[1])
    np.testing.assert_array_equal(found[~both] == 1, inside[0][~both])
    chance = np.zeros((2, 64, 64, 100), np.float32)
    chance[0, :, :, :64], chance[1, :, :, 20:84] = ball() * 0.8, ball()
    clear = both & (np.abs(chance[0] - chance[1]) > 0.01)
    np.testing.assert_array_equal(found[clear] == 2, (chance[1] > chance[0])[clear])
    first, second = volume.overlaps().values()
    assert first == pytest.approx((inside[0] & (found == 2)).sum() / inside[0].sum())
    assert second == pytest.approx((inside[1] & (found == 1)).sum() / inside[1].sum())
    assert first > 0.3 > 0.02 > second


def test_beyond_the_border_and_empty():
    shapes = [
        placed_shape(70000, Square(-30, -20, 64), ball()),
        placed_shape(2, Square(30, 40, 64), ball()),
        placed_shape(3, Square(0, 0, 64), ball() * 0.1),
        placed_shape(4, Square(-200, 0, 64), ball()),
    ]
    volume = FieldVolume(shapes, (60, 70))
    found = whole(volume)
    assert volume.dtype == np.uint32
    assert set(np.unique(found)) == {0, 2, 70000}
    np.testing.assert_array_equal(found[:, :34, :44] == 70000, ball()[:, 30:, 20:] > 0.5)
    overlaps = list(volume.overlaps().values())
    assert overlaps[:2] == [0, 0]
    assert np.isnan(overlaps[2:]).all()


def test_ome_tiff(tmp_path):
    volume = FieldVolume([placed_shape(5, Square(3, 4, 64), ball())], (70, 80))
    path = write_volume(tmp_path, volume, "tif", 0.172)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_ome
        assert tiff.series[0].axes == "ZYX"
        assert 'PhysicalSizeZ="0.172"' in tiff.ome_metadata
        np.testing.assert_array_equal(tiff.asarray(), whole(volume))
    assert [p.name for p in tmp_path.iterdir()] == ["labels.ome.tif"]


def test_equal_volumes_are_equal_files_and_others_have_other_names(tmp_path):
    found = {}
    for name, radius in (("a", 20.0), ("again", 20.0), ("b", 15.0)):
        volume = FieldVolume([placed_shape(5, Square(3, 4, 64), ball(radius))], (70, 80))
        path = write_volume(tmp_path / name, volume, "tif", 0.172)
        content = path.read_bytes()
        found[name] = content, re.search(rb"urn:uuid:([0-9a-f-]{36})", content)[1]
        with tifffile.TiffFile(path) as tiff:
            assert (tiff.series[0].axes, "µm" in tiff.ome_metadata) == ("ZYX", True)
    assert found["a"] == found["again"]
    assert found["a"][1] != found["b"][1]


@pytest.mark.parametrize("version", [None, "0.5", "0.4"])
@pytest.mark.parametrize("pixel_size", [0.172, None])
def test_ome_zarr(tmp_path, version, pixel_size):
    zarr = pytest.importorskip("zarr", minversion="3")
    volume = FieldVolume([placed_shape(5, Square(3, 4, 64), ball())], (70, 80))
    for earlier in ("0.4", "0.5", version):  # each in place of the one before
        path = write_volume(tmp_path, volume, "zarr", pixel_size, ome_zarr_version=earlier)
    group = zarr.open_group(str(path), mode="r")
    stated = group.attrs if version == "0.4" else group.attrs["ome"]
    (scales,) = stated["multiscales"]
    written = scales["version"] if version == "0.4" else stated["version"]
    assert written == (version or "0.5")
    unit = {} if pixel_size is None else {"unit": "micrometer"}
    assert scales["axes"] == [{"name": axis, "type": "space", **unit} for axis in "zyx"]
    (level,) = scales["datasets"]
    assert level["coordinateTransformations"] == [
        {"type": "scale", "scale": [pixel_size or 1.0] * 3}
    ]
    assert scales["metadata"] == {"imaged_plane": 32}
    np.testing.assert_array_equal(group[level["path"]][:], whole(volume))
    assert [p.name for p in tmp_path.iterdir()] == ["labels.ome.zarr"]
    names = {p.name for p in path.iterdir()}
    assert names == ({"0", ".zattrs", ".zgroup"} if version == "0.4" else {"0", "zarr.json"})
    assert (path / "0" / ("32" if version == "0.4" else "c/32")).is_dir()


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_ome_zarr_is_valid(tmp_path, version):
    """By the models of the specification, as an image of labels."""
    zarr = pytest.importorskip("zarr", minversion="3")
    pytest.importorskip("ome_zarr_models")
    from ome_zarr_models import open_ome_zarr, v04, v05

    volume = FieldVolume([placed_shape(5, Square(3, 4, 64), ball())], (70, 80))
    path = write_volume(tmp_path, volume, "zarr", 0.172, ome_zarr_version=version)
    group = zarr.open_group(str(path), mode="r")
    models = v04 if version == "0.4" else v05
    if version == "0.4":  # whose names of types pydantic no longer finds by itself
        types = vars(importlib.import_module("pydantic_zarr.v2"))
        for model in (v04.Image, v04.ImageLabel):
            model.model_rebuild(force=True, _types_namespace=types)
    assert isinstance(open_ome_zarr(group, version=version), (models.Image, models.ImageLabel))
    assert models.ImageLabel.from_zarr(group).ome_zarr_version == version
    stated = group.attrs if version == "0.4" else group.attrs["ome"]
    label = models.image_label_types.Label
    assert label.model_validate(stated["image-label"]).version in (version, None)


def test_versions_of_ome_zarr_that_are_none(tmp_path):
    volume = FieldVolume([placed_shape(5, Square(3, 4, 64), ball())], (70, 80))
    with pytest.raises(ConfigError, match=r'must be 0\.5 or 0\.4, not "0\.3"'):
        write_volume(tmp_path, volume, "zarr", ome_zarr_version="0.3")
    for form in ("tif", "none"):
        with pytest.raises(ConfigError, match=f"is for --volume zarr, not {form}"):
            FieldSettings(volume=form, ome_zarr_version="0.4")
    assert not list(tmp_path.iterdir())


def test_likelihood_of_any_cell():
    shapes = [
        placed_likelihood(1, Square(0, 0, 64), ball() * 0.4),
        placed_likelihood(2, Square(0, 20, 64), ball() * 0.8),
    ]
    volume = FieldVolume(shapes, (64, 100), depth=70)
    found = np.stack(list(volume.likelihood_planes()))
    assert found.shape == (70, 64, 100)
    assert volume.focus == 35
    # A plane's place is that of the cube's middle; 20 columns further right, the other cell.
    assert found[35, 32, 15] == pytest.approx(0.4, abs=0.01)
    assert found[35, 32, 40] == pytest.approx(0.8, abs=0.01)
    assert found[35, 32, 99] == 0
