import numpy as np
import pytest

from dispr.files import write_csv, write_tiff
from dispr.intervals.rules import ANY, Intervals, Rule
from dispr.prediction.files import PredictionFolder
from dispr.records import write_json
from dispr.report.write import write_report
from dispr.scores.shape import binarise
from dispr.simulation.cell import simulate_cell

EDGE = 0.172
RULES = {name: Rule(2.0, 0.1, log=True) for name in ("volume", "boundary")}
INTERVALS = Intervals(0.9, 50, {ANY: RULES})
KINDS = ("0.00_discocyte", "B_keratocytes", "E_acanthocytes")


def samples_of(body):
    """Make an ensemble of three from a true shape: as it is, thinner above, and shifted."""
    thinner = body.copy()
    thinner[40:] = False
    return np.stack([body, thinner, np.roll(body, 2, axis=1)])


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A data set of three simulated cells, and made-up predictions of them."""
    root = tmp_path_factory.mktemp("study")
    rows = []
    for i, kind in enumerate(KINDS):
        cell = simulate_cell(kind, seed=1, index=i)
        name = f"{kind}{i + 1:06d}"
        for part in ("image", "mask", "obj"):
            write_tiff(root / "cells" / part / f"{name}.tif", getattr(cell, part))
        samples = samples_of(binarise(cell.obj))
        PredictionFolder(root / "predictions").write(name, samples, samples.mean(0), EDGE)
        volume = float(samples.sum(axis=(1, 2, 3)).mean())
        rows.append(
            {
                "name": name,
                "familiarity": (0.6, 0.001, 0.3)[i],
                "warning": ("", 'More unusual than all: "</script><b>".', "")[i],
                "volume_low_voxels": 0.5 * volume,
                "volume_high_voxels": (0.6 if i == 2 else 1.5) * volume,
                "ellipsoid_volume_voxels": 20000,
                "boundary_low_voxels": 10.0,
                "boundary_high_voxels": 20000.0,
            }
        )
    write_csv(root / "predictions" / "predictions.csv", rows)
    write_json(root / "predictions" / "prediction.json", {"intervals": INTERVALS.to_dict()})
    return root


@pytest.fixture(scope="session")
def report(study):
    """The report of it, with sections and truth."""
    out = study / "report.html"
    write_report(study / "predictions", study / "cells", out, jobs=1)
    return out


@pytest.fixture(scope="session")
def many(study):
    """The same with each cell on a page of its own: the files."""
    out = study / "many.html"
    return write_report(study / "predictions", study / "cells", out, jobs=1, page_bytes=1).pages
