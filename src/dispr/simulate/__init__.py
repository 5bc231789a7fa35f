"""Cells made up: analytic shapes, seen through a simulated microscope."""
