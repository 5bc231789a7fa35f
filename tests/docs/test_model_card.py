"""The head of the model card is what model hubs read, and says what its tables say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

yaml = pytest.importorskip("yaml")

_, HEAD, PAGE = (ROOT / "docs" / "model-card.md").read_text(encoding="utf-8").split("---\n", 2)
CARD = yaml.safe_load(HEAD)


def row(name):
    """Give the cells of a row of a table of the page, by the names of its columns."""
    (found,) = [
        (header, cells)
        for header, rows in re.findall(r"^(\| .+\|)\n\|[ -|]+\|\n((?:\| .+\|\n)+)", PAGE, re.M)
        for cells in rows.splitlines()
        if cells.startswith(f"| {name} |")
    ]
    header, cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in found)
    return dict(zip(header, cells, strict=True))


def number(text):
    return float(text.removesuffix(" %")) / (100 if text.endswith(" %") else 1)


def test_figures_are_those_of_the_tables():
    (model,) = CARD["model-index"]
    assert model["name"] == "fast"
    real, simulated = model["results"]
    for result, name, least in ((real, "all", 4), (simulated, "`fast`, consensus of 5", 5)):
        cells = row(name)
        stated = {metric["name"]: metric["value"] for metric in result["metrics"]}
        assert len(stated) == least
        assert stated == {name: pytest.approx(number(cells[name])) for name in stated}
    assert f"{row('all')['cells']} test cells" in real["dataset"]["name"]
    count, seed = re.search(r"-n (\d+) --seed (\d+)", PAGE).groups()
    assert f"{count} cells of seed {seed}" in simulated["dataset"]["name"]


def test_licence_and_data_are_those_of_the_package():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    licence = re.search(r"^license: (\S+)$", citation, re.M).group(1)
    assert CARD["license"] == licence.lower()
    assert CARD["library_name"] == "dispr"
    for name in CARD["datasets"]:
        assert f"doi: {name}" in citation
        assert name in PAGE
    assert CARD["model-index"][0]["results"][0]["dataset"]["type"] in CARD["datasets"]


def test_a_hub_reads_it():
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard.load(ROOT / "docs" / "model-card.md")
    values = [result.metric_value for result in card.data.eval_results]
    assert len(values) == 9
    assert values[0] == 0.762
    assert card.data.license == "apache-2.0"
    assert card.text.strip() == PAGE.strip()
