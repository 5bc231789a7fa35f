"""Predict plausible 3D cell shapes from one 2D microscopy image with a diffusion model.

>>> import dispr
>>> model = dispr.load()
>>> p = model.predict(image, mask, ensemble=5, seed=0)
>>> p.samples.shape, p.probability.shape
((5, 64, 64, 64), (64, 64, 64))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dispr._version import __version__

if TYPE_CHECKING:
    from dispr.comparison.run import compare
    from dispr.errors import DisprError
    from dispr.labelled.field.predict import predict_field
    from dispr.morphology.section import measure_section
    from dispr.morphology.shape import measure
    from dispr.prediction.files import open_predictions
    from dispr.prediction.many import predict_many
    from dispr.prediction.model import Model, load
    from dispr.prediction.prediction import Prediction
    from dispr.scores.shape import score
    from dispr.simulation.cell import simulate

__all__ = [
    "DisprError",
    "Model",
    "Prediction",
    "__version__",
    "compare",
    "load",
    "measure",
    "measure_section",
    "open_predictions",
    "predict_field",
    "predict_many",
    "score",
    "simulate",
]

# Imported when first used: `import dispr` itself takes no time.
_HOMES = {
    "compare": "dispr.comparison.run",
    "DisprError": "dispr.errors",
    "Model": "dispr.prediction.model",
    "Prediction": "dispr.prediction.prediction",
    "load": "dispr.prediction.model",
    "measure": "dispr.morphology.shape",
    "measure_section": "dispr.morphology.section",
    "open_predictions": "dispr.prediction.files",
    "predict_field": "dispr.labelled.field.predict",
    "predict_many": "dispr.prediction.many",
    "score": "dispr.scores.shape",
    "simulate": "dispr.simulation.cell",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
