"""What is published with a version says the same everywhere."""

import json
import re
from pathlib import Path

import pytest

from dispr._version import __version__

ROOT = Path(__file__).parents[1]

tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads pyproject.toml")
yaml = pytest.importorskip("yaml")


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_version():
    citation = text_of("CITATION.cff")
    assert re.search(r"^version: (\S+)$", citation, re.M).group(1) == __version__
    assert json.loads(text_of(".zenodo.json"))["version"] == __version__
    heading = re.search(r"^## (\S+) - (\S+)$", text_of("CHANGELOG.md"), re.M)
    released = re.search(r"^date-released: (\S+)$", citation, re.M).group(1)
    assert heading.groups() == (__version__, released)


def test_references():
    """The works that the archive relates to are those that users are asked to cite."""
    related = json.loads(text_of(".zenodo.json"))["related_identifiers"]
    citation = text_of("CITATION.cff")
    assert related
    for entry in related:
        assert entry["identifier"] in citation


def test_container():
    """It copies what exists and is let through, installs the tested versions, and is not root."""
    lines = text_of("Dockerfile").splitlines()
    ignored, *admitted = text_of(".dockerignore").split()
    assert ignored == "*"
    copied = [
        name
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    ]
    assert "src" in copied
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in admitted
    assert any("-c constraints.txt" in line for line in lines)
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["1000"]


def test_conda_recipe():
    """It states the version and the dependencies of the package."""
    recipe = yaml.safe_load(text_of("packaging/recipe.yaml"))
    assert recipe["context"]["version"] == __version__
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    wanted = {re.sub(r"^torch\b", "pytorch", line) for line in project["dependencies"]}
    python, *others = (line.replace(" ", "") for line in recipe["requirements"]["run"])
    assert python == f"python{project['requires-python']}"
    assert set(others) == wanted
    scripts = {f"{name} = {target}" for name, target in project["scripts"].items()}
    assert set(recipe["build"]["python"]["entry_points"]) == scripts


def test_pages_hold_one_version():
    """No page holds what git writes where two versions of it disagree."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(pages) > 20
    for page in pages:
        marks = re.findall(r"^(?:<{7} .*|={7}|>{7} .*)$", page.read_text(encoding="utf-8"), re.M)
        assert not marks, page


def test_readme_lists_every_command_once():
    from dispr.cli.main import COMMANDS

    rows = re.findall(r"^\| (`dispr .*?) \|", text_of("README.md"), re.M)
    named = [word for row in rows for word in re.findall(r"`(?:dispr )?(\w+)[^`]*`", row)]
    assert set(named) == set(COMMANDS)
    assert {name for name in named if named.count(name) > 1} <= {"data"}


def test_each_extra_is_described_once():
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
    rows = re.findall(
        r"^\| `(\w+)` \| (.+) \| ([\d,]+) \| (.+) \|$", text_of("docs/installation.md"), re.M
    )
    assert sorted(name for name, *_ in rows) == sorted(extras)
    for name, _, _, versions in rows:
        needed = [line for line in extras[name] if "python_version >= '3.11'" not in line]
        if not needed:
            assert versions.startswith("3.11"), name
        elif len(needed) == len(extras[name]):
            assert versions == "3.10 to 3.13", name
