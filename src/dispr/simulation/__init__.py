"""Simulated cells: analytic shapes, seen through a simulated microscope."""
