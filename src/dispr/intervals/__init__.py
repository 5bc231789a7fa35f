"""Intervals of what shapes measure, fitted to cells whose shapes are known."""
