"""Run the examples of the documentation, see `pages`."""

import os
import sys
from pathlib import Path

import click
import numpy as np
import pytest

# Tests are imported by path, without packages: their helpers too.
sys.path.insert(0, str(Path(__file__).parent))
from inputs import INPUTS, names
from pages import PAGES, check_command, check_shapes, commands, find_blocks, run_command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples(page, tmp_path, monkeypatch, few_trees):
    blocks = [block for block in find_blocks(page) if block.language in ("python", "shell")]
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # processes take longer to start than to work
    if any(not block.reason for block in blocks):
        for make in INPUTS.get(page.name, ()):
            make(tmp_path)
    monkeypatch.chdir(tmp_path)
    shared = names(page.name, tmp_path) if any(b.language == "python" for b in blocks) else {}
    written = {path.name for path in tmp_path.iterdir()}
    for block in blocks:
        try:
            run(block, shared, written)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"{block}: {type(error).__name__}: {error}") from error


def run(block, shared, written):
    if block.language == "python":
        # Lines of errors are those of the page.
        code = compile("\n" * (block.line - 1) + block.code, str(block.page), "exec")
        if not block.reason:
            exec(code, shared)
            check_shapes(block.code, shared)
        return
    for words in commands(block.code):
        if block.reason:
            check_command(words)
        else:
            run_command(words, written)


@pytest.mark.parametrize(
    "code",
    [
        "dispr predict cells -o out --pixels 0.1",
        "dispr predikt cells -o out",
        "dispr predict cells -o out --ensemble many",
        "srun torchrun --nproc-per-node 4 -m dispr train data -o run --gpus 4",
        "make dinner",
        'pip install ".[everything]"',
        "python benchmarks/no_such.py",
        "python benchmarks/bench.py --no-such-option",
        "python scripts/segmentation_train.py --num_chanels 32",
        "FLAGS=--no_such\npython scripts/segmentation_train.py $FLAGS",
        "dispel predictions",
    ],
)
def test_wrong_commands_are_found(code):
    with pytest.raises((click.ClickException, AssertionError, OSError)):
        for words in commands(code):
            check_command(words)


def test_stated_shapes_are_compared():
    a = {"a": np.zeros((2, 3), bool)}
    assert (
        check_shapes("a  # (2, 3) bool\na.T  # (X, 2)\na, a[0]  # (2, X) and (3,)\nb = 1", a) == 4
    )
    for wrong in ("a  # (3, 2)", "a  # (2, 3, 1)", "a  # (2, 3) uint8", "a, a[0]  # (Y, X)"):
        with pytest.raises(AssertionError, match="a"):
            check_shapes(wrong, a)


def test_wrong_examples_fail(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("One\n\n```python\nx = 1\n1 / 0\n```\n\n<!-- not run: no -->\n```\nls\n```\n")
    first, second = find_blocks(page)
    assert (first.line, first.language, first.reason) == (4, "python", "")
    assert (second.line, second.language, second.reason) == (10, "shell", "no")
    with pytest.raises(ZeroDivisionError) as error:
        run(first, {}, set())
    assert error.traceback[-1].lineno + 1 == 5  # as in the page
