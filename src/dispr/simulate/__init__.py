"""Cells made up: analytic shapes, seen through a simulated microscope."""

from dispr.simulate.cell import SimulatedCell, simulate, simulate_cell
from dispr.simulate.folder import simulate_folder

__all__ = ["SimulatedCell", "simulate", "simulate_cell", "simulate_folder"]
