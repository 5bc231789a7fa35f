"""The plain statement of the network and seeded weights, for the tests of this folder."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def plain_unet():
    """The function of plain_unet.py."""
    return runpy.run_path(str(HERE / "plain_unet.py"))["plain_unet"]


@pytest.fixture(scope="session")
def seeded():
    """The functions of seeded.py."""
    return SimpleNamespace(**runpy.run_path(str(HERE.parent / "seeded.py")))
