"""Shapes out: the model as a user sees it."""
