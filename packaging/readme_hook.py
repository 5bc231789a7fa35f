"""Make the description of the package of README.md, with absolute links.

On the page of a package index, a relative link leads nowhere and a relative picture is not shown.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE = re.compile(r"(!?)\[([^\]]*)\]\((?!#|[a-z]+:)([^)\s]+)\)")
"""A picture or a link in Markdown whose target is a file of the repository; its text may wrap."""


def absolute(text: str, repository: str, version: str) -> str:
    """Give a page with absolute links and pictures.

    Parameters
    ----------
    text : str
        Markdown, with links relative to the root of the repository.
    repository : str
        Address of the repository on GitHub: files are below `blob`, pictures below `raw`.
    version : str
        The version, whose tag is `v` and the version.
    """

    def link(found: re.Match[str]) -> str:
        kind = "raw" if found[1] else "blob"
        return f"{found[1]}[{found[2]}]({repository}/{kind}/v{version}/{found[3]})"

    return RELATIVE.sub(link, text)


class ReadmeHook(MetadataHookInterface):
    """Adds the description to the metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Read README.md, and the address and version that its links lead to."""
        root = Path(self.root)
        source = (root / "src" / "dispr" / "_version.py").read_text(encoding="utf-8")
        found = re.search(r'__version__ = "([^"]+)"', source)
        if found is None:
            raise ValueError("src/dispr/_version.py states no version")
        page = (root / "README.md").read_text(encoding="utf-8")
        text = absolute(page, metadata["urls"]["Repository"], found[1])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
