"""`dispr export`: results in the formats of other programs."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.say import result


@click.group()
def command() -> None:
    """Describe or write results in standard formats."""


@command.command("ro-crate")
@click.argument("predictions", type=click.Path(path_type=Path))
def ro_crate(predictions: Path) -> None:
    """Write PREDICTIONS/ro-crate-metadata.json, a Process Run Crate.

    It describes the run for archives and workflow systems: software and version, weights, inputs,
    settings, command and date, and the results with checksums.
    """
    from dispr.prediction.crate import write_crate

    path = write_crate(predictions)
    result(f"Process Run Crate: {path}", crate=path)
