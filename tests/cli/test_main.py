"""The command line as a whole: help, errors, interruption."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from dispr.cli.main import COMMANDS

HEAVY = {
    *("anndata", "accelerate", "bioio", "dask", "distributed", "matplotlib", "napari", "numpy"),
    *("onnx", "onnxruntime", "pandas", "PIL", "pyarrow", "safetensors", "scipy", "skimage"),
    *("sklearn", "tensorboard", "tifffile", "torch", "trimesh", "zarr"),
}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["predict", "--help"], None])
def test_start_needs_no_heavy_imports(arguments):
    """So `dispr --help` takes a tenth of a second of a core, and `import dispr` less."""
    code = "import sys, dispr\n"
    if arguments is not None:
        code += (
            f"sys.argv = ['dispr', *{arguments}]\n"
            "from dispr.cli.main import main\n"
            "try: main()\n"
            "except SystemExit: pass\n"
        )
    code += "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    imported = set(result.stderr.split())
    assert "dispr" in imported
    assert not HEAVY & imported
    if arguments == ["--help"]:
        assert all(name in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name, dispr):
    result = dispr(name, "--help")
    assert result.returncode == 0, result.stderr
    assert "Usage: dispr" in result.stdout


@pytest.mark.skipif(os.name != "posix", reason="Windows has no fork")
def test_each_command_needs_no_other():
    """Each is imported in a process that no other was imported in; torch, which is slow, is."""
    code = (
        "import os, sys, torch\n"
        "from dispr.cli.main import COMMANDS, main\n"
        "for name in COMMANDS:\n"
        "    if not os.fork():\n"
        "        sys.argv = ['dispr', name, '--help']\n"
        "        try: main()\n"
        "        except SystemExit as end:\n"
        "            sys.stdout.flush()\n"
        "            os._exit(end.code)  # at once: taking torch apart takes a second\n"
        "    if os.wait()[1]: sys.exit(name)"
    )
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert re.findall("^Usage: dispr ([a-z]+)", result.stdout, re.M) == list(COMMANDS)


def test_version():
    from dispr import __version__

    command = [sys.executable, "-m", "dispr", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == f"dispr, version {__version__}"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["predict", "nowhere", "-o", "out"], "nowhere does not exist"),
        (["predict", "."], "Missing option"),
        (["predicted"], "No such command"),
        (["train", "nowhere", "-o", "out"], "nowhere does not exist"),
        (["train", ".", "-o", "out", "--preset", "slow"], "'slow' is not one of"),
        (["train", ".", "-o", "out", "--lr", "fast"], "Invalid value for '--lr'"),
        (["train", ".", "-o", "out", "--lr", "-1"], "lr must be positive"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, arguments, sentence, dispr):
    result = dispr(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal to send")
def test_interrupted_training_is_taken_up(cells_folder, tmp_path):
    run = tmp_path / "run"
    arguments = [sys.executable, "-m", "dispr", "train", cells_folder, "-o", run]
    arguments += ["--preset", "regression", "--network-patch", "8", "--network-channel-mult", "1,1"]
    arguments += ["--network-attention-levels", "", "--batch-size", "1", "--save-interval", "10000"]
    arguments += ["--validation-interval", "0", "--lr-anneal-steps", "0", "--device", "cpu"]
    command = [*map(str, arguments), "--steps", "100000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 90
        while not (run / "train_log.csv").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "re-run the same command to resume" in errors
    assert "Traceback" not in errors
    assert {p.name for p in run.iterdir()} == {
        "checkpoint.pt",
        "dispr_checksums.txt",
        "train_log.csv",
        "weights.safetensors",
    }


@pytest.mark.parametrize(
    ("given", "policy"),
    [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE"), ({"GOMP_SPINCOUNT": "9"}, None)],
)
def test_waiting_threads_sleep_unless_the_user_says_otherwise(given, policy):
    """The variable is there before torch is, which reads it when it is imported."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {k: v for k, v in os.environ.items() if k not in names} | given
    code = (
        "import sys, os, dispr.cli.main\n"
        "assert 'torch' not in sys.modules\n"
        "print(os.environ.get('OMP_WAIT_POLICY'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(policy)


@pytest.mark.skipif(os.name == "nt", reason="signals between processes")
@pytest.mark.parametrize("early", ["_interrupt", "_leave"])
def test_a_third_ctrl_c_leaves_no_traceback(early):
    """One ends the command, one comes as handlers are set, and one as Python itself ends."""
    code = f"""
import atexit, os, signal, sys
import click
from dispr.cli import main

def again():
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass

handlers, comes = main._on_signals, [True]

def set_handlers(handler):
    if handler is main.{early} and comes:
        comes.clear()
        raise KeyboardInterrupt
    handlers(handler)

main._on_signals = set_handlers
atexit.register(again)

@click.command()
def command():
    raise KeyboardInterrupt

main.run(command)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (130, "Stopped; finished files are kept.")
