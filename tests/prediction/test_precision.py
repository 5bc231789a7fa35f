"""One precision for a run, on whichever machines it is begun and resumed."""

import contextlib

import numpy as np
import pytest

from dispr.cells.folder import find_cells
from dispr.comparison.inputs import Given
from dispr.comparison.models import places, predict_conditions
from dispr.errors import ConfigError
from dispr.files import write_tiff
from dispr.labelled.field.folder import predict_fields
from dispr.labelled.field.settings import FieldSettings
from dispr.labelled.find import FieldFiles
from dispr.prediction.beside import Beside
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.model import Model
from dispr.prediction.precision import settled
from dispr.prediction.settings import PredictionSettings
from dispr.shards import Shard

TWO = PredictionSettings(ensemble=2)


@pytest.fixture
def auto(model, monkeypatch):
    """Give the model as `dispr.load` gives it on a computer of some precision."""

    def load(precision):
        monkeypatch.setattr("dispr.model.device.best_precision", lambda device: precision)
        return Model(model.config, model.network, precision="auto")

    return load


@pytest.fixture(autouse=True)
def computed(monkeypatch):
    """The precisions that shapes were computed in; bf16 itself is slow on many computers."""
    found = []

    def autocast(device, precision):
        found.append(precision)
        return contextlib.nullcontext()

    monkeypatch.setattr("dispr.prediction.drawer.autocast", autocast)
    return found


@pytest.fixture
def files(cells_folder):
    return find_cells(cells_folder, split="train")[:2]


@pytest.mark.parametrize(("first", "second"), [("fp32", "bf16"), ("bf16", "fp32")])
def test_a_resumed_run_goes_on_in_its_precision(
    auto, files, tmp_path, told, computed, first, second
):
    begun, resumed = told(), told()
    predict_folder(auto(first), files[:1], tmp_path, TWO, progress=begun)
    here = auto(second)
    predict_folder(here, files, tmp_path, TWO, progress=resumed)
    assert begun.remarks == [f"Computing in {first}."]
    slowly = ", which this device computes slowly" if first == "bf16" else ""
    assert resumed.remarks == [
        f"Computing in {first}, as the predictions in {tmp_path} were begun{slowly}."
    ]
    assert computed == [first] * 2  # one batch for each cell
    assert PredictionFolder(tmp_path).settings["precision"] == first
    assert here.precision == second  # the model of the user is as it was
    predict_folder(here, files[:1], tmp_path / "other", TWO, progress=told())
    assert computed[2:] == [second]


def test_a_precision_that_is_given_is_not_changed(auto, model, files, tmp_path, told):
    predict_folder(auto("fp32"), files, tmp_path, TWO)
    given = Model(model.config, model.network, precision="bf16")
    with pytest.raises(ConfigError, match="precision was fp32 and is now bf16"):
        predict_folder(given, files, tmp_path, TWO)
    progress = told()
    again = Model(model.config, model.network, precision="fp32")
    predict_folder(again, files, tmp_path, TWO, progress=progress)
    assert progress.remarks == []


def test_a_record_without_shapes_says_nothing(auto, tmp_path):
    PredictionFolder(tmp_path).write_settings({"precision": "fp32"})
    assert settled(auto("bf16"), [tmp_path, tmp_path / "none"]).precision == "bf16"


def test_what_a_device_cannot_compute_is_refused(auto, files, tmp_path):
    predict_folder(auto("fp32"), files, tmp_path, TWO)
    drawn = PredictionFolder(tmp_path)
    drawn.write_settings({**drawn.settings, "precision": "fp16"})
    with pytest.raises(ConfigError, match=r"begun in fp16, which needs a GPU; resume them on one"):
        settled(auto("fp32"), [tmp_path])
    # Processes beside the network compute on the same device; workers with a GPU can.
    with pytest.raises(ConfigError, match="begun in fp16, which needs a GPU"):
        predict_folder(auto("fp32"), files, tmp_path, TWO, workers=Beside(2))
    assert settled(auto("fp32"), [tmp_path], elsewhere=True).precision == "fp16"


def test_parts_of_several_machines_have_one_precision(auto, model, files, tmp_path, told, computed):
    for i, precision in enumerate(("fp32", "bf16")):
        progress = told()
        out = tmp_path / str(i)
        predict_folder(auto(precision), files, out, TWO, shard=Shard(i + 1, 2), progress=progress)
        assert PredictionFolder(out).settings["precision"] == "fp32"
    assert progress.remarks[0].startswith("Computing in fp32 as a part of a run; bf16 is faster")
    given = Model(model.config, model.network, precision="bf16")
    predict_folder(given, files, tmp_path / "given", TWO, progress=progress, shard=Shard(1, 2))
    assert PredictionFolder(tmp_path / "given").settings["precision"] == "bf16"
    assert computed == ["fp32", "fp32", "bf16"]


def test_workers_are_told_the_precision(auto, files, tmp_path, told):
    progress, told = told, []

    class Workers:
        elsewhere = True

        def predict(self, drawn, part, todo, report):
            told.append(part.terms.drawing["precision"])

    predict_folder(auto("bf16"), files, tmp_path, TWO, progress=progress(), workers=Workers())
    assert told == ["bf16"]


def test_conditions_of_a_comparison_have_one_precision(auto, files, tmp_path, told, computed):
    given = (Given("a", "cells", files[:1]), Given("b", "cells", files[1:]))
    predict_folder(auto("fp32"), files[:1], places(tmp_path)[0], TWO)
    model = settled(auto("bf16"), places(tmp_path))
    predict_conditions(model, given, tmp_path, TWO, told())
    assert computed == ["fp32", "fp32"]


def test_fields_of_a_run_have_one_precision(auto, tmp_path, told):
    mask = np.zeros((96, 96), np.uint8)
    mask[24:72, 24:72] = 1
    fields = []
    for name in ("a", "b"):
        write_tiff(tmp_path / f"{name}.tif", mask * 200)
        write_tiff(tmp_path / f"{name}_labels.tif", mask)
        fields.append(FieldFiles(name, tmp_path / f"{name}.tif", tmp_path / f"{name}_labels.tif"))
    settings = FieldSettings(ensemble=1, measures=False, volume="none", meshes="none")
    out, progress = tmp_path / "out", told()
    predict_fields(auto("fp32"), fields[1:], out, settings)
    predict_fields(auto("bf16"), fields, out, settings, progress=progress)
    for name in ("a", "b"):
        assert PredictionFolder(out / name).settings["precision"] == "fp32"
    assert progress.remarks == [f"Computing in fp32, as the predictions in {out / 'b'} were begun."]
