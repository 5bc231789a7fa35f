"""Pages of HTML: cells, data, style and scripts in one file each."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

SCRIPTS = (
    "dom.js",
    "data.js",
    "surface.js",
    "colours.js",
    "webgl.js",
    "painter.js",
    "viewer.js",
    "sections.js",
    "charts.js",
    "save.js",
    "gallery.js",
    "cell.js",
    "scores.js",
    "about.js",
    "main.js",
)
"""In the order in which they build on each other."""


QUIET = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
"""Policy of a page that loads nothing from anywhere and runs no script."""


def static_page(title: str, heading: str, style: str, body: str, *, links: str = "") -> str:
    """Make a page without scripts, in the style of the report.

    Parameters
    ----------
    title, heading : str
        Of the window, and at the top; HTML.
    style : str
        CSS that comes after that of the report.
    body : str
        The element `main`, with the identifier "main"; HTML.
    links : str
        Links for the top, each an element `a`.
    """
    navigation = f'<nav aria-label="Parts of the report">{links}</nav>\n' if links else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="{QUIET}"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>{title}</title>
<link rel="icon" href="data:,"/>
<style>
{asset("style.css")}{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<div class="brand"><strong>DISPR</strong> <span>{heading}</span></div>
{navigation}</header>
{body}
</body>
</html>
"""


def page(title: str, report: Mapping[str, Any], cells: Mapping[str, Mapping[str, Any]]) -> str:
    """Make a page.

    The page forbids itself, by its content security policy, to load anything from anywhere and to
    run any other script than its own.

    Parameters
    ----------
    title : str
        Stands over the page.
    report : mapping
        What all pages of a report share (see `dispr.report.write`), as JSON.
    cells : mapping of str to mapping
        The bodies of the cells of this page by name (`CellReport.body`).
    """
    script = '"use strict";\n(() => {\n' + "\n".join(asset(name) for name in SCRIPTS) + "\n})();\n"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    data = [_json("report", report)]
    data += [_json(f"cell:{name}", body) for name, body in cells.items()]
    fields = {
        "title": html.escape(title),
        "policy": (
            f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
            "img-src data: blob:; base-uri 'none'; form-action 'none'"
        ),
        "style": asset("style.css"),
        "data": "\n".join(data),
        "script": script,
    }
    parts = asset("page.html").split("%%")
    # Every second part is the name of a field.
    return "".join(fields[part] if i % 2 else part for i, part in enumerate(parts))


def asset(name: str) -> str:
    """Read a file of the package's `report/assets`."""
    return (files("dispr.report") / "assets" / name).read_text(encoding="utf-8")


def _json(name: str, value: Any) -> str:
    """Give a value as a script element that is not a script.

    "<" would end the element inside a text, so it is written as JSON's escape.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c")
    return f'<script type="application/json" id="{html.escape(name)}">{text}</script>'


def deal(sizes: Sequence[int], most: int) -> list[range]:
    """Deal things in order to pages that hold at most so many bytes, and at least one each."""
    pages: list[range] = []
    start, held = 0, 0
    for i, size in enumerate(sizes):
        if i > start and held + size > most:
            pages.append(range(start, i))
            start, held = i, 0
        held += size
    if start < len(sizes):
        pages.append(range(start, len(sizes)))
    return pages
