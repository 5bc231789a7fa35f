"""Shapes measured against the truth and against simple baselines."""
