"""The former place of `dispr.labelled.field.predict`."""

from dispr.labelled.field.predict import FieldPrediction, predict_field

__all__ = ["FieldPrediction", "predict_field"]
