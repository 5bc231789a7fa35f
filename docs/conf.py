"""How the site is made of this folder: `make docs`.

Nothing is fetched while it is built, and its pages load nothing from elsewhere.
"""

import sys
from pathlib import Path

from sphinx.application import Sphinx

import dispr

sys.path.insert(0, str(Path(__file__).parent))

project = "DISPR"
author = "The DISPR developers"
version = release = dispr.__version__

extensions = [
    "myst_nb",  # Markdown and notebooks
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "list_commands",
]

# What stands in backticks in a docstring is a link where that name is documented, else plain code.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings state them
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]

highlight_language = "sh"  # of blocks that are not marked
myst_heading_anchors = 3

# The notebooks are kept without outputs. They run when the site is built; those that have not
# changed since are taken from a cache beside the site.
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

html_theme = "furo"
html_title = f"DISPR {version}"
html_copy_source = False
html_static_path = ["site.css"]
html_css_files = ["site.css"]


def read(app: Sphinx, page: str, source: list[str]) -> None:
    """Turn links to the README, which lies outside of this folder, into links to its page."""
    source[0] = source[0].replace("](../README.md", "](overview.md")


def setup(app: Sphinx) -> None:
    """Have `read` called for each page."""
    app.connect("source-read", read)
