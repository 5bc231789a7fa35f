"""The tool that tests the tests: what it changes, what it leaves alone, which tests it chooses."""

import ast
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
SOURCE = '''"""Module: 1 + 1."""
import math

LIMIT = 3


def f(a: int, b: int = 2, *, up: bool = True) -> float:
    """Say 5 < 6."""
    if not a < LIMIT:
        raise ValueError(f"{a + 1} is too large")
    values = [x for x in (a, b) if x > 0]
    values.sort(reverse=up)
    return max(values) - math.floor(b / 2)
'''


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import mutants

    yield mutants
    for name in ("mutants", "mutations", "mutants_by_hand"):
        sys.modules.pop(name, None)


def changed(tool, source=SOURCE):
    """Give the changed lines of all mutants."""
    found = []
    for mutant in tool.mutants_of("m.py", source.encode()):
        text = mutant.apply(source.encode()).decode()
        ast.parse(text)
        before, after = source.splitlines(), text.splitlines()
        (line,) = [b for a, b in zip(before, after, strict=True) if a != b]
        found.append(line.strip())
    return found


def test_what_is_changed(tool):
    found = changed(tool)
    for line in (
        "LIMIT = 4",
        "LIMIT = 2",
        "def f(a: int, b: int = 3, *, up: bool = True) -> float:",
        "def f(a: int, b: int = 2, *, up: bool = False) -> float:",
        "if (a < LIMIT):",
        "if not a <= LIMIT:",
        "if False:",
        "pass",
        "values = [x for x in (b, a) if x > 0]",
        "values = [x for x in (a, b) if x >= 0]",
        "values = [x for x in (a, b) if True]",
        "values.sort()",
        "return min(values) - math.floor(b / 2)",
        "return max(values) + math.floor(b / 2)",
        "return max(values) - math.ceil(b / 2)",
        "return max(values) - math.floor(b * 2)",
    ):
        assert line in found, line
    assert len(found) == len(set(found)) + found.count("pass") - 1


def test_words_and_hints_are_left_alone(tool):
    found = " ".join(changed(tool))
    assert "1 - 1" not in found
    assert "5 <= 6" not in found
    assert "a - 1" not in found


def test_all_mutants_of_the_source_are_python(tool):
    path = SCRIPTS.parent / "src" / "dispr" / "cells" / "square.py"
    source = path.read_bytes()
    found = tool.mutants_of("src/dispr/cells/square.py", source)
    assert len(found) > 50
    for mutant in found:
        ast.parse(mutant.apply(source))
    assert found[0].diff(source).startswith("--- src/dispr/cells/square.py")


def test_tests_are_those_that_run_the_line_nearest_first(tool):
    def test(seconds, *lines, path="src/dispr/cells/read.py"):
        return {"seconds": seconds, "passed": True, "lines": {path: list(lines)}}

    known = {
        "tests": {
            "tests/labelled/field/test_a.py::far": test(1, 5),
            "tests/cells/test_b.py::room": test(2, 5, 6),
            "tests/cells/test_read.py::slow": test(3, 5),
            "tests/cells/test_read.py::quick": test(1, 6),
            "tests/cells/test_read.py::other": test(1, 9),
        },
        "fixtures": {"tests/labelled/field": {"src/dispr/cells/read.py": [20]}},
    }

    def chosen(line, last, budget=100):
        mutant = tool.Mutant("src/dispr/cells/read.py", line, last, 0, 0, "")
        return [name.split("::")[1] for name in tool.choose_tests(mutant, known, budget)]

    assert chosen(5, 6) == ["quick", "slow", "room", "far"]
    assert chosen(5, 5) == ["slow", "room", "far"]
    assert chosen(5, 6, budget=4) == ["quick", "slow"]
    assert chosen(20, 21) == ["far"]
    assert chosen(50, 50) == ["quick", "other", "slow", "room", "far"]
    imported = tool.Mutant("src/dispr/cells/read.py", 5, 5, 0, 0, "", imported=True)
    assert len(tool.choose_tests(imported, known, 100)) == 5


def test_what_an_import_runs_is_told_from_what_a_call_runs(tool):
    found = tool.mutants_of("m.py", SOURCE.encode())
    assert {m.line for m in found if m.imported} == {4, 7}  # the constant and the defaults


def test_a_mutant_is_noticed_or_survives(tool, tmp_path):
    """In processes of their own; the file is as before."""
    tree = tmp_path / "dispr"
    (tree / "src").mkdir(parents=True)
    (tree / "src" / "thing.py").write_text("def double(x):\n    return x * 2  # or x + 2\n")
    (tree / "test_thing.py").write_text(
        "from thing import double\n\n\ndef test_double():\n    assert double(2) == 4\n"
    )
    kinds = tool.multiprocessing.get_all_start_methods()
    context = tool.multiprocessing.get_context("fork" if "fork" in kinds else "spawn")
    source = (tree / "src" / "thing.py").read_bytes()
    at = source.index(b"*")
    for sign, noticed in (("-", True), ("+", False)):
        mutant = tool.Mutant("src/thing.py", 2, 2, at, at + 1, sign)
        assert tool.attempt(mutant, tree, ["test_thing.py"], context)[1] is noticed
        assert (tree / "src" / "thing.py").read_bytes() == source


def test_mutants_by_hand_are_of_what_stands_in_the_package(tool):
    for path, old, new in tool.BY_HAND:
        text = (SCRIPTS.parent / "src" / "dispr" / path).read_text(encoding="utf-8")
        assert old in text, (path, old)
        assert old != new
