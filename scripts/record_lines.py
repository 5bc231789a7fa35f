"""A plugin of pytest: which lines of the package each test runs, and how long it takes.

Loaded by `scripts/mutants.py`, which names the file to write in `RECORD_LINES`. What fixtures run
is set down for all tests of the same folder, since they may share it.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import coverage
import pytest

FIXTURES = "fixtures of "


class Recorder:
    """Tells coverage.py which test is running."""

    def __init__(self) -> None:
        self.cover = coverage.Coverage(data_file=None, source=[str(Path("src/dispr").resolve())])
        self.cover.start()
        self.tests: dict[str, dict[str, Any]] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Any:
        """Begin with the fixtures of a test."""
        folder = Path(item.nodeid.split("::")[0]).parent.as_posix()
        self.cover.switch_context(FIXTURES + folder)
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Any:
        """Go on with the test itself."""
        self.cover.switch_context(item.nodeid)
        began = time.perf_counter()
        outcome = yield
        self.tests[item.nodeid] = {
            "seconds": round(time.perf_counter() - began, 3),
            "passed": outcome.excinfo is None,
            "lines": defaultdict(list),
        }

    def pytest_sessionfinish(self) -> None:
        """Write what was recorded."""
        self.cover.stop()
        data = self.cover.get_data()
        fixtures: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for file in data.measured_files():
            path = Path(file).resolve().relative_to(Path.cwd()).as_posix()
            for line, contexts in sorted(data.contexts_by_lineno(file).items()):
                for name in contexts:
                    if name in self.tests:
                        self.tests[name]["lines"][path].append(line)
                    elif name.startswith(FIXTURES):
                        fixtures[name.removeprefix(FIXTURES)][path].append(line)
        text = json.dumps({"tests": self.tests, "fixtures": fixtures})
        Path(os.environ["RECORD_LINES"]).write_text(text, encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Take part in the run."""
    config.pluginmanager.register(Recorder())
