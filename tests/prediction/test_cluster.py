import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from dispr.cells.folder import find_cells
from dispr.checksums import NAME as CHECKSUMS
from dispr.diffusion.config import DiffusionConfig
from dispr.errors import ConfigError, FileError
from dispr.model.config import ModelConfig
from dispr.model.weights import Weights, build_network, fingerprint, save_weights
from dispr.network.config import UNetConfig
from dispr.prediction import cluster as prediction_cluster
from dispr.prediction import packed
from dispr.prediction.files import PredictionFolder
from dispr.prediction.many import predict_many
from dispr.prediction.part import Terms
from dispr.prediction.settings import PredictionSettings

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills processes by signals")

CELLS = 12
SHARD = 2
TINY = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")
SETTINGS = {"ensemble": 2, "pixel_size": 0.17, "cells_per_task": SHARD}
OF_PROCESSES = ("prediction.json", "cells.jsonl", CHECKSUMS)
"""Files that tell of times and orders."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    config = ModelConfig(TINY, DiffusionConfig(steps=50), sampling_steps="2")
    torch.manual_seed(0)
    network = build_network(config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, Weights(config, network.state_dict()))
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory, write_ellipses):
    return write_ellipses(tmp_path_factory.mktemp("data"), CELLS)


@pytest.fixture(scope="module")
def alone(data, weights, tmp_path_factory):
    """What this process predicts, by store."""
    patch = pytest.MonkeyPatch()
    patch.setattr(packed, "CELLS_OF_SHARD", SHARD)
    found = {}
    for store in ("files", "zarr"):
        found[store] = tmp_path_factory.mktemp("alone") / store
        predict_many(data, found[store], weights=weights, store=store, **SETTINGS)
    yield found
    patch.undo()


@pytest.fixture(scope="module")
def cluster():
    small = f"import dispr.prediction.packed\ndispr.prediction.packed.CELLS_OF_SHARD = {SHARD}"
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        silence_logs=50,
        preload=[small],
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as client:
        yield client


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in OF_PROCESSES
    }


def assert_same(out, alone):
    """Assert that a folder is as one process would have written it, with an entry for each cell."""
    assert contents(out) == contents(alone)
    one, other = PredictionFolder(out).cells, PredictionFolder(alone).cells
    assert {n: one[n] for n in one} == {n: other[n] for n in other}
    lines = [json.loads(line.split("\t")[0]) for line in (out / "cells.jsonl").open()]
    assert len(lines) == len(set(lines)) == CELLS
    assert sums_of(out) == sums_of(alone)


def sums_of(folder):
    """Give the recorded checksum of each file that is there."""
    sums = {line[66:-1]: line[:64] for line in (folder / CHECKSUMS).open()}
    return {n: v for n, v in sums.items() if n not in OF_PROCESSES and (folder / n).is_file()}


def test_a_worker_that_is_killed_costs_nothing(at, data, weights, alone, client, tmp_path):
    client.wait_for_workers(2)
    pids = list(client.run(os.getpid).values())
    kill = at(SHARD, lambda: os.kill(pids[0], signal.SIGKILL))
    rows = predict_many(
        data, tmp_path / "out", client=client, weights=weights, store="zarr", progress=kill,
        **SETTINGS,
    )  # fmt: skip
    assert kill.act is None
    assert [row["name"] for row in rows] == [file.name for file in find_cells(data)]
    assert_same(tmp_path / "out", alone["zarr"])


def test_interrupted_runs_resume(at, data, weights, alone, client, tmp_path):
    def stop():
        raise KeyboardInterrupt

    given = {"client": client, "weights": weights, **SETTINGS}
    with pytest.raises(KeyboardInterrupt):
        predict_many(data, tmp_path / "out", progress=at(SHARD, stop), **given)
    kept = len(PredictionFolder(tmp_path / "out").cells)
    assert 0 < kept < CELLS
    predict_many(data, tmp_path / "out", **given)
    assert_same(tmp_path / "out", alone["files"])


def dispr(*arguments):
    code = "from dispr.cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path, process):
    end = time.monotonic() + 100
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def command(data, out, weights, address):
    return ["predict", data, "-o", out, "--weights", weights, "--ensemble", 2, "--dask", address,
            "--pixel-size", 0.17, "--no-report"]  # fmt: skip


def test_a_client_that_is_killed_is_resumed(data, weights, alone, cluster, client, tmp_path):
    out = tmp_path / "out"
    process = dispr(*command(data, out, weights, cluster.scheduler_address))
    wait_for(out / "samples", process)
    process.kill()
    process.communicate()
    assert (out / ".dispr-lock.json").exists()
    predict_many(data, out, client=client, weights=weights, **SETTINGS)
    assert_same(out, alone["files"])


def test_a_scheduler_that_is_killed_ends_the_run(data, weights, alone, tmp_path):
    where, out = tmp_path / "scheduler.json", tmp_path / "out"
    run = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen(
        [*run, "--scheduler-file", where, "--port", "0", "--no-dashboard"], **quiet
    )
    run = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", where]
    worker = subprocess.Popen(
        [*run, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "5"], **quiet
    )
    try:
        while not where.is_file():
            time.sleep(0.05)
        process = dispr(*command(data, out, weights, where))
        wait_for(out / "samples", process)
        scheduler.kill()
        _, told = process.communicate(timeout=60)
    finally:
        for one in (scheduler, worker):
            one.kill()
            one.wait()
    assert process.returncode == 2
    assert told.splitlines()[-1] == (
        "Error: the Dask scheduler does not answer any more; start the cluster and run the command "
        "again, which resumes."
    )
    assert "Traceback" not in told
    predict_many(data, out, weights=weights, **SETTINGS)
    assert_same(out, alone["files"])


def test_cells_that_fail_are_listed(data, weights, client, tmp_path):
    cells = tmp_path / "cells"
    shutil.copytree(data, cells)
    for i in range(4, CELLS):
        for kind in ("image", "mask"):
            (cells / kind / f"cell{i:03d}.tif").unlink()
    (cells / "image" / "cell003.tif").write_bytes(b"no image")
    given = {"client": client, "weights": weights, **SETTINGS}
    rows = predict_many(cells, tmp_path / "out", **given)
    assert len(rows) == 3
    assert "cell003" in (tmp_path / "out" / "failures.csv").read_text()
    with pytest.raises(FileError, match="cell003"):
        predict_many(cells, tmp_path / "strict", strict=True, **given)


def test_errors_of_settings_end_the_run(at, data, weights, client, tmp_path):
    other = tmp_path / "other.safetensors"
    shutil.copy(weights, other)
    given = {"client": client, "weights": other, **SETTINGS}
    with pytest.raises(ConfigError, match="precision must be one of"):
        predict_many(data, tmp_path / "a", precision="fp8", **given)
    with pytest.raises(ConfigError, match="fp16 needs a GPU"):
        predict_many(data, tmp_path / "b", precision="fp16", device="cpu", **given)

    with pytest.raises(FileError, match=r"other\.safetensors"):
        predict_many(data, tmp_path / "c", progress=at(0, other.unlink), **given)


def test_workers_compute_in_the_precision_they_are_told(weights, tmp_path, monkeypatch):
    monkeypatch.setattr("dispr.model.device.best_precision", lambda device: "fp32")
    client = prediction_cluster.model_of_client(weights, "bf16")
    drawing = {"model": fingerprint(client.network), "precision": client.precision}
    terms = Terms(PredictionSettings(), drawing, None, {}, False, grouped=False, planes=False)
    given = (weights, "cpu", None, terms, "files", [], {}, True)
    task = prediction_cluster.Task(tmp_path, "", "", *given)
    assert prediction_cluster._loaded(task).precision == "bf16"


def test_a_client_without_the_device_of_the_workers_asks_for_single_precision(weights, monkeypatch):
    monkeypatch.setattr("dispr.model.device.best_precision", lambda device: "bf16")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    model_of_client = prediction_cluster.model_of_client
    assert model_of_client(weights, "auto", device="cuda").precision == "fp32"
    assert model_of_client(weights, "auto", device="cpu").precision == "bf16"
    assert model_of_client(weights, "fp16", device="cuda").precision == "fp16"


def test_no_scheduler_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(prediction_cluster, "TIMEOUT", 0.5)
    for address in ("tcp://127.0.0.1:1", "nowhere", str(tmp_path / "scheduler.json")):
        connection = prediction_cluster.connected(address)
        with pytest.raises(ConfigError, match="no Dask scheduler answers"):
            connection.__enter__()
