"""The workflows of `workflows/`, on a few cells."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from dispr.cli.main import cli
from dispr.diffusion.config import DiffusionConfig
from dispr.model.config import ModelConfig
from dispr.model.weights import Weights, build_network, save_weights
from dispr.network.config import UNetConfig
from dispr.prediction.files import PredictionFolder

WORKFLOWS = Path(__file__).parents[1] / "workflows"
NETWORK = UNetConfig(channel_mult=(1, 1), attention_levels=(), patch=8, pooling="isotropic")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="workflows are of the shell")


@pytest.fixture
def place(cells_folder, tmp_path, monkeypatch):
    """A folder with `my cells` and weights; `dispr` is a command."""
    shutil.copytree(cells_folder / "train", tmp_path / "my cells")
    config = ModelConfig(NETWORK, DiffusionConfig(steps=50), sampling_steps="2")
    torch.manual_seed(0)
    weights = Weights(config, build_network(config).state_dict())
    save_weights(tmp_path / "tiny.safetensors", weights)
    write_program(
        tmp_path / "dispr", f"#!{sys.executable}\nfrom dispr.cli.main import main\nmain()\n"
    )
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_program(path, text):
    path.write_text(text)
    path.chmod(0o755)


OPTIONS = ["--weights", "tiny.safetensors", "--ensemble", "1"]


def assert_whole(place, out):
    plain = ["predict", "my cells", "-o", "plain", "--no-report", *OPTIONS]
    cli.main(plain, standalone_mode=False)
    one, other = PredictionFolder(place / out), PredictionFolder(place / "plain")
    assert one.names() == other.names()
    assert len(one.names()) == 6
    for name in one.names():
        np.testing.assert_array_equal(one.samples(name), other.samples(name))


def sbatch(script, *arguments, **variables):
    command = ["bash", str(WORKFLOWS / "slurm" / script), *arguments]
    return subprocess.Popen(command, env={**os.environ, **variables})


def test_slurm(place):
    for shard in ("1", "2"):
        job = sbatch(
            "predict.sbatch",
            "my cells",
            "out",
            *OPTIONS,
            SLURM_ARRAY_TASK_ID=shard,
            SLURM_ARRAY_TASK_COUNT="2",
        )
        assert job.wait() == 0
    assert sbatch("gather.sbatch", "my cells", "out").wait() == 0
    assert_whole(place, "out")


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (2, 2), (3, 0)])
def test_slurm_jobs_end_as_the_command(place, code, expected):
    write_program(place / "dispr", f"#!/bin/bash\nexit {code}\n")
    job = {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "2"}
    assert sbatch("predict.sbatch", "my cells", "out", **job).wait() == expected


def test_slurm_jobs_at_their_time_limit_are_put_back(place):
    stops = "trap 'echo stopped >> told; exit 130' TERM\ntouch begun\nsleep 60 & wait $!\n"
    write_program(place / "dispr", f"#!/bin/bash\n{stops}")
    write_program(place / "scontrol", '#!/bin/bash\necho "$@" >> told\n')
    names = {"SLURM_ARRAY_JOB_ID": "17", "SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "2"}
    job = sbatch("predict.sbatch", "my cells", "out", **names)
    end = time.monotonic() + 30
    while not (place / "begun").exists() and time.monotonic() < end:
        time.sleep(0.02)
    job.send_signal(signal.SIGUSR1)
    assert job.wait() == 0
    assert (place / "told").read_text() == "stopped\nrequeue 17_1\n"


def test_snakemake(place):
    if shutil.which("snakemake") is None:
        pytest.skip("needs snakemake")
    options = "options=" + " ".join(OPTIONS)
    config = ["--config", "cells=my cells", "out=out", "shards=4", options]
    snakefile = WORKFLOWS / "snakemake" / "Snakefile"
    subprocess.run(["snakemake", "-s", snakefile, "--cores", "1", *config], check=True)
    assert_whole(place, "out")


@pytest.mark.parametrize("name", ["predict", "gather"])
def test_nextflow_modules_are_described(name):
    folder = WORKFLOWS / "nextflow" / "modules" / "dispr" / name
    yaml = pytest.importorskip("yaml")
    about = yaml.safe_load((folder / "meta.yml").read_text())
    assert about["name"] == f"dispr_{name}"
    script = (folder / "main.nf").read_text()
    assert f"dispr {name} " in script
    for part in about["output"]:
        assert all(f"emit: {key}" in script for key in part)
    for part in about["input"]:
        assert all(f"({key})" in script for key in part)
