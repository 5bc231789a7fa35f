"""The study's report as one HTML file, with its figures inside."""

from __future__ import annotations

import base64
import html
from itertools import pairwise
from pathlib import Path

from dispr.report.page import static_page

STYLE = """
.prose { max-width: 72rem; }
.prose > p:not(:has(img)), .prose > ul { max-width: 46rem; }
.prose h2 { font-size: 1.3rem; margin: 2.5rem 0 .75rem; }
.prose h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.prose img { max-width: 100%; height: auto; background: #fff; border-radius: 8px; padding: .5rem; }
.prose .scroll { margin: .5rem 0 1rem; }
"""


def page_of(markdown: str, folder: Path) -> str:
    """Give a report in Markdown as a page of HTML that needs no other file.

    Parameters
    ----------
    markdown : str
        The report; its first line is the title.
    folder : Path
        Where the pictures are that it names.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    parts: list[tuple[str, str]] = []
    for token, inside in pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            token.attrSet("id", f"part-{len(parts)}")
            parts.append((f"part-{len(parts)}", inside.content))
        for child in token.children or []:
            if child.type == "image":
                picture = (folder / str(child.attrGet("src"))).read_bytes()
                data = base64.b64encode(picture).decode()
                child.attrSet("src", f"data:image/png;base64,{data}")
    body = parser.renderer.render(tokens, parser.options, {})
    body = body.replace("<table>", '<div class="scroll" tabindex="0"><table>')
    body = body.replace("</table>", "</table></div>")
    title = html.escape(markdown.splitlines()[0].lstrip("# "))
    # "Folds by runs: neighbouring cells stay together" is "Folds by runs" in the bar at the top.
    links = [f'<a href="#{at}">{html.escape(name.split(":")[0])}</a>' for at, name in parts]
    main = f'<main id="main" class="prose" tabindex="-1">\n{body}</main>'
    return static_page(title, title, STYLE, main, links="".join(links))
