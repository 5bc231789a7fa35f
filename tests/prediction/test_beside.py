"""Processes beside the network: the same files, whatever is stopped or killed on the way."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dispr.cells.folder import find_cells
from dispr.errors import ConfigError, FileError, WorkerError
from dispr.failures import Failures
from dispr.model.weights import Weights, save_weights
from dispr.prediction import beside
from dispr.prediction.beside import MANY, MOST, Beside, jobs_by_default
from dispr.prediction.drawer import Asked
from dispr.prediction.files import PredictionFolder
from dispr.prediction.folder import predict_folder
from dispr.prediction.part import Terms
from dispr.prediction.section import Section
from dispr.prediction.settings import PredictionSettings
from dispr.prediction.tasks import Done, Task

CELLS = 16
SETTINGS = PredictionSettings(ensemble=2, pixel_size=0.17, batch_size=2)


@pytest.fixture
def weights(model, tmp_path):
    path = tmp_path / "tiny.safetensors"
    save_weights(path, Weights(model.config, model.network.state_dict()))
    return path


@pytest.fixture
def data(tmp_path, write_ellipses):
    return write_ellipses(tmp_path / "data", CELLS)


@pytest.fixture
def predict(model, data, weights, tmp_path):
    """Predict to a folder; with processes, if `jobs` says how many."""

    def to(name, jobs=0, settings=SETTINGS, **options):
        workers = Beside(jobs, weights) if jobs else None
        options.setdefault("failures", Failures())
        out = tmp_path / name
        predict_folder(model, find_cells(data), out, settings, workers=workers, **options)
        return PredictionFolder(out)

    return to


def assert_same(found, alone):
    assert list(found.rows()) == list(alone.rows())
    assert set(found.cells) == set(alone.cells)
    for name in alone.cells:
        assert (found.samples(name) == alone.samples(name)).all()
        assert (found.shapes.probability(name) == alone.shapes.probability(name)).all()


@pytest.mark.parametrize("store", ["files", "zarr"])
def test_processes_write_what_one_writes(predict, store):
    alone = predict("alone", store=store, save_grey=True)
    found = predict("beside", jobs=2, store=store, save_grey=True)
    assert_same(found, alone)
    assert multiprocessing.active_children() == []
    names = [sorted(p.relative_to(one.path) for p in one.path.rglob("*")) for one in (alone, found)]
    assert names[0] == names[1]
    for name in alone.cells:
        greys = [one.shapes.grey(name, 2) for one in (found, alone)]
        np.testing.assert_array_equal(*greys)


def test_shapes_that_several_ask_for_are_drawn_together(model, monkeypatch):
    masks = [np.where(np.hypot(*np.mgrid[-32:32, -32:32]) < r, 255, 0) for r in (12, 15, 18)]
    sections = [Section(mask.astype(np.uint8), mask.astype(np.uint8)) for mask in masks]
    settings = replace(SETTINGS, batch_size=5)
    sizes, told, begin = [], [], model.drawer.begin

    def begun(asked, *args, **options):
        sizes.append(len(asked))
        return begin(asked, *args, **options)

    monkeypatch.setattr(model.drawer, "begin", begun)
    part = SimpleNamespace(model=model, terms=SimpleNamespace(settings=settings))
    run = beside._Run(None, part, deque(), [], told.append)
    workers = [beside._Worker(None, SimpleNamespace(send=heard.append)) for heard in ([], [], [])]
    sent = [worker.connection.send.__self__ for worker in workers]
    for worker, section in zip(workers, sections, strict=True):
        run.asks.append((worker, beside._Ask([Asked(section, 0), Asked(section, 1)], False)))
    run._begin()
    run._begin()
    assert sizes == [4, 2]
    while run.flying:
        run._answer(run.flying.popleft())
    assert told == [1, 1, 1]
    for (answer,), section in zip(sent, sections, strict=True):
        expected = next(model.predict_stream([section], settings)).samples
        shapes = np.unpackbits(answer.shapes, axis=-1).astype(bool)
        assert (shapes != expected).sum() < 10  # sums in another order


def test_an_interrupted_run_keeps_what_is_done(at, predict, tmp_path):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict("out", jobs=1, progress=at(4, stop))
    assert multiprocessing.active_children() == []
    assert 0 < len(PredictionFolder(tmp_path / "out").cells) < CELLS
    assert_same(predict("out"), predict("alone"))


@pytest.mark.skipif(os.name == "nt", reason="kills processes by signals")
def test_a_process_that_is_killed_ends_the_run_with_a_sentence(at, predict):
    def kill():
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)

    with pytest.raises(WorkerError, match=r"was killed, .* which resumes, with a smaller --jobs\."):
        predict("out", jobs=1, progress=at(2, kill))
    assert multiprocessing.active_children() == []
    assert_same(predict("out"), predict("alone"))


def end_when_told(connection):
    """Wait for shapes, as a process does, and end with what is done where none come."""
    connection.send(beside._Ask([Asked(None, 0)], False))
    while connection.recv() is not None:
        pass
    connection.send(Done(failures=["as far as it came"]))


@pytest.fixture
def stopped(monkeypatch):
    """A run that is interrupted as it waits for shapes that a process has asked for."""
    monkeypatch.setattr(beside, "PATIENCE", 5)

    def interrupted():
        raise KeyboardInterrupt

    model = SimpleNamespace(
        samples_of=lambda _: 1,
        batch_size=lambda _: 1,
        begin=lambda asked, *_, **__: (len(asked), interrupted),
        drawer=SimpleNamespace(ahead=0),
    )
    part = SimpleNamespace(
        model=model,
        terms=SimpleNamespace(settings=SETTINGS),
        failures=SimpleNamespace(found=[]),
        finished=[],
    )
    here, there = multiprocessing.Pipe()
    threading.Thread(target=end_when_told, args=(there,), daemon=True).start()
    worker = beside._Worker(None, here, busy=True)
    return beside._Run(SimpleNamespace(path=None), part, deque(["a task"]), [worker], print)


def test_processes_whose_shapes_are_waited_for_end_early(stopped):
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    stopped.stop()
    assert stopped.part.failures.found == ["as far as it came"]


def test_processes_end_early_where_another_is_gone(stopped):
    here, there = multiprocessing.Pipe()
    there.close()
    gone = beside._Worker(None, here, busy=True)
    stopped.workers.insert(0, gone)
    for worker in stopped.workers:
        stopped.asks.append((worker, beside._Ask([Asked(None, 0)], False)))
    assert isinstance(stopped.workers[1].connection.recv(), beside._Ask)
    stopped.stop()
    assert stopped.part.failures.found == ["as far as it came"]


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (MemoryError(), WorkerError, "not enough memory .* with a smaller --jobs"),
        (KeyError("x"), RuntimeError, "KeyError: 'x'"),
    ],
)
def test_an_error_of_a_process_is_told_by_the_run(monkeypatch, error, kind, words):
    """Of the process itself, here in a thread: what it says is raised where it is heard."""
    here, there = multiprocessing.Pipe()

    def fail(task, load):
        raise error

    monkeypatch.setattr(beside, "begin_worker", lambda: None)
    monkeypatch.setattr(beside.torch, "set_num_threads", lambda count: None)
    monkeypatch.setattr(beside, "do", fail)
    process = threading.Thread(target=beside._work, args=(there, 2), daemon=True)
    process.start()
    model = SimpleNamespace(samples_of=lambda ensemble: 2)
    part = SimpleNamespace(model=model, terms=SimpleNamespace(settings=SETTINGS))
    run = beside._Run(None, part, deque(), [], None)
    here.send(Task(*[None] * 6, Terms(SETTINGS, {}), *[None] * 4))
    with pytest.raises(kind, match=words):
        run._take(beside._Worker(None, here, busy=True))
    here.close()
    process.join(20)
    assert not process.is_alive()


def test_a_script_that_its_processes_would_run_again_is_told(data, weights, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom dispr.prediction.many import predict_many\n"
        "predict_many(*sys.argv[1:3], weights=sys.argv[3], jobs=2, ensemble=1, pixel_size=0.17)\n"
    )
    run = [sys.executable, script, data, tmp_path / "out", weights]
    done = subprocess.run(run, capture_output=True, text=True, timeout=200)
    assert done.returncode == 1
    assert 'predict below the line if __name__ == "__main__":.' in done.stderr.splitlines()[-1]


def test_cells_that_fail_are_listed(predict, data):
    (data / "image" / "cell003.tif").write_bytes(b"no image")
    failures = Failures()
    found = predict("out", jobs=1, failures=failures)
    assert failures.names == {"cell003"}
    assert_same(found, predict("alone"))


def test_the_first_that_fails_stops_a_strict_run(at, predict, data):
    """A file that could be read when the run began."""

    def damage():
        (data / "mask" / f"cell{CELLS - 1:03d}.tif").write_bytes(b"no mask")

    with pytest.raises(FileError, match=f"cell{CELLS - 1:03d}"):
        predict("out", jobs=1, failures=Failures(strict=True), progress=at(0.1, damage))


def test_processes_that_read_other_weights_are_refused(predict, model):
    with torch.no_grad():
        next(model.network.parameters()).add_(1)
    with pytest.raises(ConfigError, match="a worker reads other weights"):
        predict("out", jobs=1)


def test_processes_where_the_network_is_faster(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert jobs_by_default(torch.device("cpu"), 10 * MANY) == 1
    assert jobs_by_default(torch.device("cuda"), MANY - 1) == 1
    assert jobs_by_default(torch.device("cuda"), MANY) == 7
    monkeypatch.setattr("os.cpu_count", lambda: 96)
    assert jobs_by_default(torch.device("cuda:1"), MANY) == MOST
