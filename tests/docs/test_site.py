"""The site builds without a warning, and holds every command and every page."""

import re
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
pytest.importorskip("myst_nb")
pytest.importorskip("furo")

DOCS = Path(__file__).parents[2] / "docs"
EXPORTS = ("ro-crate", "anndata", "rois", "croissant", "onnx", "bioimageio")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    from sphinx.cmd.build import main

    out = tmp_path_factory.mktemp("site")
    # Every warning is an error: broken links, pages that no list names. test_notebooks runs these.
    options = ["-q", "-W", "--keep-going", "-D", "nb_execution_mode=off", "-d", str(out / "trees")]
    assert main([*options, str(DOCS), str(out / "html")]) == 0
    return out / "html"


def test_every_command_and_option_is_described(site):
    from dispr.cli.main import COMMANDS

    page = (site / "commands.html").read_text(encoding="utf-8")
    groups = {
        "data": ["data-check", "data-fetch"],
        "export": [f"export-{name}" for name in EXPORTS],
    }
    for command in [sub for name in COMMANDS for sub in groups.get(name, [name])]:
        assert f'id="dispr-{command}"' in page
    for option in ("--pixel-size", "--network-channels", "--test-fraction"):
        assert option in page


def test_every_public_name_is_described(site):
    import dispr

    page = (site / "api.html").read_text(encoding="utf-8")
    for name in dispr.__all__:
        assert name == "__version__" or f'id="dispr.{name}"' in page, name


def test_pages_load_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="https?://[^"]+"', text), page
