"""What a user asks for reaches the function that does it: no option is lost on the way."""

import importlib
import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest

from dispr.cells.folder import find_cells
from dispr.cli.main import COMMANDS
from dispr.prediction.files import PredictionFolder


class Reached(Exception):
    """The function was called; what is given is kept."""


@pytest.fixture
def called(monkeypatch):
    """Replace functions by ones that note how they were called; the last one ends the command."""
    seen = {}

    def patch(place, result=Reached):
        module, name = place.rsplit(".", 1)
        home = importlib.import_module(module)
        signature = inspect.signature(getattr(home, name))

        def note(*arguments, **settings):
            bound = signature.bind(*arguments, **settings)
            bound.apply_defaults()
            seen[name] = bound.arguments
            if result is Reached:
                raise Reached
            return result

        monkeypatch.setattr(home, name, note)

    seen["patch"] = patch
    return seen


@pytest.fixture
def predicted(monkeypatch):
    """Let any folder be a prediction of these cells."""
    return lambda names: monkeypatch.setattr(PredictionFolder, "names", lambda folder: names)


def run(command, *arguments):
    module = importlib.import_module(f"dispr.cli.{command}")
    with pytest.raises(Reached):
        module.command.main([str(a) for a in arguments], standalone_mode=False)


MODEL = SimpleNamespace(
    config=SimpleNamespace(deterministic=False),
    about={},
    device=SimpleNamespace(type="cpu"),
    frame=None,
    intervals=None,
)


def test_predict_a_folder(called, cells_folder):
    called["patch"]("dispr.prediction.model.load", MODEL)
    called["patch"]("dispr.prediction.folder.predict_folder")
    run(
        *("predict", cells_folder, "-o", "out", "--weights", "w.safetensors", "--split", "test"),
        *(
            "--ensemble",
            3,
            "--sampling-steps",
            "7",
            "--sampler",
            "ddim",
            "--seed",
            11,
            "--device",
            "cpu",
        ),
        *("--precision", "bf16", "--batch-size", 2, "--pixel-size", 0.2, "--frame", "cell"),
        *("--save-grey", "--no-report", "--level", 0.8, "--compile", "--jobs", 3),
    )
    assert list(called["load"].values()) == [Path("w.safetensors"), "cpu", "bf16", 0.8, True]
    found = called["predict_folder"]
    assert list(found["files"]) == find_cells(cells_folder, split="test")
    assert found["out"] == Path("out")
    for name, value in {
        "ensemble": 3,
        "steps": "7",
        "sampler": "ddim",
        "seed": 11,
        "batch_size": 2,
        "pixel_size": 0.2,
        "frame": "cell",
    }.items():
        assert getattr(found["settings"], name) == value, name
    assert found["save_grey"]
    workers = found["workers"]
    assert (workers.jobs, workers.weights) == (3, Path("w.safetensors").absolute())


def test_earlier_names_of_options_are_taken(called, cells_folder):
    called["patch"]("dispr.prediction.model.load", MODEL)
    called["patch"]("dispr.prediction.folder.predict_folder")
    run("predict", cells_folder, "--output", "out", "--steps", "7", "--no-report")
    found = called["predict_folder"]
    assert (found["out"], found["settings"].steps) == (Path("out"), "7")
    assert found["workers"] is None


def test_predict_a_field(called, tmp_path):
    (tmp_path / "f.tif").write_bytes(b"")
    (tmp_path / "l.tif").write_bytes(b"")
    called["patch"]("dispr.prediction.model.load", MODEL)
    called["patch"]("dispr.labelled.find.find_fields", [SimpleNamespace(labels=None, image="f")])
    called["patch"]("dispr.labelled.field.folder.predict_field_files")
    run(
        *("predict", tmp_path / "f.tif", "-o", "out", "--labels", "l.tif", "--channel", 1),
        *("--weights", "w.safetensors", "--device", "cpu", "--precision", "bf16"),
        *(
            "--ensemble",
            3,
            "--sampling-steps",
            "7",
            "--sampler",
            "ddim",
            "--seed",
            11,
            "--batch-size",
            2,
        ),
        *("--pixel-size", 0.2, "--frame", "field", "--volume", "zarr", "--meshes", "ply"),
        *("--no-measures", "--ome-zarr-version", "0.4"),
    )
    assert list(called["load"].values()) == [Path("w.safetensors"), "cpu", "bf16", None, False]
    assert list(called["find_fields"].values())[1:3] == [None, "l.tif"]
    found = called["predict_field_files"]
    settings = found["settings"]
    assert (settings.channel, settings.pixel_size, settings.frame) == (1, 0.2, "field")
    assert (settings.volume, settings.meshes, settings.measures) == ("zarr", "ply", False)
    assert settings.ome_zarr_version == "0.4"
    for name, value in {
        "ensemble": 3,
        "steps": "7",
        "sampler": "ddim",
        "seed": 11,
        "batch_size": 2,
    }.items():
        assert getattr(settings, name) == value, name


def test_measure(called):
    called["patch"]("dispr.measurements.inputs.find_items")
    run("measure", "in", "-o", "c.csv", "--split", "test", "--sections", "--published")
    found = called["find_items"]
    assert (found["folder"], found["split"]) == (Path("in"), "test")
    assert (found["sections"], found["published"], found["spacing"]) == (True, True, None)
    run("measure", "in", "-o", "c.csv", "--voxel-size", 0.3)
    assert called["find_items"]["spacing"] == (0.3, 0.3, 0.3)
    run("measure", "in", "-o", "c.csv", "--voxel-size", "3,2,1")
    assert called["find_items"]["spacing"] == (3, 2, 1)
    item = SimpleNamespace(kind="shapes", name="a", split="")
    called["patch"]("dispr.measurements.inputs.find_items", [item])
    called["patch"]("dispr.measurements.folder.measured")
    run("measure", "in", "-o", "c.csv", "--jobs", 3, "--strict")
    assert list(called["measured"].values())[:2] == [[item], Path("c.csv")]
    assert called["measured"]["jobs"] == 3
    assert called["measured"]["failures"].strict


def test_evaluate(called, predicted):
    predicted(["a"])
    called["patch"]("dispr.scores.evaluate.evaluate")
    run("evaluate", "p", "t", "--split", "train", "--train", "d", "--no-baselines", "--jobs", 2)
    found = called["evaluate"]
    assert (found["predictions"], found["truth"]) == (Path("p"), Path("t"))
    assert (found["split"], found["train"], found["baselines"], found["jobs"]) == (
        "train",
        Path("d"),
        False,
        2,
    )


def test_mesh(called, predicted):
    # First: a module that is imported takes the names as they are.
    called["patch"]("dispr.prediction.meshes.write_meshes")
    predicted(["a"])
    run("mesh", "p", "-o", "out", "--format", "ply", "--samples", "--voxel-size", 0.25)
    found = called["write_meshes"]
    assert (found["predictions"], found["out"], found["form"]) == (Path("p"), Path("out"), "ply")
    assert (found["with_samples"], found["spacing"]) == (True, (0.25, 0.25, 0.25))


def test_simulate(called):
    called["patch"]("dispr.simulation.folder.simulate_folder")
    called["patch"]("dispr.simulation.field_folder.simulate_fields")
    types = "B_keratocytes, 0.00_discocyte"
    run("simulate", "-o", "d", "-n", 7, "--seed", 5, "--types", types, "--test-fraction", 0.25)
    names = ["B_keratocytes", "0.00_discocyte"]
    assert list(called["simulate_folder"].values())[:5] == [Path("d"), 7, 5, names, 0.25]
    run("simulate", "-o", "d", "-n", 7, "--seed", 5, "--fields", 2, "--field-size", 200)
    assert list(called["simulate_fields"].values())[:6] == [Path("d"), 2, 7, 5, (200, 200), None]


def test_report(called, predicted):
    predicted(["a"])
    called["patch"]("dispr.report.write.write_report")
    run("report", "p", "d", "-o", "r.html", "--split", "test", "--jobs", 2)
    found = called["write_report"]
    assert list(found.values())[:3] == [Path("p"), Path("d"), Path("r.html")]
    assert (found["split"], found["jobs"]) == ("test", 2)


def test_calibrate(called, cells_folder):
    called["patch"]("dispr.prediction.model.load", MODEL)
    called["patch"]("dispr.prediction.calibrate.unseen", ([], ()))
    called["patch"]("dispr.prediction.calibrate.calibrate")
    run(
        *("calibrate", "w.safetensors", cells_folder, "--split", "test", "--seed", 9),
        *("--unrelated", "simulated"),
        *("--device", "cpu", "--precision", "bf16"),
    )
    assert list(called["load"].values()) == [Path("w.safetensors"), "cpu", "bf16", None, False]
    assert list(called["unseen"].values())[1] == find_cells(
        cells_folder, split="test", need_obj=True
    )
    assert list(list(called["unseen"].values())[2]) == ["simulated"]
    assert called["calibrate"]["seed"] == 9


def test_prepare(called):
    called["patch"]("dispr.labelled.find.find_fields", [])
    called["patch"]("dispr.labelled.stack.folder.prepared")
    run(
        *("prepare", "s", "-o", "d", "--labels", "l/*.tif", "--images", "*_m.tif", "--channel", 2),
        *("--voxel-size", "0.3,0.2,0.1", "--frame", 12, "--test-fraction", 0.4, "--seed", 6),
        *("--min-volume", 5, "--shard", "2/3", "--strict"),
    )
    assert list(called["find_fields"].values())[:3] == [Path("s"), "*_m.tif", "l/*.tif"]
    found = called["prepared"]
    assert found["out"] == Path("d")
    settings = found["settings"]
    assert (settings.channel, settings.voxel_size) == (2, (0.3, 0.2, 0.1))
    assert (float(settings.frame), settings.test_fraction) == (12, 0.4)
    assert (settings.seed, settings.least_volume) == (6, 5)
    assert (str(found["shard"]), found["failures"].strict) == ("2/3", True)


def test_all_commands_are_there():
    assert set(COMMANDS) >= {
        *("predict", "measure", "evaluate", "mesh", "simulate", "report", "calibrate", "prepare"),
        *("train", "convert", "data", "plot", "baseline", "classify", "reproduce"),
    }
