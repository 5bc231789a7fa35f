"""The answer as one page of HTML that needs no other file."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from dispr.comparison.words import bare_p, number
from dispr.morphology.labels import label_of
from dispr.report.page import static_page

STYLE = """
.answer { font-size: 1.15rem; }
.violins svg { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th { color: var(--muted); font-weight: 600; font-size: .85rem; vertical-align: bottom; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
tr.shown td:first-child { font-weight: 650; }
"""

CLAIMS = {
    "larger": "larger in {b}",
    "smaller": "smaller in {b}",
    "not after adjustment": "not after adjustment",
    "no difference shown": "no difference shown",
    "no claim": "no claim",
}


def comparison_page(
    rows: Sequence[Mapping[str, Any]],
    sentence: str,
    warnings: Sequence[str],
    picture: str,
    labels: Sequence[str],
) -> str:
    """Make the page of a comparison.

    Parameters
    ----------
    rows : sequence of mapping
        The table (`dispr.comparison.measures.row`).
    sentence : str
        The result as a paragraph.
    warnings : sequence of str
        What to beware of.
    picture : str
        The violins, as SVG.
    labels : (str, str)
        The conditions.
    """
    a, b = (html.escape(label) for label in labels)
    notices = "".join(f"<li>{html.escape(text)}</li>" for text in warnings)
    beware = (
        f'<section class="panel"><h2>What to beware of</h2><ul>{notices}</ul></section>'
        if warnings
        else ""
    )
    assumptions = dict.fromkeys(f"{row['method']}: {row['assumption']}" for row in rows)
    listed = "".join(f"<li>{html.escape(text)}</li>" for text in assumptions)
    main = f"""<main id="main" tabindex="-1">
<section class="panel"><h2>The answer</h2><p class="answer">{_short_answer(rows, b)}</p></section>
{beware}
<section class="panel"><h2>Differences</h2><div class="scroll" tabindex="0">
{_table(rows, a, b)}</div>
<p class="small muted">Differences are {b} minus {a}, with their confidence interval. p (Holm):
adjusted for the number of measures. Hedges' g: the difference in standard deviations of single
cells. Superiority: the probability that a cell of {b} has a larger value than one of {a}; 0.5 if
there is no difference. KS: the largest distance between the distributions of predicted values.</p>
</section>
<section class="panel violins"><h2>Distributions</h2>
{picture}<p class="small muted">Violins: predicted values of single cells, which vary less than
true ones; the bar holds half of the cells, with the median. Circles: means of donors or fields.
Crosses: true values of cells of known shape. Diamond and line: estimated true mean with its
confidence interval.</p></section>
<section class="panel"><h2>For a paper</h2><p>{html.escape(sentence)}</p></section>
<section class="panel"><h2>Methods and assumptions</h2><ul>{listed}</ul></section>
</main>"""
    heading = f"{a} and {b}"
    return static_page(f"{heading} compared", heading, STYLE, main)


def _short_answer(rows: Sequence[Mapping[str, Any]], b: str) -> str:
    """Say in one sentence what differs."""
    parts = []
    for claim in ("larger", "smaller"):
        names = [
            html.escape(label_of(row["measure"], inside=True))
            for row in rows
            if row["claim"] == claim
        ]
        if names:
            parts.append(f"{claim}: {', '.join(names)}")
    if parts:
        return f"The true means differ. In {b} are {'; '.join(parts)}."
    if any(row["claim"] != "no claim" for row in rows):
        return "No difference is shown."
    return "The data do not allow a claim about the true shapes."


def _table(rows: Sequence[Mapping[str, Any]], a: str, b: str) -> str:
    heads = [
        *("measure", "result", f"mean of {a}", f"mean of {b}", "difference", "interval", "p"),
        *("p (Holm)", "Hedges' g", "superiority", "KS"),
    ]
    lines = ["<table><thead><tr>", *(f"<th>{head}</th>" for head in heads), "</tr></thead><tbody>"]
    for row in rows:
        unit = f" ({html.escape(row['unit'])})" if row["unit"] else ""
        cells = [
            f"{_name(row)}{unit}",
            CLAIMS[row["claim"]].format(b=b),
            *(_number(row[key]) for key in ("mean_a", "mean_b", "difference")),
            _between(row, "difference"),
            *(_p(row[key]) for key in ("p", "p_holm")),
            *(_with_interval(row, key) for key in ("hedges_g", "superiority")),
            _number(row["ks_predicted"]),
        ]
        shown = ' class="shown"' if row["claim"] in ("larger", "smaller") else ""
        lines.append(f"<tr{shown}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return "\n".join([*lines, "</tbody></table>"])


def _name(row: Mapping[str, Any]) -> str:
    return html.escape(label_of(row["measure"]))


def _number(value: Any) -> str:
    return "–" if value == "" else number(float(value))


def _between(row: Mapping[str, Any], key: str) -> str:
    low, high = row[f"{key}_low"], row[f"{key}_high"]
    return "–" if "" in (low, high) else f"{number(float(low))} to {number(float(high))}"


def _with_interval(row: Mapping[str, Any], key: str) -> str:
    if row[key] == "":
        return "–"
    between = _between(row, key)
    return f"{float(row[key]):.2f}" + ("" if between == "–" else f" ({between})")


def _p(value: Any) -> str:
    return "–" if value == "" else html.escape(bare_p(float(value)))
