import numpy as np
import pytest
import tifffile

from dispr.errors import FileError
from dispr.prediction.layout import (
    predicted_names,
    probability_path,
    read_probability,
    read_samples,
    sample_path,
    sample_paths,
    write_prediction,
)


def bodies(count, seed=0):
    return np.random.default_rng(seed).random((count, 64, 64, 64)) > 0.5


def test_names_that_look_like_samples_or_extensions(tmp_path):
    written = {name: bodies(2, i) for i, name in enumerate(["a", "a_0", "a_0_1", "0.00_b.tif"])}
    for name, samples in written.items():
        write_prediction(tmp_path, name, samples, samples.mean(0))
    assert predicted_names(tmp_path) == sorted(written)
    for name, samples in written.items():
        assert (read_samples(tmp_path, name) == samples).all()
        assert (read_probability(tmp_path, name) == samples.mean(0)).all()


def test_more_than_ten_samples_keep_their_order(tmp_path):
    samples = np.zeros((11, 64, 64, 64), bool)
    for k in range(11):
        samples[k, k] = True
    write_prediction(tmp_path, "a", samples, samples.mean(0))
    assert (read_samples(tmp_path, "a") == samples).all()


@pytest.mark.parametrize("top", [1, 255])
def test_shapes_of_other_programs(top, tmp_path):
    (body,) = bodies(1)
    write_prediction(tmp_path, "a", body[None], body)
    tifffile.imwrite(sample_path(tmp_path, "a", 0), body.astype(np.uint8) * top)
    assert (read_samples(tmp_path, "a")[0] == body).all()


def test_an_empty_shape_stays_empty(tmp_path):
    empty = np.zeros((1, 64, 64, 64), bool)
    write_prediction(tmp_path, "a", empty, empty[0])
    assert not read_samples(tmp_path, "a").any()


def test_faults(tmp_path):
    with pytest.raises(FileError, match="holds no predictions"):
        predicted_names(tmp_path)
    write_prediction(tmp_path, "a", bodies(3), bodies(1)[0])
    sample_path(tmp_path, "a", 1).unlink()
    with pytest.raises(FileError, match=r"a_1\.tif does not exist"):
        read_samples(tmp_path, "a")
    with pytest.raises(FileError, match=r"b_0\.tif does not exist"):
        read_samples(tmp_path, "b")


def test_the_record_tells_how_many_samples_there_are(tmp_path):
    write_prediction(tmp_path, "a", bodies(2), bodies(1)[0])
    assert len(sample_paths(tmp_path, ["a"])["a"]) == 2
    (tmp_path / "prediction.json").write_text('{"ensemble": 3}')
    with pytest.raises(FileError, match=r"a_2\.tif does not exist"):
        sample_paths(tmp_path, ["a"])
    tifffile.imwrite(probability_path(tmp_path, "a"), np.zeros((2, 64, 64), np.float32))
    with pytest.raises(FileError, match="not 64 x 64 x 64"):
        read_probability(tmp_path, "a")
