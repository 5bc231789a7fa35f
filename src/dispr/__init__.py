"""Predict plausible 3D cell shapes from one 2D microscopy image with a diffusion model."""

from dispr._version import __version__

__all__ = ["__version__"]
