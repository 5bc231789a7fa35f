import numpy as np
import pytest
import tifffile

from dispr.errors import FileError
from dispr.prediction.files import PredictionFolder


def bodies(count, seed=0):
    return np.random.default_rng(seed).random((count, 64, 64, 64)) > 0.5


def test_names_that_look_like_samples_or_extensions(tmp_path):
    written = {name: bodies(2, i) for i, name in enumerate(["a", "a_0", "a_0_1", "0.00_b.tif"])}
    for name, samples in written.items():
        PredictionFolder(tmp_path).write(name, samples, samples.mean(0))
    assert PredictionFolder(tmp_path).names() == sorted(written)
    for name, samples in written.items():
        assert (PredictionFolder(tmp_path).samples(name) == samples).all()
        assert (PredictionFolder(tmp_path).probability(name) == samples.mean(0)).all()


def test_more_than_ten_samples_keep_their_order(tmp_path):
    samples = np.zeros((11, 64, 64, 64), bool)
    for k in range(11):
        samples[k, k] = True
    PredictionFolder(tmp_path).write("a", samples, samples.mean(0))
    assert (PredictionFolder(tmp_path).samples("a") == samples).all()


@pytest.mark.parametrize("top", [1, 255])
def test_shapes_of_other_programs(top, tmp_path):
    (body,) = bodies(1)
    PredictionFolder(tmp_path).write("a", body[None], body)
    tifffile.imwrite(
        PredictionFolder(tmp_path).shapes.sample_path("a", 0), body.astype(np.uint8) * top
    )
    assert (PredictionFolder(tmp_path).samples("a")[0] == body).all()


def test_an_empty_shape_stays_empty(tmp_path):
    empty = np.zeros((1, 64, 64, 64), bool)
    PredictionFolder(tmp_path).write("a", empty, empty[0])
    assert not PredictionFolder(tmp_path).samples("a").any()


def test_faults(tmp_path):
    with pytest.raises(FileError, match="contains no predictions"):
        PredictionFolder(tmp_path).names()
    PredictionFolder(tmp_path).write("a", bodies(3), bodies(1)[0])
    PredictionFolder(tmp_path).shapes.sample_path("a", 1).unlink()
    with pytest.raises(FileError, match=r"a_1\.tif does not exist"):
        PredictionFolder(tmp_path).samples("a")
    with pytest.raises(FileError, match=r"b_0\.tif does not exist"):
        PredictionFolder(tmp_path).samples("b")


def test_the_record_tells_how_many_samples_there_are(tmp_path):
    PredictionFolder(tmp_path).write("a", bodies(2), bodies(1)[0])
    assert PredictionFolder(tmp_path).shapes.count("a") == 2
    (tmp_path / "prediction.json").write_text('{"ensemble": 3}')
    with pytest.raises(FileError, match=r"a_2\.tif does not exist"):
        PredictionFolder(tmp_path).shapes.count("a")
    tifffile.imwrite(
        PredictionFolder(tmp_path).shapes.probability_path("a"), np.zeros((2, 64, 64), np.float32)
    )
    with pytest.raises(FileError, match="not 64 x 64 x 64"):
        PredictionFolder(tmp_path).probability("a")


@pytest.mark.parametrize("column", ["plane_distance", "sections", "class_probability"])
@pytest.mark.parametrize("value", ["far", "nan"])
def test_a_table_whose_numbers_are_none_is_refused(tmp_path, column, value):
    """They decide on intervals: what is none must not be taken for nothing."""
    (tmp_path / "predictions.csv").write_text(f"name,{column}\ncell,{value}\n")
    with pytest.raises(FileError, match=f"predictions.csv is damaged: .*{column} is '{value}'"):
        PredictionFolder(tmp_path).rows()
    (tmp_path / "predictions.csv").write_text(f"name,{column}\ncell,\n")
    assert PredictionFolder(tmp_path).rows() == [{"name": "cell", column: ""}]
