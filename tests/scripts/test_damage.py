import importlib.util
import random
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[2] / "benchmarks" / "damage.py"


@pytest.fixture(scope="module")
def harness():
    spec = importlib.util.spec_from_file_location("damage", HARNESS)
    module = importlib.util.module_from_spec(spec)
    sys.modules["damage"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["damage"]


@pytest.mark.parametrize("kind", ["truncate", "flip", "swap", "delete", "zero"])
def test_damage_changes_the_content(harness, kind):
    content = b"name,volume\na,1\nb,2\nc,3\n"
    chance = random.Random(0)
    assert any(harness.damage(content, kind, chance) != content for _ in range(5))


def test_what_is_read_back_is_never_different_without_a_word(harness, tmp_path):
    cases = [
        case for case in harness.make(tmp_path) if case.name in ("resumed prediction", "weights")
    ]
    said = []
    counts = harness.trial(cases, 1, 0, said.append)
    assert not said
    assert counts["refused"] >= 2
    assert set(counts) <= {"refused", "no effect"}
