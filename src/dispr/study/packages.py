"""What is imported of the extra "study", refused in one sentence where it is missing."""

from __future__ import annotations

from importlib.util import find_spec

from dispr.errors import DisprError

PACKAGES = {
    "matplotlib": "matplotlib",
    "sklearn": "scikit-learn",
    "markdown_it": "markdown-it-py",
}
"""Modules, and what is installed for them."""


def need(*modules: str) -> None:
    """Raise DisprError if one of these modules of `PACKAGES` is not installed."""
    for module in modules:
        if find_spec(module) is None:
            raise DisprError(
                f'{PACKAGES[module]} is required but not installed: pip install "dispr[study]".'
            )
