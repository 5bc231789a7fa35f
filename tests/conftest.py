"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

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
