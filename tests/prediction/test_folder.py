import csv
import json
import shutil

import numpy as np
import pytest
import tifffile

from dispr.cells.folder import CellFiles, find_cells
from dispr.cells.metadata import read_voxel_size
from dispr.cells.read import read_cell
from dispr.errors import ConfigError, FileError
from dispr.familiarity.statistics import fit_familiarity
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.inputs import CellReader
from dispr.prediction.model import Model
from dispr.prediction.section import cell_digest
from dispr.prediction.settings import PredictionSettings
from dispr.simulation.cell import simulate


def test_files(model, cells_folder, tmp_path):
    files = find_cells(cells_folder, split="test")
    rows = predict_folder(model, files, tmp_path, PredictionSettings(ensemble=3))
    name = files[0].name
    for k in range(3):
        with tifffile.TiffFile(tmp_path / "samples" / f"{name}_{k}.tif") as tiff:
            assert tiff.is_imagej
            assert tiff.series[0].axes == "ZYX"
            sample = tiff.asarray()
        assert sample.shape == (64, 64, 64)
        assert sample.dtype == np.uint8
        assert set(np.unique(sample)) <= {0, 255}
    probability = tifffile.imread(tmp_path / "probability" / f"{name}.tif")
    assert probability.dtype == np.float32
    np.testing.assert_allclose(
        probability, PredictionFolder(tmp_path).samples(name).mean(0), atol=1e-6
    )
    with open(tmp_path / "predictions.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["name"] for row in table] == [file.name for file in files]
    assert int(table[0]["volume_voxels"]) == (probability > 0.5).sum() == rows[0]["volume_voxels"]


def test_grey_volumes_are_what_samples_are_decided_from(model, cells_folder, tmp_path):
    files = find_cells(cells_folder, split="test")
    predict_folder(model, files, tmp_path, PredictionSettings(ensemble=2))
    assert not (tmp_path / "grey").exists()
    before = {path: path.read_bytes() for path in tmp_path.glob("*/*.tif")}
    predict_folder(model, files, tmp_path, PredictionSettings(ensemble=2), save_grey=True)
    assert {path: path.read_bytes() for path in before} == before
    for file in files:
        grey = np.stack(
            [tifffile.imread(tmp_path / "grey" / f"{file.name}_{k}.tif") for k in (0, 1)]
        )
        assert grey.dtype == np.float32
        assert ((grey >= 0) & (grey <= 1)).all()
        assert len(np.unique(grey)) > 100
        assert ((grey > 0.5) == PredictionFolder(tmp_path).samples(file.name)).all()

    predict_folder(model, files, tmp_path, PredictionSettings(ensemble=2, pixel_size=0.172))
    for part in ("grey", "samples"):
        size = read_voxel_size(tmp_path / part / f"{files[0].name}_0.tif").spacing
        assert size == pytest.approx((0.172,) * 3)
    cells = tmp_path / "cells"
    shutil.copytree(cells_folder / "test", cells)
    image = cells / "image" / f"{files[0].name}.tif"
    tifffile.imwrite(image, tifffile.imread(image) // 2)
    predict_folder(
        model, find_cells(cells), tmp_path, PredictionSettings(ensemble=2, pixel_size=0.172)
    )
    left = {path.name for path in (tmp_path / "grey").iterdir()}
    assert left == {f"{file.name}_{k}.tif" for file in files[1:] for k in (0, 1)}


def test_a_record_of_no_shape_is_taken_over(model, cells_folder, tmp_path, told):
    files = find_cells(cells_folder, split="test")[:1]

    with pytest.raises(KeyboardInterrupt):
        predict_folder(model, files, tmp_path, PredictionSettings(ensemble=2), progress=told(0))
    assert not predicted(tmp_path)
    predict_folder(model, files, tmp_path, PredictionSettings(ensemble=1))
    assert predicted(tmp_path) == [f"{files[0].name}_0.tif"]
    with pytest.raises(ConfigError, match=r"other settings \(ensemble was 1 and is now"):
        predict_folder(model, files, tmp_path, PredictionSettings(ensemble=2))


def predicted(out):
    return sorted(path.name for path in out.glob("samples/*.tif"))


def test_a_removed_cell_leaves_the_table(model, cells_folder, tmp_path):
    files = find_cells(cells_folder, split="test")
    predict_folder(model, files, tmp_path, PredictionSettings(ensemble=1))
    for part in ("samples", "probability"):
        for path in (tmp_path / part).glob(f"{files[0].name}*"):
            path.unlink()
    predict_folder(model, files[1:], tmp_path, PredictionSettings(ensemble=1))
    with open(tmp_path / "predictions.csv", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == [files[1].name]


def test_needs_no_objects(model, cells_folder, tmp_path):
    for kind in ("image", "mask"):
        (tmp_path / "cells" / kind).mkdir(parents=True)
        for path in (cells_folder / "test" / kind).iterdir():
            (tmp_path / "cells" / kind / path.name).write_bytes(path.read_bytes())
    predict_folder(
        model, find_cells(tmp_path / "cells"), tmp_path / "out", PredictionSettings(ensemble=1)
    )
    assert len(PredictionFolder(tmp_path / "out").names()) == 2


def test_interrupted_run_goes_on(model, cells_folder, tmp_path, told):
    files = find_cells(cells_folder, split="train")
    predict_folder(model, files, tmp_path / "whole", PredictionSettings(ensemble=2, batch_size=2))
    settings = PredictionSettings(ensemble=2, batch_size=2)
    with pytest.raises(KeyboardInterrupt):
        predict_folder(model, files, tmp_path / "cut", settings, progress=told(2.5))
    assert len(PredictionFolder(tmp_path / "cut").names()) == 2
    with open(tmp_path / "cut" / "predictions.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
    seen = told()
    predict_folder(model, files, tmp_path / "cut", settings, progress=seen)
    assert seen.done()[-1] == pytest.approx(len(files))
    assert seen.done()[:2] == [1.0, 2.0]
    for kind in ("samples", "probability"):
        for path in (tmp_path / "whole" / kind).iterdir():
            assert path.read_bytes() == (tmp_path / "cut" / kind / path.name).read_bytes()


def test_other_settings_are_refused(model, cells_folder, tmp_path):
    files = find_cells(cells_folder, split="test")
    predict_folder(model, files, tmp_path, PredictionSettings(ensemble=1))
    assert json.loads((tmp_path / "prediction.json").read_text())["ensemble"] == 1
    with pytest.raises(
        ConfigError,
        match=r"other settings \(ensemble was 1 and is now 2, seed was 0 and is now 1\)",
    ):
        predict_folder(model, files, tmp_path, PredictionSettings(ensemble=2, seed=1))


def test_bad_cell_is_found_before_anything_is_computed(model, cells_folder, tmp_path):
    for kind in ("image", "mask"):
        (tmp_path / "cells" / kind).mkdir(parents=True)
        for path in (cells_folder / "test" / kind).iterdir():
            (tmp_path / "cells" / kind / path.name).write_bytes(path.read_bytes())
    last = sorted((tmp_path / "cells" / "mask").iterdir())[-1]
    last.write_bytes(last.read_bytes()[:100])
    with pytest.raises(FileError, match=last.name):
        predict_folder(model, find_cells(tmp_path / "cells"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_namesakes_are_refused(model, cells_folder, tmp_path):
    files = [*find_cells(cells_folder), *find_cells(cells_folder, split="test")]
    with pytest.raises(ConfigError, match="have the same name"):
        predict_folder(model, files, tmp_path)


def test_corrected_cell_is_predicted_anew(model, cells_folder, tmp_path):
    shutil.copytree(cells_folder / "test", tmp_path / "cells")
    files = find_cells(tmp_path / "cells")
    predict_folder(model, files, tmp_path / "out", PredictionSettings(ensemble=1))
    before = [PredictionFolder(tmp_path / "out").samples(file.name) for file in files]
    mask = tifffile.imread(files[0].mask)
    mask[:30] = 0
    tifffile.imwrite(files[0].mask, mask)
    predict_folder(model, files, tmp_path / "out", PredictionSettings(ensemble=1))
    after = [PredictionFolder(tmp_path / "out").samples(file.name) for file in files]
    assert (before[0] != after[0]).any()
    assert (before[1] == after[1]).all()


def test_cell_that_is_exchanged_while_it_is_predicted_is_predicted_anew(
    model, cells_folder, tmp_path, monkeypatch
):
    """What is recorded are the files that were read, not those there are when the cell is done."""
    shutil.copytree(cells_folder / "test", tmp_path / "cells")
    files, out = find_cells(tmp_path / "cells"), tmp_path / "out"
    read = CellReader.read

    def exchanged(self, file):
        seen = read(self, file)
        if file == files[0]:
            mask = tifffile.imread(file.mask)
            mask[:30] = 0
            tifffile.imwrite(file.mask, mask)
        return seen

    with monkeypatch.context() as patch:
        patch.setattr(CellReader, "read", exchanged)
        predict_folder(model, files, out, PredictionSettings(ensemble=1))
    predict_folder(model, files, out, PredictionSettings(ensemble=1))
    seen = read_cell(files[0])
    expected = cell_digest(seen.image, seen.mask)
    assert PredictionFolder(out).cells[files[0].name]["digest"] == expected


def test_shapes_of_a_changed_cell_are_gone_where_the_call_is_cut_short(
    model, cells_folder, tmp_path, monkeypatch
):
    shutil.copytree(cells_folder / "test", tmp_path / "cells")
    files = find_cells(tmp_path / "cells")
    out = tmp_path / "out"
    predict_folder(model, files, out, PredictionSettings(ensemble=1))
    image = tifffile.imread(files[0].image)
    tifffile.imwrite(files[0].image, np.clip(image, 0, 200) + 30)

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Model, "predict_stream", stop)
        with pytest.raises(KeyboardInterrupt):
            predict_folder(model, files, out, PredictionSettings(ensemble=1))
    assert PredictionFolder(out).names() == [files[1].name]


def test_what_a_checksum_sees():
    """The image inside the mask, and the mask: what the network is given."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 200, (64, 64), np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 20:40] = 255
    known = cell_digest(image, mask)
    outside, inside, turned = image.copy(), image.copy(), image.copy()
    outside[5, 5] += 1
    inside[30, 30] += 1
    turned[20:40, 20:40] = image[20:40, 20:40].T
    smaller = mask.copy()
    smaller[20, 20] = 0
    grey = mask.copy()
    grey[20, 20] = 200
    assert cell_digest(outside, mask) == known == cell_digest(image.copy(), mask)
    others = [(inside, mask), (turned, mask), (image, smaller), (image, grey), (mask, mask)]
    assert len({known, *(cell_digest(*pair) for pair in others)}) == 6


def test_table_keeps_the_cells_of_other_calls(model, cells_folder, tmp_path):
    for split in ("train", "test"):
        predict_folder(
            model, find_cells(cells_folder, split=split), tmp_path, PredictionSettings(ensemble=1)
        )
    with open(tmp_path / "predictions.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 8


def test_cells_unlike_the_training_cells_are_warned_of(model, cells_folder, tmp_path):
    files = find_cells(cells_folder, split="test")
    plain = predict_folder(model, files, tmp_path / "plain", PredictionSettings(ensemble=1))
    assert [(row["familiarity"], row["warning"]) for row in plain] == [("", "")] * 2

    cells = list(simulate(60, seed=0, types=["-1.00_spherocyte"]))
    images, masks = ([getattr(cell, kind) for cell in cells] for kind in ("image", "mask"))
    reference = fit_familiarity(np.stack(images), np.stack(masks))
    about = {"familiarity": reference.to_dict()}
    knowing = Model(model.config, model.network, about)
    rows = predict_folder(knowing, files, tmp_path / "knowing", PredictionSettings(ensemble=1))
    for row, file in zip(rows, files, strict=True):
        cell = read_cell(file)
        expected = reference.score_inputs(cell.image, cell.mask)[0]
        assert row["familiarity"] == pytest.approx(expected, abs=6e-4)
        assert row["familiarity"] < 0.02
        assert row["warning"].startswith("More unusual than all of the 60 training cells")


def test_names_that_differ_in_capitals_alone_are_refused(model, tmp_path):
    cells = [CellFiles(name, tmp_path / f"{name}.tif", tmp_path / "m.tif") for name in ("a", "A")]
    with pytest.raises(ConfigError, match="differ only in upper and lower case"):
        predict_folder(model, cells, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_interrupted_after_an_input_changed_keeps_nothing_of_the_old_one(
    model, cells_folder, tmp_path, monkeypatch
):
    shutil.copytree(cells_folder / "test", tmp_path / "cells")
    files, out = find_cells(tmp_path / "cells"), tmp_path / "out"
    predict_folder(model, files, out, PredictionSettings(ensemble=1))
    mask = tifffile.imread(files[0].mask)
    mask[:30] = 0
    tifffile.imwrite(files[0].mask, mask)

    def killed(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(model), "predict_stream", killed)
    with pytest.raises(KeyboardInterrupt):
        predict_folder(model, files, out, PredictionSettings(ensemble=1))
    kept = [file.name for file in files[1:]]
    with open(out / "predictions.csv", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == kept
    assert [path.stem for path in (out / "probability").iterdir()] == kept
    assert [path.stem for path in (out / "samples").iterdir()] == [f"{name}_0" for name in kept]
