"""The examples in docstrings give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

from dispr.simulation.cell import simulate_cell

SOURCE = Path(__file__).parents[2] / "src"
MODULES = sorted(
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    cell = simulate_cell("0.00_discocyte", 5)
    given = {"image": cell.image, "mask": cell.mask}
    found = doctest.testmod(
        importlib.import_module(name),
        extraglobs=given,
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert found.attempted > 0
    assert found.failed == 0
