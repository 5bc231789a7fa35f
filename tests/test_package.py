"""What is built of this folder: the description, the bill of materials, and the size."""

import hashlib
import importlib.util
import json
import re
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from dispr._version import __version__

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "src" / "dispr" / "weights"

tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads pyproject.toml")
pytest.importorskip("hatchling", reason="it builds the package")
markdown = pytest.importorskip("markdown_it")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
INFO = f"dispr-{__version__}.dist-info"


def hook(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "packaging" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(folder):
    from hatchling.builders.wheel import WheelBuilder

    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(path)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    path = build(tmp_path_factory.mktemp("wheel"))
    with zipfile.ZipFile(path) as archive:
        yield path, archive


@pytest.fixture(scope="module")
def metadata(wheel):
    return message_from_string(wheel[1].read(f"{INFO}/METADATA").decode())


@pytest.fixture(scope="module")
def bill(wheel):
    return json.loads(wheel[1].read(f"{INFO}/sboms/dispr.cdx.json"))


def targets(text):
    """Give the targets of the links and pictures of a page, as Markdown is rendered."""
    tokens = markdown.MarkdownIt().enable("table").parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    links = [t.attrs["href"] for t in inline if t.type == "link_open"]
    return links, [t.attrs["src"] for t in inline if t.type == "image"]


def test_description_has_no_relative_link(metadata):
    assert metadata["Description-Content-Type"] == "text/markdown"
    links, pictures = targets(metadata.get_payload())
    assert len(links) > 30
    assert pictures
    assert [link for link in links + pictures if not link.startswith("https://")] == []
    for kind, found in {"blob": links, "raw": pictures}.items():
        root = f"{PROJECT['urls']['Repository']}/{kind}/v{__version__}/"
        own = [link.removeprefix(root) for link in found if link.startswith(root)]
        assert own
        for name in own:
            assert (ROOT / name.partition("#")[0]).is_file(), name


def test_description_is_the_readme_apart_from_links(metadata):
    """So are code blocks, which may look like links."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    root = re.escape(PROJECT["urls"]["Repository"]) + rf"/(?:raw|blob)/v{re.escape(__version__)}/"
    assert re.sub(root, "", metadata.get_payload()).strip() == page.strip()
    assert "![" in page.split("\n## ")[0]  # the picture is at the top


def test_links_that_lead_elsewhere_stay():
    absolute = hook("readme_hook").absolute
    text = "[a](#b) [c](https://d.e/f) [g](mailto:h@i) [j](k.md#l) ![m](n.png) [o\np](q.md)"
    base = "https://r"
    assert absolute(text, base, "1.2") == (
        "[a](#b) [c](https://d.e/f) [g](mailto:h@i) [j](https://r/blob/v1.2/k.md#l) "
        "![m](https://r/raw/v1.2/n.png) [o\np](https://r/blob/v1.2/q.md)"
    )


def test_bill_lists_the_dependencies(bill):
    names = {re.match(r"[\w-]+", line)[0] for line in PROJECT["dependencies"]}
    libraries = {c["name"]: c for c in bill["components"] if c["type"] == "library"}
    assert set(libraries) == names
    for name, library in libraries.items():
        assert library["purl"] == f"pkg:pypi/{name}"
        assert library["isExternal"]
        least = re.search(rf"^{name}>=([\d.]+)", "\n".join(PROJECT["dependencies"]), re.M)[1]
        assert library["versionRange"].startswith(f"vers:pypi/>={least}")
    assert libraries["torch"]["versionRange"] == "vers:pypi/>=2.4|<2.9.dev0|>=2.10.dev0"
    (entry,) = bill["dependencies"]
    assert (
        entry["ref"] == bill["metadata"]["component"]["bom-ref"] == f"pkg:pypi/dispr@{__version__}"
    )
    assert entry["dependsOn"] == [component["bom-ref"] for component in bill["components"]]


def test_bill_has_the_checksums_of_the_weights_in_the_wheel(bill, wheel):
    stated = {
        component["name"]: component["hashes"]
        for component in bill["components"]
        if component["type"] != "library"
    }
    shipped = [n for n in wheel[1].namelist() if n.startswith("dispr/weights/")]
    assert set(stated) == {name for name in shipped if not name.endswith(".md")}
    for name, hashes in stated.items():
        digest = hashlib.sha256(wheel[1].read(name)).hexdigest()
        assert hashes == [{"alg": "SHA-256", "content": digest}]
    for entry in json.loads((WEIGHTS / "index.json").read_text(encoding="utf-8")).values():
        assert stated[f"dispr/weights/{entry['file']}"][0]["content"] == entry["sha256"]


def test_bill_is_valid(bill):
    validation = pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.schema import SchemaVersion

    validator = validation.JsonStrictValidator(SchemaVersion.V1_7)
    assert validator.validate_str(json.dumps(bill)) is None
    assert validator.validate_str(json.dumps({**bill, "components": [{}]})) is not None


@pytest.mark.parametrize("requirement", ["a>1", "a==1.2", "a!=1.2", "a~=1.2"])
def test_bill_does_not_misstate_other_ranges(requirement):
    module = hook("sbom_hook")
    with pytest.raises(ValueError, match="cannot state a"):
        module.versions(module.Requirement(requirement))


def test_the_same_source_gives_the_same_wheel(wheel, tmp_path):
    again = build(tmp_path)
    assert again.name == wheel[0].name == f"dispr-{__version__}-py3-none-any.whl"
    assert again.read_bytes() == wheel[0].read_bytes()


def test_wheel_is_small(wheel):
    """Most of it is weights; nothing but the package is in it."""
    assert wheel[0].stat().st_size < 19e6
    weights = sum(path.stat().st_size for path in WEIGHTS.iterdir())
    others = sum(info.file_size for info in wheel[1].infolist()) - weights
    assert others < 3e6
    assert {name.split("/")[0] for name in wheel[1].namelist()} == {"dispr", INFO}
