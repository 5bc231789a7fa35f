"""Fixtures shared by all tests."""

import contextlib
import functools
import io
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

# One thread a process, as tests run in as many processes as cores; libraries read it once.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

from dispr.cli.main import main
from dispr.files import write_tiff
from dispr.progress import Progress


class Told(Progress):
    """Remembers what it is told of long work, and stops it beyond a number of cells."""

    def __init__(self, stop_beyond: float = float("inf")) -> None:
        self.stop_beyond = stop_beyond
        self.lines: list[tuple[str, float, float]] = []
        self.notes: list[str] = []
        self.remarks: list[str] = []

    def show(self, line: str, done: float, total: float) -> None:
        self.lines.append((line, done, total))
        if done > self.stop_beyond:
            raise KeyboardInterrupt

    def note(self, text: str) -> None:
        self.notes.append(text)

    def remark(self, text: str) -> None:
        self.remarks.append(text)

    def done(self) -> list[float]:
        """Give how much was done each time that something was."""
        return [done for _, done, _ in self.lines if done]


@pytest.fixture(scope="session")
def told() -> type[Told]:
    """What remembers what it is told."""
    return Told


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each process tests that stand together: what a module makes is then made once."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.option.dist == "load" else None


@dataclass(frozen=True)
class Ended:
    """How a command ended, under the names of `subprocess`."""

    returncode: int
    stdout: str
    stderr: str


def run_dispr(*arguments: object, cwd: Path | None = None) -> Ended:
    """Run `dispr` up to its exit, in this process: a new one takes seconds to import torch."""
    out, err = io.StringIO(), io.StringIO()
    handlers = {kind: signal.getsignal(kind) for kind in (signal.SIGTERM, signal.SIGINT)}
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["dispr", *map(str, arguments)])
        if cwd is not None:
            patch.chdir(cwd)
        try:
            main()
        except SystemExit as end:
            code = end.code
        finally:
            for kind, handler in handlers.items():
                signal.signal(kind, handler)
    return Ended(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def dispr():
    """Give what runs the command line in this process."""
    return run_dispr


@pytest.fixture(scope="module")
def few_trees():
    """Random forests of few trees, where a test does not say how many."""
    classifier = pytest.importorskip("dispr.study.classifier")
    few = functools.partial(classifier.Recipe, trees=20, select_trees=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "Recipe", few)
        yield


SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def real_cells() -> Path:
    """Real red blood cells, where they are at hand."""
    folder = SHARED / "data" / "red_blood_cells"
    if not folder.is_dir():
        pytest.skip("needs the real cells in ../shared/data")
    return folder


@pytest.fixture(scope="session")
def reference() -> Path:
    """Numbers of the published program, where they are at hand."""
    folder = Path(__file__).parents[2] / "shared" / "reference"
    if not folder.is_dir():
        pytest.skip("needs the parity fixtures in ../shared/reference")
    return folder


def write_cells(root: Path, count: int, split: str = "train", first: int = 0) -> None:
    """Write ellipsoids as discocytes, none a neighbour, with a grey border and a noisy image."""
    rng = np.random.default_rng(count)
    z, y, x = np.mgrid[:64, :64, :64] - 32.0
    for i in range(count):
        a, b, c = rng.uniform(8, 20, 3)
        distance = 1 - np.sqrt((z / a) ** 2 + (y / b) ** 2 + (x / c) ** 2)
        obj = (np.clip(distance * min(a, b, c) + 0.5, 0, 1) * 255).astype(np.uint8)
        image = np.clip(obj[32] * 0.5 + rng.uniform(0, 60, (64, 64)), 0, 255).astype(np.uint8)
        for kind, array in (("obj", obj), ("image", image), ("mask", obj[32])):
            write_tiff(root / split / kind / f"0.00_discocyte{first + 2 * i:06d}.tif", array)


@pytest.fixture(scope="session")
def cells_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of made-up cells: six to train on, two to test."""
    root = tmp_path_factory.mktemp("cells")
    write_cells(root, 6, "train")
    write_cells(root, 2, "test", first=100)
    return root
