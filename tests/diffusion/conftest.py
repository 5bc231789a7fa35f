"""The plain statement of the diffusion and seeded inputs, for the tests of this folder."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def plain():
    """The functions of plain_diffusion.py."""
    return SimpleNamespace(**runpy.run_path(str(HERE / "plain_diffusion.py")))


@pytest.fixture(scope="session")
def seeded():
    """The functions of seeded.py."""
    return SimpleNamespace(**runpy.run_path(str(HERE.parent / "seeded.py")))
