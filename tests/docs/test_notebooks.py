"""Run the notebooks from their first cell to their last, shortened as `SHORTER` says."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))

SHORTER = {
    "predict_your_cells": {
        "simulate_field(4,": "simulate_field(2,",
        "model=model, pixel_size=PIXEL": "model=model, pixel_size=PIXEL, ensemble=1, steps=2",
    },
    "train_on_your_stacks": {
        "simulate_field(8, seed, (260, 260)": "simulate_field(3, seed, (200, 200)",
        "--steps 18 --batch-size 3": "--steps 2 --batch-size 1",
        "--ensemble 2": "--ensemble 1 --sampling-steps 2",
    },
}
"""What makes the cells of a notebook take less time: words, each of which stands there once."""

HERE = """
import contextlib, io, os, subprocess, sys
from pathlib import Path
from dispr.cli.main import main

def run_here(command, cwd, capture_output, text):
    assert command[:3] == [sys.executable, "-m", "dispr"]
    out, err, sys.argv = io.StringIO(), io.StringIO(), command[2:]
    back = Path.cwd()
    os.chdir(cwd)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            return subprocess.CompletedProcess(command, end.code, out.getvalue(), err.getvalue())
        finally:
            os.chdir(back)

subprocess.run = run_here
"""
"""Runs the commands of a notebook in its own process: another takes seconds to import torch."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code), "clear the outputs"
    for long, short in SHORTER.get(path.stem, {}).items():
        assert sum(cell.source.count(long) for cell in code) == 1, long
        for cell in code:
            cell.source = cell.source.replace(long, short)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(HERE))
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell.outputs)
