"""The tested versions are one for each package and Python, and within the ranges of the package."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}

tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads pyproject.toml")
requirements = pytest.importorskip("packaging.requirements")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [requirements.Requirement(line) for line in LINES if not line.startswith("#")]


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def applies(requirement, python, system):
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": system,
        "platform_system": SYSTEMS[system],
        "extra": "",
    }
    return requirement.marker is None or requirement.marker.evaluate(environment)


def pins(python, system):
    """Give the one version of each package that is pinned for a Python and a system."""
    found = [pin for pin in PINS if applies(pin, python, system)]
    names = [plain(pin.name) for pin in found]
    assert len(names) == len(set(names)), (python, system)
    versions = {}
    for pin in found:
        (part,) = pin.specifier
        assert part.operator == "==", pin
        versions[plain(pin.name)] = part.version
    return versions


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_pins_are_within_the_ranges(python, system):
    tested = pins(python, system)
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    compared = 0
    for line in (line for group in lists for line in group):
        requirement = requirements.Requirement(line)
        version = tested.get(plain(requirement.name))
        if version and applies(requirement, python, system):
            assert requirement.specifier.contains(version, prereleases=True), (line, version)
            compared += 1
    assert compared > 30


def test_no_pin_is_for_no_python():
    for pin in PINS:
        assert any(applies(pin, python, "linux") for python in PYTHONS), pin


def test_releases_that_need_a_later_python_are_not_pinned_for_3_10():
    """These say `Requires-Python: >=3.11`."""
    tested = pins("3.10", "linux")
    newer = {"filelock": "4.3.1", "hypothesis": "6.170.17", "import-linter": "2.17"}
    newer |= {"pyarrow": "26.0.1", "numpy": "2.4.6"}
    for name, version in newer.items():
        assert tuple(map(int, tested[name].split("."))) < tuple(map(int, version.split(".")))
