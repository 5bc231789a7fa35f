import json
import shutil
import sys

import numpy as np
import pytest

from dispr.cells.folder import find_cells
from dispr.checksums import NAME as CHECKSUMS
from dispr.errors import ConfigError, FileError
from dispr.prediction import packed
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.gather import copy_cells
from dispr.prediction.settings import PredictionSettings

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="needs Zarr 3")
if sys.version_info >= (3, 11):
    pytest.importorskip("zarr")

THREE = PredictionSettings(ensemble=3, pixel_size=0.17)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(packed, "CELLS_OF_SHARD", 4)


def files_of(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("prediction.json", CHECKSUMS, "cells.jsonl")
    }


def entries(folder):
    cells = PredictionFolder(folder).cells
    return {name: cells[name] for name in cells}


def test_packed_shapes_are_those_of_files(model, cells_folder, tmp_path, small_shards):
    import pyarrow.parquet as pq

    files = find_cells(cells_folder, split="train")
    plain = predict_folder(model, files, tmp_path / "files", THREE, save_grey=True)
    rows = predict_folder(model, files, tmp_path / "zarr", THREE, save_grey=True, store="zarr")
    assert rows == plain
    table = pq.read_table(tmp_path / "zarr" / "predictions.parquet").to_pylist()
    assert [{k: "" if v is None else v for k, v in row.items()} for row in table] == list(rows)
    one, other = PredictionFolder(tmp_path / "files"), PredictionFolder(tmp_path / "zarr")
    assert one.names() == other.names()
    assert not (tmp_path / "zarr" / "pending").exists()
    for file in files:
        np.testing.assert_array_equal(one.samples(file.name), other.samples(file.name))
        np.testing.assert_array_equal(one.probability(file.name), other.probability(file.name))
        np.testing.assert_array_equal(
            one.shapes.grey(file.name, 3), other.shapes.grey(file.name, 3)
        )
        assert one.spacing(file.name) == pytest.approx(other.spacing(file.name), rel=1e-5)
        assert one.square(file.name) == other.square(file.name)
    shards = [p.name for p in (tmp_path / "zarr" / "shapes.zarr" / "samples").iterdir()]
    assert sorted(shards) == ["0.0.0.0.0", "1.0.0.0.0", "zarr.json"]

    copy_cells(
        dict.fromkeys(other.names()[:2], other),
        tmp_path / "again",
        {**other.settings, "store": "files"},
    )
    again = files_of(tmp_path / "again")
    known = files_of(tmp_path / "files")
    assert len(again) == 2 * 7 + 1
    assert all(known[path] == again[path] for path in again if path.suffix == ".tif")


def test_interrupted_run_goes_on_to_the_same_files(
    model, cells_folder, tmp_path, told, small_shards
):
    files = find_cells(cells_folder, split="train")
    two = PredictionSettings(ensemble=2, batch_size=2)
    predict_folder(model, files, tmp_path / "whole", two, store="zarr")
    for when in (0.2, 2.2, 5.2):
        with pytest.raises(KeyboardInterrupt):
            predict_folder(model, files, tmp_path / "cut", two, store="zarr", progress=told(when))
        assert len(PredictionFolder(tmp_path / "cut").cells) == int(when)
    seen = told()
    predict_folder(model, files, tmp_path / "cut", two, store="zarr", progress=seen)
    assert seen.done()[:6] == [1.0, 2.0, 3.0, 4.0, 5.0, pytest.approx(5.5)]
    assert files_of(tmp_path / "cut") == files_of(tmp_path / "whole")
    assert entries(tmp_path / "cut") == entries(tmp_path / "whole")


def test_what_a_killed_run_kept_back_is_taken_over(
    model, cells_folder, tmp_path, monkeypatch, small_shards
):
    files = find_cells(cells_folder, split="train")
    predict_folder(model, files, tmp_path / "whole", THREE, store="zarr")
    with monkeypatch.context() as patch:  # as if killed after the third cell
        patch.setattr(packed.PackedShapes, "flush", lambda self: None)
        patch.setattr(packed.PackedShapes, "leave", lambda self, name: None)
        with pytest.raises(FileError, match="contains no predictions"):
            predict_folder(model, files[:3], tmp_path / "cut", THREE, store="zarr")
            PredictionFolder(tmp_path / "cut").names()
    pending = sorted((tmp_path / "cut" / "pending").iterdir())
    assert [path.name for path in pending] == ["0.npz", "1.npz", "2.npz"]
    pending[1].write_bytes(pending[1].read_bytes()[:-200])  # damaged: it is made anew
    drawn = []
    draw = type(model).predict_stream

    def counted(self, sections, *args, **options):
        for prediction in draw(self, sections, *args, **options):
            drawn.append(1)
            yield prediction

    monkeypatch.setattr(type(model), "predict_stream", counted)
    predict_folder(model, files, tmp_path / "cut", THREE, store="zarr")
    assert len(drawn) == len(files) - 2
    assert not (tmp_path / "cut" / "pending").exists()
    assert files_of(tmp_path / "cut") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("kind", ["samples", "counts"])
def test_damage_is_noticed(model, cells_folder, tmp_path, kind):
    files = find_cells(cells_folder, split="test")
    predict_folder(model, files, tmp_path, THREE, store="zarr")
    (shard,) = (p for p in (tmp_path / "shapes.zarr" / kind).iterdir() if p.suffix != ".json")
    content = shard.read_bytes()
    flipped = content[:50] + bytes([content[50] ^ 8]) + content[51:]
    for damaged in (flipped, content[: len(content) // 2]):
        shard.write_bytes(damaged)
        with pytest.raises(FileError, match="is damaged at the cell"):
            for file in files:
                PredictionFolder(tmp_path).samples(file.name)
    shard.unlink()
    with pytest.raises(FileError, match="is damaged at the cell"):
        PredictionFolder(tmp_path).probability(files[0].name)
    predict_folder(model, files, tmp_path, THREE, store="zarr")  # which makes it anew
    assert shard.read_bytes() == content


def test_what_is_damaged_is_made_anew_beside_what_is_not(model, cells_folder, tmp_path):
    files = find_cells(cells_folder, split="train")
    predict_folder(model, files, tmp_path, THREE, store="zarr")
    (shard,) = (p for p in (tmp_path / "shapes.zarr" / "counts").iterdir() if p.suffix != ".json")
    content = shard.read_bytes()
    shard.write_bytes(content[:50] + bytes([content[50] ^ 8]) + content[51:])
    seen = []
    draw = type(model).predict_stream

    def counted(self, sections, *args, **options):
        for prediction in draw(self, sections, *args, **options):
            seen.append(1)
            yield prediction

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(model), "predict_stream", counted)
        predict_folder(model, files, tmp_path, THREE, store="zarr")
    assert len(seen) == 1
    assert shard.read_bytes() == content


def test_a_changed_cell_is_predicted_anew_in_its_shard(model, cells_folder, tmp_path):
    import tifffile

    shutil.copytree(cells_folder / "test", tmp_path / "cells")
    files = find_cells(tmp_path / "cells")
    out = tmp_path / "out"
    predict_folder(model, files, out, THREE, store="zarr")
    before = [PredictionFolder(out).samples(file.name) for file in files]
    mask = tifffile.imread(files[0].mask)
    mask[:30] = 0
    tifffile.imwrite(files[0].mask, mask)
    predict_folder(model, files, out, THREE, store="zarr")
    after = [PredictionFolder(out).samples(file.name) for file in files]
    assert (before[0] != after[0]).any()
    assert (before[1] == after[1]).all()


def test_stores_do_not_mix(model, cells_folder, tmp_path):
    files = find_cells(cells_folder, split="test")
    predict_folder(model, files, tmp_path, THREE)
    with pytest.raises(ConfigError, match="store was files and is now zarr"):
        predict_folder(model, files, tmp_path, THREE, store="zarr")
    assert json.loads((tmp_path / "prediction.json").read_text())["store"] == "files"
